//! Stamps requests and responses alike with the name of its build. A test writes another name of the
//! same length into the compiled file and so has another build.

use std::hint::black_box;

use hither_plugin::{
    Edits, NoConfig, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, Response,
    ResponseFilter, ResponsePatch, ResponseVerdict, plugin,
};

struct Stamp;

/// Read from the data segment, where a test can find it, and never folded into code.
static NAME: [u8; 24] = *b"build-000000000000000000";

#[plugin(request_filter, response_filter)]
impl Plugin for Stamp {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

fn stamp() -> Edits {
    Edits::default().set("x-build", black_box(&NAME).to_vec())
}

impl RequestFilter for Stamp {
    fn on_request(&self, _: &Request) -> RequestVerdict {
        RequestPatch::default().edit(stamp()).into()
    }
}

impl ResponseFilter for Stamp {
    fn on_response(&self, _: &Response, _: u64) -> ResponseVerdict {
        ResponsePatch::default().edit(stamp()).into()
    }
}
