//! What the README of this plugin promises, on the fake host.

use hither_plugin::test::{self, Subject};

use super::*;

/// 2026-12-24T22:00:00Z.
const BEGIN_MS: u64 = 1_798_149_600_000;

fn plugin(config: &str) -> Subject<Maintenance> {
    test::configure(config).unwrap()
}

fn refused(verdict: RequestVerdict) -> Reply {
    match verdict {
        RequestVerdict::Respond(reply) => reply,
        other => panic!("let through: {other:?}"),
    }
}

fn field(reply: &Reply, name: &str) -> String {
    let found = reply.headers.iter().find(|field| field.name == name);
    String::from_utf8(found.unwrap().value.clone()).unwrap()
}

#[test]
fn people_get_a_page_and_programs_get_a_problem() {
    let plugin = plugin(r#"{"message":"Back at <five>"}"#);
    let page = refused(plugin.on_request(&plugin.get("/").header("accept", "text/html").build()));
    assert_eq!((page.status, &*field(&page, "retry-after")), (503, "300"));
    assert_eq!(field(&page, "content-type"), "text/html; charset=utf-8");
    assert!(String::from_utf8(page.body).unwrap().contains("Back at &lt;five&gt;"));
    let data = refused(plugin.on_request(&plugin.get("/").build()));
    assert_eq!(field(&data, "content-type"), "application/problem+json");
    let body: serde_json::Value = serde_json::from_slice(&data.body).unwrap();
    assert_eq!((&body["status"], &body["detail"]), (&503.into(), &"Back at <five>".into()));
}

#[test]
fn bodies_can_be_the_operators() {
    let plugin = plugin(r#"{"html":"<p>later","json":"{}","retry_after":"1.5s"}"#);
    let page = refused(plugin.on_request(&plugin.get("/").header("accept", "text/html").build()));
    assert_eq!((&*page.body, &*field(&page, "retry-after")), (b"<p>later".as_slice(), "2"));
    let data = refused(plugin.on_request(&plugin.get("/").build()));
    assert_eq!(
        (&*data.body, &*field(&data, "content-type")),
        (b"{}".as_slice(), "application/json")
    );
}

#[test]
fn it_holds_inside_its_window_only() {
    let plugin = plugin(r#"{"from":"2026-12-24T22:00:00Z","until":"2026-12-25T00:00:00+01:00"}"#);
    let ask = || plugin.on_request(&plugin.get("/").build());
    test::advance(Duration::from_millis(BEGIN_MS - 1));
    assert_eq!(ask(), RequestVerdict::Pass);
    test::advance(Duration::from_millis(1));
    assert_eq!(field(&refused(ask()), "retry-after"), "3600");
    test::advance(Duration::from_millis(3_599_999));
    assert_eq!(field(&refused(ask()), "retry-after"), "1");
    test::advance(Duration::from_millis(1));
    assert_eq!(ask(), RequestVerdict::Pass);
}

#[test]
fn paths_and_networks_go_through() {
    let plugin =
        plugin(r#"{"paths":["/health","/.well-known/*"],"networks":["10.0.0.0/8","::1"]}"#);
    for path in ["/health", "/health?x", "/.well-known/acme", "/%68ealth"] {
        assert_eq!(plugin.on_request(&plugin.get(path).build()), RequestVerdict::Pass, "{path}");
    }
    refused(plugin.on_request(&plugin.get("/healthy").build()));
    for (client, passes) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("::1", true),
        ("11.1.2.3", false),
        ("", false),
    ] {
        let request = plugin.get("/").input("client.address", client).build();
        let verdict = plugin.on_request(&request);
        assert_eq!(verdict == RequestVerdict::Pass, passes, "{client}");
    }
}

#[test]
fn who_shows_the_bypass_goes_through_and_the_app_never_sees_it() {
    test::set_secret("door", b"open sesame");
    for config in [r#"{"bypass":{"value":"open sesame"}}"#, r#"{"bypass":{"secret":"door"}}"#] {
        let plugin = plugin(config);
        let shown = |value: &str| plugin.get("/").header("x-maintenance-bypass", value).build();
        let passed = RequestPatch::default().edit(Edits::default().remove("x-maintenance-bypass"));
        assert_eq!(plugin.on_request(&shown("open sesame")), passed.into(), "{config}");
        let cookie = plugin.get("/").input("cookie:maintenance-bypass", "open sesame").build();
        assert_eq!(plugin.on_request(&cookie), RequestVerdict::Pass, "{config}");
        for wrong in ["", "open", "open sesame!", "OPEN SESAME"] {
            refused(plugin.on_request(&shown(wrong)));
        }
    }
    let plugin = plugin("{}");
    refused(plugin.on_request(&plugin.get("/").header("x-maintenance-bypass", "").build()));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (config, part) in [
        (r#"{"from":"tomorrow"}"#, "`from` must be a moment"),
        (r#"{"from":"2026-12-24T22:00:00Z","until":"2026-12-24T22:00:00Z"}"#, "later than"),
        (r#"{"networks":["ten"]}"#, "\"ten\""),
        (r#"{"paths":["health"]}"#, "\"health\" is no path"),
        (r#"{"bypass":{"secret":"lost"}}"#, "`lost`"),
        (r#"{"retry_after":"soon"}"#, "\"soon\" is no duration"),
        (r#"{"form":""}"#, "form"),
    ] {
        let error = test::configure::<Maintenance>(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<serde_json::Value>(Maintenance::CONFIG_SCHEMA).unwrap();
}
