//! Why there, of a live request: told where it asks and may, and to nobody else.

use crate::explain::{FINE, ROUTER, limited};
use crate::support::{HITHER, instance, shipped};
use hither_harness::{H2, Hither, Http1, RawOrigin, Request, Response};
use serde_json::json;
use std::net::IpAddr;

const TRACE: &str = "hither-trace";

fn traced(value: &str) -> Request {
    Request::get("/").host("example.com").header("X-Why", value)
}

#[tokio::test]
async fn a_live_request_is_told_why_where_it_asks_and_may() {
    let origin = RawOrigin::answering(FINE).await;
    let plugin =
        format!("[admin]\naddress = \"127.0.0.1:0\"\n[admin.trace]\nheader = \"x-why\"\n{ROUTER}");
    let config =
        limited("", &plugin, &origin).replace("hosts =", "plugins = [\"router\"]\nhosts =");
    let edge = Hither::builder(HITHER)
        .config(config)
        .file("router.wasm", shipped("tenant-router"))
        .start()
        .await;
    let answer = edge.send(&traced("1")).await.expect_status(200);
    let line = answer.header(TRACE).expect("a trace").to_owned();
    let expected = [
        "service;name=\"web\";host=\"example.com\";path=\"/\", limit;name=\"each\";is=\"open\";left=1, ",
        "limit;name=\"all\";is=\"open\";left=4, plugin;name=\"router\";hook=\"routing\";said=\"passed\";ms=",
        ", queue;ms=0.000, instance;id=\"one\";region=\"ams\";class=\"0-1ms\";band=\"open\";load=1;soft=20, attempts;n=1",
    ];
    for part in expected {
        assert!(line.contains(part), "{part}\nis not in\n{line}");
    }
    let sent = origin.requests();
    assert_eq!(sent[0].header("x-why"), None, "the instance does not see it");
    let plain = edge.send(&Request::get("/").host("example.com")).await.expect_status(200);
    assert_eq!(plain.header(TRACE), None, "nobody asked");
    // What is refused tells why, too.
    let refused = edge.send(&traced("1")).await.expect_status(429);
    let line = refused.header(TRACE).expect("a trace");
    assert!(line.contains("limit;name=\"each\";is=\"spent\";left=0"), "{line}");
    assert!(!line.contains("instance"), "{line}");
    // Over HTTP/2 as well.
    let client = H2::connect(edge.address(0)).await.unwrap();
    let answer = client.request(&traced("1")).await.unwrap();
    assert!(answer.header(TRACE).is_some(), "{}", answer.headers());
    off_where_it_is_not_configured(&edge).await;
}

/// A reload switches it off.
async fn off_where_it_is_not_configured(edge: &Hither) {
    let config = std::fs::read_to_string(edge.config_path()).unwrap();
    edge.write_config(&config.replace("[admin.trace]\nheader = \"x-why\"\n", ""));
    let answer = edge.reload().await.expect_status(200).json();
    assert_eq!(answer["needs_restart"], json!([]), "{answer:#}");
    assert_eq!(edge.send(&traced("1")).await.header(TRACE), None);
}

async fn from(edge: &Hither, value: &str, client: &str) -> Response {
    let source: IpAddr = "127.0.0.1".parse().unwrap();
    let mut connection = Http1::connect_from(source, edge.address(0)).await.unwrap();
    connection.request(&traced(value).header("x-forwarded-for", client)).await.unwrap()
}

#[tokio::test]
async fn the_inside_is_told_to_nobody_else() {
    let origin = RawOrigin::answering(FINE).await;
    let plain = "[service.web]\nhosts = [\"example.com\"]\n".to_owned()
        + &instance("one", origin.address(), "region = \"ams\"");
    let config = |token: &str| {
        format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]\n{plain}\
             [admin]\naddress = \"127.0.0.1:0\"\n[admin.trace]\nheader = \"x-why\"\n{token}"
        )
    };
    let edge =
        Hither::builder(HITHER).config(config("")).file("trace.token", "secret\n").start().await;
    let told =
        async |value: &str, client: &str| from(&edge, value, client).await.header(TRACE).is_some();
    assert!(told("1", "127.0.0.1").await, "a proxy for itself");
    assert!(!told("1", "203.0.113.7").await, "a proxy for somebody else");
    edge.write_config(&config("token_file = \"trace.token\"\n"));
    edge.reload().await.expect_status(200);
    assert!(told("secret", "203.0.113.7").await && told("secret", "127.0.0.1").await);
    assert!(!told("1", "127.0.0.1").await && !told("secre", "127.0.0.1").await);
    let seen = origin.requests();
    assert!(
        seen.iter().all(|request| request.header("x-why").is_none()),
        "right or wrong, it stays here"
    );
    // Another token in the file is another token.
    edge.write_file("trace.token", "other");
    edge.reload().await.expect_status(200);
    assert!(told("other", "203.0.113.7").await && !told("secret", "203.0.113.7").await);
    edge.write_file("trace.token", " \n");
    let answer = edge.reload().await.expect_status(422);
    assert!(answer.text().contains("trace.token cannot be used: it is empty"), "{}", answer.text());
}
