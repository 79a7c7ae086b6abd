//! Greets every client: the smallest useful plugin, to start your own from.

use hither_plugin::{
    Edits, Plugin, Response, ResponseFilter, ResponsePatch, ResponseVerdict, plugin,
};

/// A plugin without settings: it takes any configuration and looks at none.
pub struct Hello;

#[plugin(response_filter)]
impl Plugin for Hello {
    type Config = serde::de::IgnoredAny;
    const RESPONSE_INPUTS: &'static [&'static str] = &["edge.region"];
    fn configure(_: Self::Config) -> Result<Self, String> {
        Ok(Hello)
    }
}

impl ResponseFilter for Hello {
    fn on_response(&self, response: &Response, _memo: u64) -> ResponseVerdict {
        let region = response.input("edge.region").unwrap_or("somewhere");
        ResponsePatch::default()
            .edit(Edits::default().set("x-hello", format!("from {region}")))
            .into()
    }
}
