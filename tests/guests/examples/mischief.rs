//! Does what the path says, in every hook: the wrong things that `faults.md` lists. In the response
//! hook the header `x-mischief` of the response says it.

use std::hint::black_box;

use hither_plugin::{
    Decision, Edits, NoConfig, Plugin, Reply, Request, RequestFilter, RequestPatch, RequestVerdict,
    Response, ResponseFilter, ResponsePatch, ResponseVerdict, Routing, Target, log, plugin,
};

struct Mischief;

#[plugin(routing, request_filter, response_filter)]
impl Plugin for Mischief {
    type Config = NoConfig;
    const RESPONSE_INPUTS: &'static [&'static str] = &["header:x-mischief"];

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

/// What can be wrong in any hook; the rest is in the answer.
fn misbehave(what: &str) {
    match what {
        "/loop" => loop {
            black_box(());
        },
        "/grow" => {
            let mut held = Vec::new();
            loop {
                held.push(black_box(vec![1_u8; 1 << 20]));
            }
        }
        "/trap" => std::process::abort(),
        "/recurse" => {
            black_box(recurse(black_box(1)));
        }
        "/host-calls" => {
            while black_box(true) {
                log::enabled(log::Level::Info);
            }
        }
        "/long-line" => log::emit(log::Level::Info, &"x".repeat(20 << 20), &[]),
        _ => {}
    }
}

/// Keeps little in memory, so that the stack of machine code ends before the guest's own does.
#[allow(unconditional_recursion, reason = "that is the mischief")]
fn recurse(depth: u64) -> u64 {
    recurse(black_box(depth) + 1) ^ depth
}

fn edits(what: &str) -> Option<Edits> {
    let edits = Edits::default();
    Some(match what {
        "/crlf" => edits.set("x-a", "b\r\nset-cookie: c"),
        "/bad-name" => edits.set("x a", "b"),
        "/content-length" => edits.set("Content-Length", "3"),
        "/transfer-encoding" => edits.remove("transfer-encoding"),
        "/many-edits" => (0..10_000).fold(edits, |edits, n| edits.set(format!("x-{n}"), "v")),
        "/good" => edits.set("x-good", "yes"),
        _ => return None,
    })
}

fn reply(what: &str) -> Option<Reply> {
    Some(match what {
        "/status-99" => Reply::new(99),
        "/huge" => Reply::new(200).body(vec![b'x'; 100 << 20]),
        "/big" => Reply::new(200).body(vec![b'x'; 20 << 20]),
        "/reply" => Reply::new(403).header("x-why", "because").body("no"),
        _ => return None,
    })
}

impl Routing for Mischief {
    fn select(&self, request: &Request) -> Decision {
        let what = request.path.as_str();
        misbehave(what);
        if let Some(reply) = reply(what) {
            return reply.into();
        }
        match (what, edits(what)) {
            ("/bad-path", _) => Target::default().path("/a b").into(),
            (_, Some(edits)) => Target::default().edit(edits).into(),
            _ => Decision::Pass,
        }
    }
}

impl RequestFilter for Mischief {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let what = request.path.as_str();
        misbehave(what);
        if let Some(reply) = reply(what) {
            return reply.into();
        }
        edits(what).map_or(RequestVerdict::Pass, |edits| RequestPatch::default().edit(edits).into())
    }
}

impl ResponseFilter for Mischief {
    fn on_response(&self, response: &Response, memo: u64) -> ResponseVerdict {
        let what = response.header("x-mischief").unwrap_or_default();
        misbehave(what);
        if let Some(reply) = reply(what) {
            return reply.into();
        }
        if what == "/memo" {
            return ResponsePatch::default().metadata("memo", memo.to_string()).into();
        }
        edits(what)
            .map_or(ResponseVerdict::Pass, |edits| ResponsePatch::default().edit(edits).into())
    }
}
