//! The plugins of this repository load with the grants that they tell of and do on the host what their tests
//! say. What the binary serves is shown there; here, what it does not yet.

use std::sync::Arc;
use std::time::Duration;

use hither_plugin_host::{
    CacheKey, ConfigureError, Freshness, Host, HostOptions, Lookup, ResponseVerdict, Routing, Spec,
    Storage,
};

use crate::scene::{Given, World, host, load, one_config, request, response};

fn shipped(host: &Host, name: &str) -> Arc<hither_plugin_host::Loaded> {
    let bytes = std::fs::read(hither_guests::package(name)).expect("the plugin can be read");
    load(host, Spec::new(name, bytes))
}

#[test]
fn tenant_router_routes_by_the_configured_header() {
    let (host, _) = host();
    let config = r#"{"header":"x-org","tenants":{"acme":{"require":{"tier":"gold"}}}}"#;
    let revision = shipped(&host, "tenant-router").configure(one_config(config)).unwrap();
    let given = Given(vec![("header:x-org", "acme")]);
    let Ok(Routing::Route(target)) = revision.select(&request("/", &given)).outcome else {
        panic!("not routed");
    };
    assert_eq!(target.require, [("tier".to_owned(), "gold".to_owned())]);
    let other = Given(vec![("header:x-tenant", "acme")]);
    assert_eq!(revision.select(&request("/", &other)).outcome, Ok(Routing::Pass));
}

#[test]
fn headers_edits_responses_and_refuses_what_is_not_its_own() {
    let (host, _) = host();
    let loaded = shipped(&host, "headers");
    let config = r#"{"set":{"x-frame-options":"DENY"},"remove":["server"]}"#;
    let revision = loaded.configure(one_config(config)).unwrap();
    let report = revision.on_response(&response(&Given::default()), 0);
    let Ok(ResponseVerdict::Next(patch)) = report.outcome else { panic!("not changed") };
    assert_eq!(patch.edits.remove, ["server"]);
    assert_eq!(patch.edits.set[0].1, "DENY");
    let error = loaded.configure(one_config(r#"{"remove":["Host"]}"#)).unwrap_err();
    assert!(matches!(error, ConfigureError::Refused { config: 0, .. }), "{error:?}");
}

/// The binary has no cache yet, and refuses it.
#[test]
fn cache_rules_decides_for_a_host_that_has_a_cache() {
    let mut options = HostOptions::new(Arc::new(World::default()));
    options.caches = true;
    let host = Host::new(options).unwrap();
    let config = r#"{
        "query": { "drop": ["utm_*"] },
        "vary": ["accept-language"],
        "bypass": { "cookies": ["session"] },
        "rules": [{ "path": "/p/{id}", "ttl": "1m", "stale_if_error": "1h", "tags": ["p:{id}"] }]
    }"#;
    let revision = shipped(&host, "cache-rules").configure(one_config(config)).unwrap();
    let ask = |given: Vec<(&'static str, &'static str)>| {
        revision.on_lookup(&request("/p/7?utm_source=x&b=1&a=2", &Given(given))).outcome
    };
    let vary = vec![http::HeaderName::from_static("accept-language")];
    let key = CacheKey { primary: Some(b"/p/7?a=2&b=1".to_vec()), vary, memo: 0 };
    assert_eq!(ask(vec![]), Ok(Lookup::Custom(key.clone())));
    assert_eq!(ask(vec![("header:cookie", "a=b; session=1")]), Ok(Lookup::Bypass));
    let credentials = ask(vec![("header:authorization", "Basic YTpi")]);
    assert_eq!(credentials, Ok(Lookup::Custom(CacheKey { memo: 1, ..key })));
    let store = |given: Vec<(&'static str, &'static str)>, memo| {
        revision.on_store(&response(&Given(given)), memo).outcome
    };
    let path = ("request.path", "/p/7?utm_source=x");
    let kept = Freshness {
        ttl: Duration::from_secs(60),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::from_secs(3600),
        tags: vec!["p:7".to_owned()],
    };
    assert_eq!(store(vec![path], 0), Ok(Storage::Store(kept)));
    assert_eq!(store(vec![path, ("header:set-cookie", "a=1")], 0), Ok(Storage::ByStandard));
    assert_eq!(store(vec![path], 1), Ok(Storage::ByStandard));
    assert_eq!(store(vec![("request.path", "/other")], 0), Ok(Storage::ByStandard));
}
