//! What the README of this plugin promises, on the fake host.

use hither_plugin::test::{self, Subject};
use hither_plugin::{BodyMode, Method};

use super::*;

fn plugin(config: &str) -> Subject<Rewrite> {
    test::configure(config).unwrap()
}

const BODIES: &str = r#"{
    "response": { "types": ["text/*", "application/json"], "replace": [{ "find": "old", "with": "brand new" }] },
    "request": { "types": ["application/json"], "whole": "64KiB", "replace": [{ "find": "a", "with": "b" }] }
}"#;

fn patched(verdict: RequestVerdict) -> RequestPatch {
    match verdict {
        RequestVerdict::Next(patch) => patch,
        other => panic!("not passed: {other:?}"),
    }
}

#[test]
fn the_first_rule_that_fits_counts() {
    let plugin = plugin(
        r#"{"rules":[{"prefix":"/gone","to":"/","redirect":301},{"prefix":"/","to":"/v2"},{"prefix":"/","to":"/v3"}]}"#,
    );
    let ask = |path: &str| plugin.on_request(&plugin.get(path).build());
    assert_eq!(patched(ask("/a")).path.as_deref(), Some("/v2/a"));
    let RequestVerdict::Respond(reply) = ask("/gone/b?c") else { panic!("not sent away") };
    assert_eq!((reply.status, &*reply.headers[0].value), (301, b"/b?c".as_slice()));
    let nothing = self::plugin("{}");
    let patch = patched(nothing.on_request(&nothing.get("/a").build()));
    assert_eq!((patch.path, patch.edits, patch.response_hooks), (None, None, false));
}

#[test]
fn bodies_are_taken_by_their_type_and_only_in_no_coding() {
    let plugin = plugin(BODIES);
    for (kind, coding, taken) in [
        ("application/json", "", BodyMode::Buffered(65_536)),
        ("Application/JSON; charset=utf-8", "identity", BodyMode::Buffered(65_536)),
        ("application/json", "gzip", BodyMode::None),
        ("application/jsonl", "", BodyMode::None),
        ("", "", BodyMode::None),
    ] {
        let mut request = plugin.get("/").method(Method::Post).header("content-type", kind);
        if !coding.is_empty() {
            request = request.header("content-encoding", coding);
        }
        // Built as a GET without a body; the proxy says where there is one.
        let patch =
            patched(plugin.on_request(&request.with(|raw| raw.end_of_stream = false).build()));
        assert_eq!(patch.body, taken, "{kind} {coding}");
        let edits = Edits::default().remove("range").remove("if-range");
        assert_eq!(patch.edits, Some(edits));
    }
}

#[test]
fn answers_lose_what_no_longer_holds() {
    let plugin = plugin(BODIES);
    let ask = |fields: &[(&str, &str)], status| {
        let mut response = plugin.response(status);
        for (name, value) in fields {
            response = response.header(name, value);
        }
        plugin.on_response(&response.build(), 0)
    };
    let html = ("content-type", "text/html");
    let ResponseVerdict::Next(patch) = ask(&[html, ("etag", "\"1\"")], 200) else {
        panic!("not taken");
    };
    assert_eq!(patch.body, BodyMode::Streamed);
    let edits = patch.edits.unwrap();
    assert_eq!((&*edits.set[0].name, &*edits.set[0].value), ("etag", b"W/\"1\"".as_slice()));
    assert!(edits.remove.iter().any(|name| name == "content-digest"));
    for (fields, status) in [
        (&[("content-type", "image/png")][..], 200),
        (&[html, ("content-encoding", "br")], 200),
        (&[html, ("cache-control", "max-age=1, No-Transform")], 200),
        (&[html], 206),
        (&[html, ("content-range", "bytes 0-1/2")], 200),
        (&[], 200),
    ] {
        assert_eq!(ask(fields, status), ResponseVerdict::Pass, "{fields:?} {status}");
    }
}

#[test]
fn body_hooks_find_their_configuration_by_the_memo() {
    let (first, second) = (plugin(BODIES), plugin(&BODIES.replace("brand new", "other")));
    for (plugin, expected) in [(&first, "brand new"), (&second, "other")] {
        let memo = patched(plugin.on_request(&plugin.get("/").build())).memo;
        let about = Body { exchange: 1, memo };
        let whole = Rewrite::on_whole_response(about, b"<old>".to_vec());
        assert_eq!(whole, WholeVerdict::Replace(format!("<{expected}>").into_bytes()));
        assert_eq!(Rewrite::on_whole_response(about, b"new".to_vec()), WholeVerdict::Keep);
        assert_eq!(
            Rewrite::on_whole_request(about, b"a".to_vec()),
            WholeVerdict::Replace(b"b".to_vec())
        );
        let piece = |data: &[u8], last| Rewrite::on_response_chunk(about, data.to_vec(), last);
        assert_eq!(piece(b"an ol", false), ChunkVerdict::Replace(b"an ".to_vec()));
        let end = format!("{expected} o");
        assert_eq!(piece(b"d o", true), ChunkVerdict::Replace(end.into_bytes()));
        assert_eq!(piece(b"the next body", true), ChunkVerdict::Keep);
    }
}

#[test]
fn what_grows_without_measure_is_stopped() {
    let with = "x".repeat(4096);
    let plugin = plugin(&BODIES.replace("\"old\"", "\"a\"").replace("brand new", &with));
    let about =
        Body { exchange: 1, memo: patched(plugin.on_request(&plugin.get("/").build())).memo };
    let body = vec![b'a'; 64 << 10];
    assert_eq!(Rewrite::on_response_chunk(about, body.clone(), true), ChunkVerdict::Abort);
    let WholeVerdict::Respond(reply) = Rewrite::on_whole_response(about, body) else {
        panic!("it was made");
    };
    assert_eq!(reply.status, 502);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (config, part) in [
        (r#"{"rules":[{"to":"/"}]}"#, "rule 1 in `rules`"),
        (r#"{"response":{"types":[],"replace":[]}}"#, "`response`: `types`"),
        (r#"{"response":{"types":["a/b"],"replace":[]}}"#, "`replace` needs texts"),
        (
            r#"{"request":{"types":["a/b"],"replace":[{"find":"","with":"x"}]}}"#,
            "none of them empty",
        ),
        (
            r#"{"request":{"types":["a/b"],"whole":"8GiB","replace":[{"find":"a","with":"x"}]}}"#,
            "too large",
        ),
    ] {
        let error = test::configure::<Rewrite>(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<serde_json::Value>(Rewrite::CONFIG_SCHEMA).unwrap();
}
