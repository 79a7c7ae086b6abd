//! Promises that its verdicts follow from its inputs, and breaks the promise: it counts its calls and
//! tells what it sees, so that a test can tell a call from what was remembered.

use std::cell::Cell;

use hither_plugin::{
    NoConfig, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, Response,
    ResponseFilter, ResponsePatch, ResponseVerdict, plugin,
};

struct ByInputs(Cell<u64>);

#[plugin(request_filter, response_filter)]
impl Plugin for ByInputs {
    type Config = NoConfig;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-tenant", "header:x-tier"];
    const BY_INPUTS: bool = true;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self(Cell::new(0)))
    }
}

impl ByInputs {
    fn count(&self) -> String {
        self.0.set(self.0.get() + 1);
        self.0.get().to_string()
    }
}

impl RequestFilter for ByInputs {
    #[allow(clippy::panic, reason = "a trap is what a test asks for")]
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let calls = self.count();
        if request.header("x-tenant") == Some("trap") && self.0.get() < 2 {
            panic!("as asked");
        }
        let beside = format!(
            "{}{}{}{}{:?}",
            request.exchange, request.now_ms, request.authority, request.path, request.method
        );
        RequestPatch::default()
            .metadata("calls", calls)
            .metadata("tenant", request.header("x-tenant").unwrap_or("none"))
            .metadata("beside", beside)
            .into()
    }
}

impl ResponseFilter for ByInputs {
    fn on_response(&self, response: &Response, memo: u64) -> ResponseVerdict {
        let said = format!("{} {} {memo}", self.count(), response.status);
        ResponsePatch::default().metadata("said", said).into()
    }
}
