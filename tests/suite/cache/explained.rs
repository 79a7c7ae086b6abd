//! What the cache would do is told beforehand, and what it did afterwards.

use super::{before, is_hit, ok, origin};
use hither_harness::{Hither, Request};
use serde_json::{Value, json};

async fn explain(edge: &Hither, question: Value) -> Value {
    let answer = edge.ask(&Request::post("/explain", question.to_string())).await;
    answer.expect_status(200).json()
}

async fn words(edge: &Hither, arguments: &[&str]) -> String {
    let admin = edge.admin().to_string();
    let all: Vec<&str> = ["explain", "--admin", &admin].iter().chain(arguments).copied().collect();
    edge.command(&all).await.stdout
}

#[tokio::test]
async fn it_is_told_what_is_kept_and_what_it_would_be_for_the_request() {
    let origin = origin(|request| match request.target.as_str() {
        "/stale" => ok("cache-control: max-age=0, stale-if-error=9\r\netag: \"1\"\r\n", "hello"),
        _ => ok("cache-control: max-age=600\r\nvary: accept-language\r\n", "hello"),
    })
    .await;
    let edge = before(&origin, "").await;
    let of = |path: &str, headers: Value| {
        explain(&edge, json!({ "url": format!("http://localhost{path}"), "headers": headers }))
    };
    let german = json!([["accept-language", "de"]]);
    let told = of("/a", german.clone()).await;
    assert_eq!(told["outcome"]["result"], "instance", "{told}");
    assert_eq!(told["cache"]["does"], "looks_up");
    assert_eq!(told["cache"]["kept"], Value::Null);

    let get =
        |path: &'static str| Request::get(path).host("localhost").header("accept-language", "de");
    edge.send(&get("/a")).await.expect_status(200);
    let told = of("/a", german.clone()).await;
    assert_eq!(told["outcome"]["result"], "kept", "{told}");
    assert_eq!(told["outcome"]["status"], 200);
    assert_eq!(told["cache"]["kept"]["is"], "fresh");
    let fresh = told["cache"]["kept"]["fresh_seconds"].as_f64().expect("a number");
    assert!((500.0..=600.0).contains(&fresh), "{told}");
    // Asking has neither filled nor used it; another variant is not there.
    assert_eq!(of("/a", json!([["accept-language", "en"]])).await["cache"]["kept"], Value::Null);
    is_hit(&edge.send(&get("/a")).await);

    let told = of("/b", json!([["cache-control", "only-if-cached"]])).await;
    assert_eq!(told["outcome"]["fault"], "not_cached", "{told}");
    let told = of("/a", json!([["accept-language", "de"], ["cache-control", "no-cache"]])).await;
    assert_eq!(told["cache"]["kept"]["is"], "to_be_validated", "{told}");
    assert_eq!(told["outcome"]["result"], "instance");
    let told = explain(&edge, json!({ "url": "http://localhost/a", "method": "POST" })).await;
    assert_eq!(told["cache"]["why"], "its method is neither GET nor HEAD", "{told}");
    assert_eq!(origin.received(), 1);

    let german = ["http://localhost/a", "-H", "accept-language: de"];
    let words = words(&edge, &german).await;
    assert!(words.contains("=> is given what the cache keeps: 200, "), "{words}");
    assert!(words.contains("cache     is looked up under its URL: 200 of "), "{words}");
}

#[tokio::test]
async fn a_trace_says_what_the_cache_did() {
    let origin = origin(|_| ok("cache-control: max-age=600\r\n", "hello")).await;
    let admin = "[admin]\naddress = \"127.0.0.1:0\"\n[admin.trace]\nheader = \"x-trace\"\n";
    let edge = before(&origin, admin).await;
    for did in ["miss", "hit"] {
        let answer = edge.send(&Request::get("/a").header("x-trace", "1")).await;
        let trace = answer.header("hither-trace").expect("a trace");
        assert!(trace.contains(&format!("cache;is=\"{did}\"")), "{trace}");
    }
}

/// The plugin says under which key a request is looked up, and whether its answer is kept.
#[tokio::test]
async fn what_plugins_say_of_the_cache_is_told() {
    let origin = origin(|_| ok("x-store: yes\r\n", "hello")).await;
    let config = format!(
        "{}[service.web]\nplugins = [\"caching\"]\n[service.web.cache]\n{}\
         [plugin.caching]\nfile = \"caching.wasm\"\ntime = \"500ms\"\n\
         [admin]\naddress = \"127.0.0.1:0\"\n[admin.trace]\nheader = \"x-trace\"\n",
        crate::support::LISTENER,
        crate::support::instance("one", origin.address(), ""),
    );
    let edge = Hither::builder(crate::support::HITHER)
        .config(config)
        .file("caching.wasm", std::fs::read(hither_guests::guest("caching")).expect("a guest"))
        .start()
        .await;
    let key = words(&edge, &["http://localhost/key"]).await;
    assert!(key.contains("gives it a key of its own, with accept-language"), "{key}");
    assert!(key.contains("is looked up under a plugin's key: nothing is kept"), "{key}");
    let bypass = words(&edge, &["http://localhost/bypass"]).await;
    assert!(bypass.contains("has it pass by the cache"), "{bypass}");
    assert!(bypass.contains("cache     passes it by: a plugin wants it so"), "{bypass}");
    let answer = edge.send(&Request::get("/key").header("x-trace", "1")).await;
    let trace = answer.header("hither-trace").expect("a trace");
    for part in ["hook=\"cache-policy\";said=\"keyed\"", "said=\"kept\"", "cache;is=\"miss\""] {
        assert!(trace.contains(part), "{part} is missing in {trace}");
    }
    let kept = explain(&edge, json!({ "url": "http://localhost/key" })).await;
    assert_eq!(kept["outcome"]["result"], "kept", "{kept}");
    assert_eq!(kept["cache"]["by_plugin"], true);
}
