//! What the README of this plugin promises, on the fake host.

use hither_plugin::test::{self, Subject};

use super::*;

fn plugin(more: &str) -> Subject<AbSplit> {
    let config = format!(
        r#"{{{more} "variants": {{
            "stable": {{ "weight": 50, "labels": {{ "version": "1" }} }},
            "beta": {{ "weight": 50, "labels": {{ "version": "2", "tier": "new" }} }}
        }}}}"#
    );
    test::configure(&config).unwrap()
}

/// The variant of a request, by all three hooks: filter, routing, and what the app is told.
fn variant(plugin: &Subject<AbSplit>, request: &Request) -> (String, u64) {
    let RequestVerdict::Next(patch) = plugin.on_request(request) else { panic!("not drawn") };
    let edits = patch.edits.unwrap();
    let told = String::from_utf8(edits.set[0].value.clone()).unwrap();
    assert_eq!((&*patch.metadata[0].name, &patch.metadata[0].value), ("variant", &told));
    let Decision::Route(target) = plugin.select(request) else { panic!("not routed") };
    let version = &target.prefer.iter().chain(&target.require).last().unwrap().value;
    assert_eq!(told == "beta", version == "2", "{told} goes to {version}");
    assert_eq!(target.memo, patch.memo, "the hooks remember the same");
    (told, patch.memo)
}

#[test]
fn a_new_visitor_gets_a_cookie_and_stays() {
    let plugin = plugin("");
    let (told, memo) = variant(&plugin, &plugin.get("/").build());
    let ResponseVerdict::Next(patch) = plugin.on_response(&plugin.response(200).build(), memo)
    else {
        panic!("no cookie");
    };
    let field = patch.edits.unwrap().append.remove(0);
    assert_eq!(field.name, "set-cookie");
    let cookie = String::from_utf8(field.value).unwrap();
    let (value, attributes) = cookie.strip_prefix("split=").unwrap().split_once(';').unwrap();
    assert_eq!(attributes, " Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly");
    for _ in 0..3 {
        test::advance(std::time::Duration::from_secs(1));
        let again = plugin.get("/").input("cookie:split", value).build();
        assert_eq!(variant(&plugin, &again), (told.clone(), 0), "who has a cookie gets no other");
    }
    assert_eq!(plugin.on_response(&plugin.response(200).build(), 0), ResponseVerdict::Pass);
    let drawn = plugin.get("/").input("cookie:split", "nonsense").build();
    assert_ne!(variant(&plugin, &drawn).1, 0, "what is no place is drawn anew");
}

#[test]
fn a_key_of_the_request_is_enough() {
    let by_header = plugin(r#""by": "header", "header": "X-Org", "#);
    let of = |plugin: &Subject<AbSplit>, value: &str| {
        variant(plugin, &plugin.get("/").header("x-org", value).build())
    };
    let variants: Vec<String> = (0..20).map(|user| of(&by_header, &user.to_string()).0).collect();
    assert!(variants.iter().any(|one| one == "beta") && variants.iter().any(|one| one == "stable"));
    assert_eq!(of(&by_header, "7"), (variants[7].clone(), 0));
    let by_client = plugin(r#""by": "client", "#);
    let request = by_client.get("/").input("client.address", "192.0.2.7").build();
    assert_eq!(variant(&by_client, &request), variant(&by_client, &request));
}

#[test]
fn who_has_no_key_is_in_no_variant_whatever_it_claims() {
    let plugin = plugin(r#""by": "cookie", "cookie": "sid", "#);
    let request = plugin.get("/").header("x-variant", "beta").build();
    let edits = Edits::default().remove("x-variant");
    let expected = RequestPatch::default().edit(edits).without_response_hooks();
    assert_eq!(plugin.on_request(&request), expected.into());
    assert_eq!(plugin.select(&request), Decision::Pass);
}

#[test]
fn labels_are_preferred_or_required() {
    let all = |plugin: &Subject<AbSplit>| {
        let request = plugin.get("/").input("cookie:split", "1").build();
        match plugin.select(&request) {
            Decision::Route(target) => (!target.prefer.is_empty(), !target.require.is_empty()),
            other => panic!("not routed: {other:?}"),
        }
    };
    assert_eq!(all(&plugin("")), (true, false));
    assert_eq!(all(&plugin(r#""mode": "require", "#)), (false, true));
}

#[test]
fn another_salt_is_another_draw() {
    let (one, two) = (plugin(""), plugin(r#""salt": "2", "#));
    let differ = (0..100).filter(|place: &u32| {
        let of = |plugin: &Subject<AbSplit>| {
            variant(plugin, &plugin.get("/").input("cookie:split", place.to_string()).build()).0
        };
        of(&one) != of(&two)
    });
    assert!((25..75).contains(&differ.count()));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (config, part) in [
        (r#"{"variants":{}}"#, "1 to 64 variants"),
        (r#"{"variants":{"a":{"weight":0,"labels":{}}}}"#, "a weight above 0"),
        (r#"{"variants":{"a b":{"weight":1,"labels":{}}}}"#, "`a b`"),
        (r#"{"cookie":"a;b","variants":{"a":{"weight":1,"labels":{}}}}"#, "`a;b`"),
        (r#"{"variant_header":"host","variants":{"a":{"weight":1,"labels":{}}}}"#, "by the proxy"),
        (r#"{"by":"moon","variants":{"a":{"weight":1,"labels":{}}}}"#, "moon"),
    ] {
        let error = test::configure::<AbSplit>(config).unwrap_err();
        assert!(error.contains(part), "{config}: {error}");
    }
}

#[test]
fn the_schema_is_json() {
    serde_json::from_str::<serde_json::Value>(AbSplit::CONFIG_SCHEMA).unwrap();
}
