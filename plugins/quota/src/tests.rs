//! What the README of this plugin promises, on the fake host.

use hither_plugin::Method;
use hither_plugin::test::{self, RequestBuilder, Subject};

use super::*;

const CONFIG: &str = r#"{
    "query": "key",
    "plans": {
        "free": { "limiters": ["free"] },
        "gold": { "limiters": ["gold", "gold-day"], "cost": 2 }
    },
    "keys": {
        "k-gold": "gold",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad": "free"
    },
    "default": "free",
    "costs": [
        { "path": "/health", "cost": 0 },
        { "path": "/search*", "methods": ["POST"], "cost": 10 },
        { "methods": ["DELETE"], "cost": 5 }
    ]
}"#;

fn plugin(config: &str) -> Subject<Quota> {
    test::configure(config).unwrap()
}

type Asked<'a> = RequestBuilder<'a, Quota>;

/// Each charge as limiter, key and cost.
fn charged(
    plugin: &Subject<Quota>,
    ask: impl FnOnce(Asked<'_>) -> Asked<'_>,
) -> Vec<(String, String, u32)> {
    let request = ask(plugin.get("/").input("client.address", "192.0.2.7")).build();
    match plugin.classify(&request) {
        RateVerdict::Checks(checks) => checks
            .into_iter()
            .map(|check| (check.limiter, String::from_utf8(check.key).unwrap(), check.cost))
            .collect(),
        other => panic!("not counted: {other:?}"),
    }
}

fn refused(plugin: &Subject<Quota>, ask: impl FnOnce(Asked<'_>) -> Asked<'_>) -> u16 {
    match plugin.classify(&ask(plugin.get("/")).build()) {
        RateVerdict::Deny(reply) => reply.status,
        other => panic!("let through: {other:?}"),
    }
}

fn of(limiter: &str, key: &str, cost: u32) -> (String, String, u32) {
    (limiter.to_owned(), key.to_owned(), cost)
}

#[test]
fn a_key_is_counted_by_all_limiters_of_its_plan() {
    let plugin = plugin(CONFIG);
    let gold = [of("gold", "key k-gold", 2), of("gold-day", "key k-gold", 2)];
    assert_eq!(charged(&plugin, |request| request.header("x-api-key", "k-gold")), gold);
    assert_eq!(charged(&plugin, |request| request.input("query:key", "k-gold")), gold);
    let hashed = charged(&plugin, |request| request.header("x-api-key", "abc"));
    assert!(hashed[0].0 == "free" && hashed[0].1.starts_with("key sha256:ba78"), "{hashed:?}");
}

#[test]
fn who_has_no_key_shares_what_the_client_may_take() {
    let plugin = plugin(CONFIG);
    assert_eq!(charged(&plugin, |request| request), [of("free", "client 192.0.2.7", 1)]);
    let told =
        CONFIG.replace("\"default\": \"free\"", "\"default\": \"free\", \"unknown\": \"default\"");
    let lenient = self::plugin(&told);
    for made_up in ["1", "2"] {
        let counted = charged(&lenient, |request| request.header("x-api-key", made_up));
        assert_eq!(counted, [of("free", "client 192.0.2.7", 1)], "a made-up key bought something");
    }
    let each = self::plugin(&told.replace("\"unknown\": \"default\"", "\"unknown\": \"each\""));
    let counted = charged(&each, |request| request.header("x-api-key", "alice"));
    assert_eq!(counted, [of("free", "value alice", 1)]);
}

#[test]
fn no_value_passes_for_a_key_or_a_client() {
    let told =
        CONFIG.replace("\"default\": \"free\"", "\"default\": \"free\", \"unknown\": \"each\"");
    let counted = charged(&plugin(&told), |request| request.header("x-api-key", "key k-gold"));
    assert_eq!(counted, [of("free", "value key k-gold", 1)]);
}

#[test]
fn unknown_missing_and_doubled_keys_are_refused() {
    let strict = plugin(&CONFIG.replace("\"default\": \"free\",", ""));
    assert_eq!(refused(&strict, |request| request), 401);
    assert_eq!(refused(&plugin(CONFIG), |request| request.header("x-api-key", "k-golf")), 401);
    let long = "x".repeat(600);
    assert_eq!(refused(&plugin(CONFIG), |request| request.header("x-api-key", &long)), 401);
    let twice = strict.get("/").header("x-api-key", "k-gold").input("query:key", "k-gold").build();
    let RateVerdict::Deny(reply) = strict.classify(&twice) else { panic!("let through") };
    assert_eq!(reply.status, 400);
}

#[test]
fn a_parameter_is_looked_at_only_where_the_configuration_names_one() {
    let config = r#"{"plans":{"a":{"limiters":["a"]}},"keys":{"k":"a"}}"#;
    assert_eq!(refused(&plugin(config), |request| request.input("query:api_key", "k")), 401);
}

#[test]
fn method_and_path_say_what_a_request_costs() {
    let plugin = plugin(CONFIG);
    for (method, path, cost) in [
        (Method::Get, "/", 1),
        (Method::Get, "/health", 0),
        (Method::Post, "/search?q", 10),
        (Method::Post, "/%73earch", 10),
        (Method::Get, "/search", 1),
        (Method::Delete, "/x", 5),
    ] {
        let request = plugin.get(path).method(method).input("client.address", "::1").build();
        let RateVerdict::Checks(checks) = plugin.classify(&request) else { panic!("{path}") };
        assert_eq!(checks[0].cost, cost, "{path}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (config, part) in [
        (r#"{"plans":{}, "keys":{"k":"lost"}}"#, "no plan `lost`"),
        (r#"{"plans":{"a":{"limiters":[]}}}"#, "`a` needs 1 to 16"),
        (r#"{"plans":{"a":{"limiters":["a"]}},"unknown":"each"}"#, "no `default`"),
        (r#"{"plans":{"a":{"limiters":["a"]}},"keys":{"sha256:1":"a"}}"#, "is no SHA-256"),
        (r#"{}"#, "plans"),
    ] {
        let error = test::configure::<Quota>(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<serde_json::Value>(Quota::CONFIG_SCHEMA).unwrap();
}
