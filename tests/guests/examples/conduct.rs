//! Behaves as its bytes say, in every request: a test writes another conduct of the same length into the
//! compiled file and so has a build that is worse than the one before, in the way that it wants.

use std::hint::black_box;

use hither_plugin::{
    Edits, NoConfig, Plugin, Reply, Request, RequestFilter, RequestPatch, RequestVerdict, Response,
    ResponseFilter, ResponsePatch, ResponseVerdict, plugin,
};

struct Conduct;

/// Read from the data segment, and never folded into code.
static CONDUCT: [u8; 20] = *b"conduct-good--------";

/// Some milliseconds on any machine of today, and a fraction of the time that tests grant a call.
const SLOW: u32 = 2_000_000;

#[plugin(request_filter, response_filter)]
impl Plugin for Conduct {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

fn conduct() -> Vec<u8> {
    black_box(&CONDUCT).to_vec()
}

impl RequestFilter for Conduct {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        match conduct().as_slice() {
            b"conduct-trap--------" => std::process::abort(),
            b"conduct-trap-answers" => {}
            b"conduct-reject------" => return Reply::new(403).body("no").into(),
            b"conduct-slow--------" => {
                let worked = (0..SLOW).fold(request.path.len() as u32, |sum, turn| {
                    black_box(sum.wrapping_mul(31).wrapping_add(turn))
                });
                black_box(worked);
            }
            _ => {}
        }
        RequestPatch::default().edit(Edits::default().set("x-conduct", conduct())).memo(7).into()
    }
}

impl ResponseFilter for Conduct {
    fn on_response(&self, _: &Response, memo: u64) -> ResponseVerdict {
        if conduct() == b"conduct-trap-answers" || memo != 7 {
            std::process::abort();
        }
        ResponsePatch::default().edit(Edits::default().set("x-conduct", conduct())).into()
    }
}
