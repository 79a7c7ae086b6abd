//! What the README of this plugin promises, on the fake host.

use hither_plugin::test::{self, Subject};
use hither_plugin::{Edits, Reply, RequestPatch};
use serde_json::{Value, json};

use super::*;

/// Signed by OpenSSL, so by other code than is tested here.
const TOKENS: &str = include_str!("../../jwt-core/tests/fixtures/tokens.json");
const JWKS: &str = include_str!("../../jwt-core/tests/fixtures/jwks.json");
const RSA: &str = include_str!("../../jwt-core/tests/fixtures/rsa.pem");
const EC: &str = include_str!("../../jwt-core/tests/fixtures/ec.pem");
const SECRET: &[u8] = b"not a secret any more, for it is in the README";

fn token(name: &str) -> String {
    let all: Value = serde_json::from_str(TOKENS).unwrap();
    all[name].as_str().unwrap().to_owned()
}

fn keys() -> Value {
    let jwks: Value = serde_json::from_str(JWKS).unwrap();
    json!([
        { "algorithm": "HS256", "secret": "signing" },
        { "algorithm": "RS256", "pem": RSA, "kid": "rsa-1" },
        { "algorithm": "ES256", "jwk": jwks["keys"][1] },
    ])
}

fn plugin(more: Value) -> Subject<Jwt> {
    test::set_secret("signing", SECRET);
    let mut config =
        json!({ "keys": keys(), "issuers": ["https://id.example"], "audiences": ["shop"] });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    test::configure(&config.to_string()).unwrap()
}

fn with(plugin: &Subject<Jwt>, authorization: &str) -> RequestVerdict {
    plugin.on_request(&plugin.get("/").header("authorization", authorization).build())
}

fn bearer(plugin: &Subject<Jwt>, name: &str) -> RequestVerdict {
    with(plugin, &format!("Bearer {}", token(name)))
}

/// The status, and the challenge.
fn refused(verdict: RequestVerdict) -> (u16, String) {
    let RequestVerdict::Respond(Reply { status, headers, .. }) = verdict else {
        panic!("let through: {verdict:?}");
    };
    let challenge = headers.into_iter().find(|field| field.name == "www-authenticate").unwrap();
    (status, String::from_utf8(challenge.value).unwrap())
}

fn passed() -> RequestVerdict {
    RequestPatch::default().edit(Edits::default()).into()
}

#[test]
fn tokens_of_every_algorithm_pass() {
    let plugin = plugin(json!({}));
    for name in ["hs", "rs", "es"] {
        assert_eq!(bearer(&plugin, name), passed(), "{name}");
    }
    assert_eq!(with(&plugin, &format!("bearer  {}", token("hs"))), passed());
}

#[test]
fn algorithms_cannot_be_confused() {
    let plugin = plugin(json!({}));
    for name in ["none", "confused", "rs_unknown"] {
        let (status, challenge) = refused(bearer(&plugin, name));
        assert!(
            status == 401 && challenge.contains("error=\"invalid_token\""),
            "{name}: {challenge}"
        );
    }
    // The public key as an HMAC secret, where the operator has lent just that: still another key's token.
    test::set_secret("signing", RSA.as_bytes());
    let only = json!({ "keys": [{ "algorithm": "RS256", "pem": RSA }] });
    let rsa: Subject<Jwt> = test::configure(&only.to_string()).unwrap();
    assert_eq!(refused(bearer(&rsa, "confused")).0, 401);
    assert_eq!(bearer(&rsa, "rs"), passed());
}

#[test]
fn every_changed_bit_of_a_token_is_noticed() {
    let plugin = plugin(json!({}));
    for name in ["hs", "rs", "es"] {
        let good = token(name);
        assert_eq!(bearer(&plugin, name), passed(), "and a good one is remembered, {name}");
        for place in (0..good.len()).step_by(7) {
            let mut bad = good.clone().into_bytes();
            bad[place] = if bad[place] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bad).unwrap();
            assert_eq!(
                refused(with(&plugin, &format!("Bearer {bad}"))).0,
                401,
                "{name} at {place}"
            );
        }
    }
}

#[test]
fn an_old_token_is_told_to_be_old() {
    test::advance(std::time::Duration::from_secs(1_000_000_030));
    let (status, challenge) = refused(bearer(&plugin(json!({})), "rs_old"));
    let told = "Bearer realm=\"api\", error=\"invalid_token\", error_description=\"the token has expired\"";
    assert_eq!((status, &*challenge), (401, told));
}

#[test]
fn without_a_token_it_depends() {
    let strict = plugin(json!({ "realm": "shop" }));
    let bare = "Bearer realm=\"shop\"".to_owned();
    assert_eq!(refused(strict.on_request(&strict.get("/").build())), (401, bare.clone()));
    assert_eq!(refused(with(&strict, "Basic YTpi")), (401, bare));
    let open = plugin(json!({ "require": false, "forward": { "X-User": "sub" } }));
    // What a client writes is taken out also where nobody is known.
    let cleaned = RequestPatch::default().edit(Edits::default().remove("x-user"));
    assert_eq!(open.on_request(&open.get("/").build()), cleaned.into());
    assert_eq!(refused(bearer(&open, "none")).0, 401, "a bad token is not none");
    let plain = plugin(json!({ "require": false }));
    assert_eq!(plain.on_request(&plain.get("/").build()), RequestVerdict::Pass);
}

#[test]
fn two_tokens_are_none() {
    let plugin = plugin(json!({ "cookie": "session" }));
    let good = token("hs");
    let cookie = || plugin.get("/").input("cookie:session", &good);
    assert_eq!(plugin.on_request(&cookie().build()), passed());
    let both = cookie().header("authorization", format!("Bearer {good}")).build();
    assert_eq!(refused(plugin.on_request(&both)).0, 400);
}

#[test]
fn cookies_are_looked_at_only_where_one_is_named_and_headers_may_be_others() {
    let unnamed = plugin(json!({}));
    let request = unnamed.get("/").input("cookie:jwt", token("hs")).build();
    assert_eq!(refused(unnamed.on_request(&request)).0, 401);
    let other = plugin(json!({ "header": "X-Token" }));
    for value in [token("hs"), format!("Bearer {}", token("hs"))] {
        assert_eq!(other.on_request(&other.get("/").header("x-token", value).build()), passed());
    }
}

#[test]
fn claims_go_to_the_app_and_to_later_plugins() {
    let plugin = plugin(json!({
        "forward": { "x-user": "sub", "x-tenant": "tenant" }, "meta": ["sub", "tenant"], "strip": true,
    }));
    let edits = Edits::default()
        .remove("x-tenant")
        .remove("x-user")
        .remove("authorization")
        .set("x-user", "alice");
    let expected = RequestPatch::default().metadata("sub", "alice").edit(edits);
    assert_eq!(bearer(&plugin, "es"), expected.into());
}

#[test]
fn what_is_too_long_is_not_looked_at() {
    let plugin = plugin(json!({ "max_token": 64 }));
    let (_, challenge) = refused(bearer(&plugin, "hs"));
    assert!(challenge.contains("too long"), "{challenge}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    test::set_secret("signing", SECRET);
    let one = |key: Value| json!({ "keys": [key] });
    let small = json!({ "kty": "RSA", "n": "wOGL4Ohv3f5QWAd19L3E4jlzfrOHxP-l", "e": "AQAB" });
    for (config, part) in [
        (json!({ "keys": [] }), "`keys` is empty"),
        (one(json!({ "algorithm": "none" })), "none"),
        (one(json!({ "algorithm": "HS256", "secret": "lost" })), "`lost`"),
        (one(json!({ "algorithm": "HS256", "pem": RSA })), "HS256 needs `secret`"),
        (one(json!({ "algorithm": "RS256", "pem": EC })), "key 1 in `keys`: `pem` is no RSA"),
        (one(json!({ "algorithm": "ES256", "pem": RSA })), "`pem` is no P-256"),
        (one(json!({ "algorithm": "RS256", "secret": "signing" })), "needs a public key"),
        (one(json!({ "algorithm": "RS256", "jwk": small })), "no RSA key"),
        (one(json!({ "algorithm": "ES256", "jwk": { "kty": "oct", "k": "AA" } })), "none for"),
        (json!({ "keys": keys(), "leeway": "1h" }), "`leeway`"),
        (json!({ "keys": keys(), "forward": { "host": "sub" } }), "written by the proxy"),
        (json!({ "keys": keys(), "jwks": { "service": "a", "path": "/" } }), "jwt-jwks"),
    ] {
        let error = test::configure::<Jwt>(&config.to_string()).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<Value>(Jwt::CONFIG_SCHEMA).unwrap();
}
