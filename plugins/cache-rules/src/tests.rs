//! What the README of this plugin promises, on the fake host.

use std::time::Duration;

use hither_plugin::test::{self, Subject};

use super::*;

const CONFIG: &str = r#"{
    "query": { "drop": ["utm_*"] },
    "vary": ["Accept-Language"],
    "bypass": { "paths": ["/account*"], "cookies": ["session"] },
    "rules": [
        { "path": "/assets/*", "ttl": "1h", "stale_while_revalidate": "5m", "stale_if_error": "24h", "tags": ["assets"] },
        { "path": "/products/{id}", "ttl": "1m", "tags": ["products", "product:{id}"] },
        { "path": "/products/{id}", "statuses": [404, 410], "ttl": "10s" },
        { "path": "/live/*", "ttl": "0s" },
        { "path": "/forced", "ttl": "1s", "force": true }
    ]
}"#;

fn plugin() -> Subject<CacheRules> {
    test::configure(CONFIG).unwrap()
}

fn stored(
    plugin: &Subject<CacheRules>,
    status: u16,
    path: &str,
    field: Option<(&str, &str)>,
) -> Storage {
    let mut response = plugin.response(status).input("request.path", path);
    if let Some((name, value)) = field {
        response = response.header(name, value);
    }
    plugin.on_store(&response.build(), 0)
}

#[test]
fn keys_are_of_what_matters() {
    let plugin = plugin();
    let ask = |path: &str| plugin.on_lookup(&plugin.get(path).build());
    let key =
        |primary: &str| Lookup::from(Key::standard().primary(primary).vary("accept-language"));
    assert_eq!(ask("/a?b=1&utm_source=x&a=2"), key("/a?a=2&b=1"));
    assert_eq!(ask("/a"), key("/a"));
    assert_eq!(ask(&format!("/{}", "x".repeat(5000))), Lookup::Bypass);
    let post = plugin.get("/a?utm_source=x").method(Method::Post).build();
    assert_eq!(plugin.on_lookup(&post), Lookup::ByStandard);
    let plain = test::configure::<CacheRules>("{}").unwrap();
    assert_eq!(plain.on_lookup(&plain.get("/a?b").build()), Lookup::ByStandard);
}

#[test]
fn some_paths_and_cookies_pass_the_cache_by() {
    let plugin = plugin();
    for (path, cookie, bypass) in [
        ("/account", "", true),
        ("/%61ccount/x", "", true),
        ("/", "a=1; session=2", true),
        ("/", "sessions=2; xsession=1; session", false),
    ] {
        let request = plugin.get(path).header("cookie", cookie).build();
        assert_eq!(plugin.on_lookup(&request) == Lookup::Bypass, bypass, "{path} {cookie}");
    }
}

#[test]
fn rules_say_how_long_and_by_which_tags() {
    let plugin = plugin();
    let hour = Duration::from_secs(3600);
    let assets = Freshness::new(hour)
        .stale_while_revalidate(hour / 12)
        .stale_if_error(hour * 24)
        .tag("assets");
    assert_eq!(stored(&plugin, 200, "/assets/a.css?v=1", None), assets.into());
    let product = Freshness::new(Duration::from_secs(60)).tag("products").tag("product:7");
    assert_eq!(stored(&plugin, 200, "/products/7", None), product.into());
    let gone = Freshness::new(Duration::from_secs(10));
    assert_eq!(stored(&plugin, 404, "/products/7", None), gone.into());
    assert_eq!(stored(&plugin, 500, "/products/7", None), Storage::ByStandard);
    assert_eq!(stored(&plugin, 200, "/other", None), Storage::ByStandard);
    assert_eq!(stored(&plugin, 200, "/live/now", None), Storage::DoNotStore);
    let long = format!("/products/{}", "x".repeat(300));
    assert_eq!(stored(&plugin, 200, &long, None), Storage::DoNotStore, "its tag cannot be said");
}

#[test]
fn what_is_for_one_client_is_kept_for_none() {
    let plugin = plugin();
    for field in [
        ("cache-control", "no-store"),
        ("cache-control", "max-age=5, Private"),
        ("cache-control", "no-cache=\"x\""),
        ("set-cookie", "a=1"),
        ("vary", "accept, *"),
    ] {
        assert_eq!(
            stored(&plugin, 200, "/assets/a", Some(field)),
            Storage::ByStandard,
            "{field:?}"
        );
        let forced = stored(&plugin, 200, "/forced", Some(field));
        assert_eq!(forced, Freshness::new(Duration::from_secs(1)).into(), "{field:?}");
    }
    let known = plugin.get("/assets/a").header("authorization", "Basic YTpi").build();
    let Lookup::CustomKey(key) = plugin.on_lookup(&known) else { panic!("no key") };
    for path in ["/assets/a", "/forced"] {
        let response = plugin.response(200).input("request.path", path).build();
        assert_eq!(plugin.on_store(&response, key.memo), Storage::ByStandard, "{path}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (config, part) in [
        (r#"{"rules":[{"path":"assets","ttl":"1s"}]}"#, "\"assets\" is no path"),
        (r#"{"rules":[{"path":"/a","ttl":"1s","tags":["x:{id}"]}]}"#, "`{id}`"),
        (r#"{"rules":[{"path":"/a"}]}"#, "ttl"),
        (r#"{"bypass":{"cookie":["a"]}}"#, "cookie"),
    ] {
        let error = test::configure::<CacheRules>(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<serde_json::Value>(CacheRules::CONFIG_SCHEMA).unwrap();
}
