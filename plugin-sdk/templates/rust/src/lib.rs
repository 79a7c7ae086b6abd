//! Sends a request to the region that its `x-region` header names, and greets in every answer: a small
//! plugin, to start your own from.

use hither_plugin::{
    Decision, Edits, Plugin, Request, Response, ResponseFilter, ResponsePatch, ResponseVerdict,
    Routing, Target, plugin,
};

/// A plugin without settings: it takes any configuration and looks at none.
pub struct Hello;

#[plugin(routing, response_filter)]
impl Plugin for Hello {
    type Config = serde::de::IgnoredAny;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-region"];
    const RESPONSE_INPUTS: &'static [&'static str] = &["edge.region"];
    fn configure(_: Self::Config) -> Result<Self, String> {
        Ok(Hello)
    }
}

impl Routing for Hello {
    fn select(&self, request: &Request) -> Decision {
        match request.header("x-region") {
            Some(region) => Target::default().prefer("region", region).into(),
            None => Decision::Pass,
        }
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
