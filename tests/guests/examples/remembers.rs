//! Counts calls in its own memory, which nobody may rely on: the number goes out as metadata.

use std::cell::Cell;

use hither_plugin::{
    NoConfig, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, plugin,
};

struct Remembers(Cell<u64>);

#[plugin(request_filter)]
impl Plugin for Remembers {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self(Cell::new(0)))
    }
}

impl RequestFilter for Remembers {
    fn on_request(&self, _: &Request) -> RequestVerdict {
        self.0.set(self.0.get() + 1);
        RequestPatch::default().metadata("calls", self.0.get().to_string()).into()
    }
}
