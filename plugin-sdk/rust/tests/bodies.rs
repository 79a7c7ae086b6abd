//! Body and failover hooks run on the fake host as any other code does.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use hither_plugin::{
    Attempt, Body, BodyMode, ChunkVerdict, Edits, Failover, FailoverDecision, NoConfig, Plugin,
    Reply, Request, RequestBody, RequestFilter, RequestPatch, RequestVerdict, Response,
    ResponseBody, ResponseFilter, ResponsePatch, ResponseVerdict, WholeVerdict, plugin, test,
};

struct Example;

#[plugin(request_filter, request_body, response_filter, response_body, failover)]
impl Plugin for Example {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl RequestFilter for Example {
    fn on_request(&self, _: &Request) -> RequestVerdict {
        RequestPatch::default().whole_body(9).memo(5).into()
    }
}

impl RequestBody for Example {
    fn on_whole_request(about: Body, body: Vec<u8>) -> WholeVerdict {
        match body.is_empty() {
            true => Reply::new(400).into(),
            false => WholeVerdict::KeepWith(Edits::default().set("x-memo", about.memo.to_string())),
        }
    }
}

impl ResponseFilter for Example {
    fn on_response(&self, _: &Response, _: u64) -> ResponseVerdict {
        ResponsePatch::default().body_chunks().into()
    }
}

impl ResponseBody for Example {
    fn on_response_chunk(_: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        match last {
            true => ChunkVerdict::Abort,
            false => ChunkVerdict::Replace(data.to_ascii_uppercase()),
        }
    }
}

impl Failover for Example {
    fn on_failure(&self, _: &Request, _: u64, attempt: &Attempt) -> FailoverDecision {
        match attempt.status {
            Some(503) => Reply::new(299).into(),
            _ => FailoverDecision::GiveUp,
        }
    }
}

#[test]
fn filters_ask_for_bodies_and_body_hooks_answer() {
    let plugin = test::configure::<Example>("{}").unwrap();
    let RequestVerdict::Next(patch) = plugin.on_request(&plugin.get("/").build()) else {
        unreachable!("it always patches");
    };
    assert_eq!(patch.body, BodyMode::Buffered(9));
    let about = Body { exchange: 1, memo: patch.memo };
    let edits = Edits::default().set("x-memo", "5");
    assert_eq!(Example::on_whole_request(about, b"a".to_vec()), WholeVerdict::KeepWith(edits));
    assert_eq!(Example::on_whole_request(about, Vec::new()), Reply::new(400).into());
    assert_eq!(Example::on_request_chunk(about, b"a".to_vec(), true), ChunkVerdict::Keep);

    let verdict = plugin.on_response(&plugin.response(200).build(), 5);
    assert_eq!(verdict, ResponsePatch::default().body_chunks().into());
    let chunk = |last| Example::on_response_chunk(about, b"a".to_vec(), last);
    assert_eq!(chunk(false), ChunkVerdict::Replace(b"A".to_vec()));
    assert_eq!(chunk(true), ChunkVerdict::Abort);
    assert_eq!(Example::on_whole_response(about, b"a".to_vec()), WholeVerdict::Keep);
}

#[test]
fn a_failed_attempt_is_told_with_what_came_of_it() {
    let plugin = test::configure::<Example>("{}").unwrap();
    let attempt = |status, error: Option<&str>| Attempt {
        number: 1,
        instance: "a".to_owned(),
        status,
        error: error.map(str::to_owned),
        elapsed_ms: 3,
    };
    let request = plugin.get("/").build();
    let said = |attempt: &Attempt| plugin.on_failure(&request, 0, attempt);
    assert_eq!(said(&attempt(Some(503), None)), Reply::new(299).into());
    assert_eq!(said(&attempt(None, Some("connect_refused"))), FailoverDecision::GiveUp);
}
