//! A plugin has a say when an attempt has failed, inside what the service's retry policy allows.

use crate::bodies::NO_EJECTION;
use crate::support::{HITHER, LISTENER, instance};
use hither_harness::{H2, Hither, RawOrigin, RefusingOrigin, Request, Response};
use std::net::SocketAddr;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// The first instance is asked first; the others bear a label each.
async fn edge(origins: &[SocketAddr], settings: &str, plugin: &str) -> Hither {
    let mut config =
        format!("{LISTENER}[service.web]\nplugins = [\"says\"]\n{settings}{NO_EJECTION}");
    for (place, origin) in origins.iter().enumerate() {
        let more = format!("rtt = \"{}ms\"\nlabels = {{ place = \"p{place}\" }}", 1 + 60 * place);
        config += &instance(&format!("i{place}"), *origin, &more);
    }
    config += &format!("[plugin.says]\nfile = \"says.wasm\"\n{plugin}\n");
    let guest = std::fs::read(hither_guests::guest("failover")).unwrap();
    Hither::builder(HITHER).config(config).file("says.wasm", guest).start().await
}

fn get(says: &str) -> Request {
    Request::get("/").header("x-failover", says)
}

async fn both(edge: &Hither, request: &Request) -> [Response; 2] {
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    [edge.send(request).await, h2.request(request).await.unwrap()]
}

#[tokio::test]
async fn a_plugin_decides_what_follows_a_connection_that_is_refused() {
    let refusing = RefusingOrigin::start();
    let (near, far) = (RawOrigin::answering(FINE).await, RawOrigin::answering(FINE).await);
    let edge = edge(&[refusing.address(), near.address(), far.address()], "", "").await;
    for says in ["by-policy", "retry"] {
        for response in both(&edge, &get(says)).await {
            assert_eq!(response.expect_status(200).text(), "fine", "{says}");
        }
    }
    assert_eq!((near.received(), far.received()), (4, 0));
    for response in both(&edge, &get("place=p2")).await {
        response.expect_status(200);
    }
    assert_eq!((near.received(), far.received()), (4, 2));
    for response in both(&edge, &get("give-up")).await {
        assert_eq!(response.expect_status(502).json()["reason"], "connect_refused");
    }
    for response in both(&edge, &get("respond")).await {
        assert_eq!(response.expect_status(299).text(), "1 i0 0 connect_refused");
    }
    // Nobody bears this label: what went wrong is told as it was.
    for response in both(&edge, &get("place=nowhere")).await {
        assert_eq!(response.expect_status(502).json()["reason"], "connect_refused");
    }
    assert_eq!((near.received(), far.received()), (4, 2));
}

#[tokio::test]
async fn an_answer_that_is_a_failure_may_be_given_up_for_another_attempt() {
    let (busy, well) = (RawOrigin::answering(BUSY).await, RawOrigin::answering(FINE).await);
    let edge = edge(&[busy.address(), well.address()], "", "").await;
    for says in ["by-policy", "give-up"] {
        for response in both(&edge, &get(says)).await {
            assert_eq!(response.expect_status(503).text(), "busy", "{says}");
        }
    }
    assert_eq!(well.received(), 0);
    let put = Request::new("PUT", "/").body("x".repeat(20_000)).header("x-failover", "retry");
    for request in [get("retry"), put] {
        for response in both(&edge, &request).await {
            assert_eq!(response.expect_status(200).text(), "fine");
        }
    }
    assert_eq!(well.requests()[3].body.len(), 20_000);
    for response in both(&edge, &get("respond")).await {
        assert_eq!(response.expect_status(299).text(), "1 i0 503 -");
    }
    // What is not safe to repeat is not repeated, whoever asks for it.
    let received = well.received();
    let post = Request::post("/", "hello").header("x-failover", "retry");
    for response in both(&edge, &post).await {
        assert_eq!(response.expect_status(503).text(), "busy");
    }
    let long = Request::new("PUT", "/").body("x".repeat(300_000)).header("x-failover", "retry");
    for response in both(&edge, &long).await {
        assert_eq!(response.expect_status(503).text(), "busy");
    }
    assert_eq!(well.received(), received);
}

#[tokio::test]
async fn a_plugin_cannot_have_more_attempts_than_the_service_allows() {
    let busy = [RawOrigin::answering(BUSY).await, RawOrigin::answering(BUSY).await];
    let last = RawOrigin::answering(FINE).await;
    let origins = [busy[0].address(), busy[1].address(), last.address()];
    let edge = edge(&origins, "[service.web.retry]\nattempts = 2\n", "").await;
    assert_eq!(edge.send(&get("retry")).await.expect_status(503).text(), "busy");
    assert_eq!((busy[0].received(), busy[1].received(), last.received()), (1, 1, 0));
    // An attempt that breaks after something was sent.
    let closing = RawOrigin::closing_after_a_request().await;
    let edge = crate::failover::edge(&[closing.address(), last.address()], "", "").await;
    let post = Request::post("/", "hello").header("x-failover", "retry");
    let refused = edge.send(&post).await.expect_status(502);
    assert_eq!(refused.json()["reason"], "upstream_closed");
    assert_eq!(last.received(), 0);
    assert_eq!(
        edge.send(&get("give-up")).await.expect_status(502).json()["reason"],
        "upstream_closed"
    );
    assert_eq!(edge.send(&get("retry")).await.expect_status(200).text(), "fine");
}

#[tokio::test]
async fn a_plugin_that_fails_over_a_failure_leaves_it_to_the_policy_or_ends_it() {
    let (refusing, well) = (RefusingOrigin::start(), RawOrigin::answering(FINE).await);
    let origins = [refusing.address(), well.address()];
    let skipping = edge(&origins, "", "").await;
    assert_eq!(skipping.send(&get("trap")).await.expect_status(200).text(), "fine");
    let rejecting = edge(&origins, "", "on_failure = \"reject\"").await;
    let refused = rejecting.send(&get("trap")).await.expect_status(503);
    assert_eq!(refused.json()["reason"], "plugin_failed");
    assert_eq!(well.received(), 1);
    let metrics = rejecting.metrics().await;
    let labels = [("plugin", "says"), ("hook", "failover"), ("outcome", "trap")];
    assert_eq!(metrics.value("hither_plugin_calls_total", &labels), Some(1.0));
}
