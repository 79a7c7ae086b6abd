//! Plugins name limiters and keys, the edge counts and answers: all or none, each key apart, in headers that
//! clients understand.

use crate::support::{HITHER, LISTENER, instance};
use hither_harness::{Hither, RawOrigin, Request, Response};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// Nothing comes back while a test runs.
const LIMITERS: &str =
    "[limiter.per-key]\nrate = \"1/h\"\nburst = 2\n[limiter.wide]\nrate = \"2/h\"\nburst = 10\n";

fn config(origin: &RawOrigin, limiters: &str) -> String {
    format!(
        "{LISTENER}[service.web]\nplugins = [\"limiting\"]\n{}[plugin.limiting]\n\
         file = \"limiting.wasm\"\ngrants = [\"limits\"]\nlimiters = [\"per-key\", \"wide\"]\n{limiters}",
        instance("one", origin.address(), "")
    )
}

async fn start(origin: &RawOrigin) -> Hither {
    Hither::builder(HITHER)
        .file("limiting.wasm", std::fs::read(hither_guests::guest("limiting")).unwrap())
        .config(config(origin, LIMITERS))
        .start()
        .await
}

async fn get(edge: &Hither, path: &str, key: &str) -> Response {
    edge.send(&Request::get(path).header("x-key", key)).await
}

#[tokio::test]
async fn a_key_over_its_limit_is_answered_429_by_the_edge_and_others_are_not() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin).await;
    for _ in 0..2 {
        get(&edge, "/one", "acme").await.expect_status(200);
    }
    let refused = get(&edge, "/one", "acme").await.expect_status(429);
    assert_eq!(refused.header("ratelimit-policy"), Some("\"per-key\";q=1;w=3600"));
    let state = refused.header("ratelimit").unwrap();
    assert!(state.starts_with("\"per-key\";r=0;t="), "{state}");
    let after: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&after), "{after}");
    assert_eq!(refused.json()["reason"], "rate_limited");
    get(&edge, "/one", "other").await.expect_status(200);
    assert_eq!(origin.received(), 3, "what was refused went nowhere");

    let metrics = edge.metrics().await;
    let counted = |decision| {
        metrics.value(
            "hither_limiter_decisions_total",
            &[("limiter", "per-key"), ("decision", decision)],
        )
    };
    assert_eq!((counted("allowed"), counted("refused")), (Some(3.0), Some(1.0)));
    let line =
        edge.access_line(crate::support::SOON, "the refusal", |line| line["status"] == 429).await;
    assert_eq!(line["limit"], "per-key", "{line}");
}

#[tokio::test]
async fn several_checks_are_charged_all_or_none_and_counts_outlive_reload_and_swap() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin).await;
    for _ in 0..2 {
        get(&edge, "/both", "acme").await.expect_status(200);
    }
    for _ in 0..20 {
        get(&edge, "/both", "acme").await.expect_status(429);
    }
    let left = |said: &str| assert!(said.contains("8 left"), "{said}");
    left(&get(&edge, "/peek/wide/", "acme").await.text());
    // Another burst is another limit with the same counts.
    edge.write_config(&config(&origin, &LIMITERS.replace("burst = 2", "burst = 3")));
    let changes = edge.reload().await.expect_status(200).json();
    assert_eq!(changes["changes"][0], "limiter.per-key changed", "{changes}");
    get(&edge, "/both", "acme").await.expect_status(200);
    get(&edge, "/both", "acme").await.expect_status(429);
    let bytes = std::fs::read(hither_guests::guest("limiting")).unwrap();
    let swapped = [&*bytes, &[0, 6, 4], b"note", b"x"].concat();
    edge.swap("limiting", swapped).await.expect_status(200);
    get(&edge, "/both", "acme").await.expect_status(429);
    assert_eq!(get(&edge, "/take/wide/7", "acme").await.text(), "allowed, 0 left, 0 ms");
    let refused = get(&edge, "/take/wide/1", "acme").await.text();
    assert!(refused.starts_with("refused, 0 left, 17"), "{refused}");
}

#[tokio::test]
async fn a_plugin_denies_in_its_own_words_and_fails_closed() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin).await;
    let denied = get(&edge, "/deny", "acme").await.expect_status(403);
    assert_eq!(denied.text(), "no key, no service");
    // Not lent, and a trap: failed calls, which reject by default.
    for path in ["/unknown", "/trap"] {
        let failed = get(&edge, path, "acme").await.expect_status(503);
        assert_eq!(failed.json()["reason"], "plugin_failed", "{path}");
    }
    let status = edge.status().await;
    let failed = status["plugins"][0]["last_failure"].as_str().unwrap();
    assert!(failed.starts_with("rate-limit: it trapped"), "{failed}");
    get(&edge, "/one", "acme").await.expect_status(200);
}

#[tokio::test]
async fn explain_says_what_would_be_counted_and_charges_nothing() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin).await;
    let question = serde_json::json!({ "url": "/one", "headers": [["x-key", "acme"]] });
    let ask = async || edge.ask(&Request::post("/explain", question.to_string())).await.json();
    for _ in 0..5 {
        let told = ask().await;
        let call = &told["plugins"][0];
        assert_eq!((&call["hook"], &call["verdict"]), (&"rate-limit".into(), &"counted".into()));
        assert_eq!(call["refused"], serde_json::Value::Null, "{told:#}");
    }
    for _ in 0..2 {
        get(&edge, "/one", "acme").await.expect_status(200);
    }
    let told = ask().await;
    assert_eq!(told["plugins"][0]["refused"], "per-key", "{told:#}");
    assert_eq!(told["outcome"]["fault"], "rate_limited", "{told:#}");
}
