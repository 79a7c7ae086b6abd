//! What the README of this plugin promises, on the fake host.

use std::time::Duration;

use hither_plugin::http::{Answer, Error};
use hither_plugin::test::{self, Subject};
use hither_plugin::{Edits, Reply, RequestPatch};
use serde_json::{Value, json};

use super::*;

const TOKENS: &str = include_str!("../../jwt-core/tests/fixtures/tokens.json");
const JWKS: &str = include_str!("../../jwt-core/tests/fixtures/jwks.json");
const PATH: &str = "/jwks.json";

fn plugin() -> Subject<JwtJwks> {
    let config = json!({
        "jwks": { "service": "id", "path": PATH, "lifetime": "10m", "stale": "1h", "interval": "30s" },
    });
    test::configure(&config.to_string()).unwrap()
}

/// The issuer publishes those of the fixtures' keys, `"rsa-1"` or `"ec-1"`.
fn publishes(kids: &[&str]) {
    let mut set: Value = serde_json::from_str(JWKS).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.retain(|key| kids.contains(&key["kid"].as_str().unwrap()));
    // What nobody here knows is no hindrance.
    keys.push(json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }));
    keys.push(json!("odd"));
    answers(200, &set.to_string());
}

fn answers(status: u16, body: &str) {
    let answer = Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
    test::set_answer("id", PATH, Ok(answer));
}

/// The status that a token is refused with, or 200.
fn ask(plugin: &Subject<JwtJwks>, name: &str) -> u16 {
    let tokens: Value = serde_json::from_str(TOKENS).unwrap();
    let bearer = format!("Bearer {}", tokens[name].as_str().unwrap());
    match plugin.on_request(&plugin.get("/").header("authorization", bearer).build()) {
        RequestVerdict::Respond(Reply { status, .. }) => status,
        verdict => {
            assert_eq!(verdict, RequestPatch::default().edit(Edits::default()).into());
            200
        }
    }
}

fn calls() -> usize {
    test::take_calls().len()
}

fn wait(seconds: u64) {
    test::advance(Duration::from_secs(seconds));
}

fn tick(plugin: &Subject<JwtJwks>) {
    let now_ms = plugin.get("/").build().now_ms;
    plugin.on_tick(now_ms);
}

#[test]
fn keys_are_fetched_once_and_serve_every_instance() {
    publishes(&["rsa-1", "ec-1"]);
    let (first, second) = (plugin(), plugin());
    assert_eq!((ask(&first, "rs"), ask(&first, "es"), ask(&second, "es")), (200, 200, 200));
    assert_eq!(calls(), 1);
    tick(&first);
    wait(599);
    tick(&first);
    assert_eq!((ask(&first, "rs"), calls()), (200, 0));
}

#[test]
fn a_flood_of_unknown_keys_is_one_call_in_an_interval() {
    publishes(&["ec-1"]);
    let plugin = plugin();
    tick(&plugin);
    assert_eq!(calls(), 1);
    wait(30);
    for _ in 0..100 {
        assert_eq!(ask(&plugin, "rs_unknown"), 401);
    }
    assert_eq!(calls(), 1);
    // A known key is none of that.
    assert_eq!((ask(&plugin, "es"), calls()), (200, 0));
    wait(30);
    publishes(&["ec-1", "rsa-1"]);
    assert_eq!((ask(&plugin, "rs"), calls()), (200, 1), "a new key is known at once");
}

#[test]
fn keys_that_are_published_no_more_are_trusted_no_longer_than_their_lifetime() {
    publishes(&["rsa-1", "ec-1"]);
    let (serving, background) = (plugin(), plugin());
    assert_eq!(ask(&serving, "rs"), 200);
    publishes(&["ec-1"]);
    wait(600);
    tick(&background);
    assert_eq!((ask(&serving, "rs"), ask(&serving, "es")), (401, 200));
}

#[test]
fn an_issuer_that_is_away_is_no_outage_until_keys_are_stale() {
    publishes(&["ec-1"]);
    let plugin = plugin();
    assert_eq!(ask(&plugin, "es"), 200);
    test::set_answer("id", PATH, Err(Error::Timeout));
    wait(3599);
    tick(&plugin);
    assert_eq!(ask(&plugin, "es"), 200);
    wait(1);
    assert_eq!(ask(&plugin, "es"), 503);
    let line = test::take_log().pop().unwrap();
    assert!(
        line.message.contains("id/jwks.json were not fetched: there was no answer"),
        "{line:?}"
    );
    wait(30);
    publishes(&["ec-1"]);
    assert_eq!(ask(&plugin, "es"), 200);
}

#[test]
fn where_nothing_is_known_calls_are_few_and_clients_told_to_come_back() {
    test::set_answer("id", PATH, Err(Error::Unavailable("nobody is there".to_owned())));
    let plugin = plugin();
    for _ in 0..50 {
        assert_eq!(ask(&plugin, "es"), 503);
    }
    assert_eq!(calls(), 4);
}

#[test]
fn answers_that_are_no_keys_change_nothing() {
    publishes(&["ec-1"]);
    let plugin = plugin();
    assert_eq!(ask(&plugin, "es"), 200);
    let large = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(200_000));
    for (status, body) in [(404, "{}"), (200, "<html>"), (200, r#"{"keys":[]}"#), (200, &*large)] {
        wait(600);
        answers(status, body);
        tick(&plugin);
        assert_eq!(ask(&plugin, "es"), 200, "{status}");
    }
}

#[test]
fn an_issuer_cannot_publish_a_secret() {
    let confused = json!({ "keys": [
        { "kty": "oct", "alg": "HS256", "kid": "rsa-1", "k": "AAAA" },
        { "kty": "RSA", "alg": "HS256", "kid": "rsa-1", "n": "AAAA", "e": "AQAB" },
    ] });
    answers(200, &confused.to_string());
    assert_eq!(ask(&plugin(), "confused"), 503);
    publishes(&["rsa-1"]);
    wait(30);
    assert_eq!(ask(&plugin(), "confused"), 401);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let jwks = |more: &str| format!(r#"{{"jwks":{{"service":"id","path":"/"{more}}}}}"#);
    for (config, part) in [
        ("{}".to_owned(), "`jwks` says where"),
        (jwks(r#","interval":"10ms""#), "`interval`"),
        (jwks(r#","stale":"1m""#), "`stale`"),
        (r#"{"jwks":{"service":"id","path":"jwks"}}"#.to_owned(), "`path`"),
        (
            jwks("").replace(
                "{\"jwks",
                "{\"keys\":[{\"algorithm\":\"HS256\",\"secret\":\"a\"}],\"jwks",
            ),
            "HS256",
        ),
    ] {
        let error = test::configure::<JwtJwks>(&config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<Value>(JwtJwks::CONFIG_SCHEMA).unwrap();
}
