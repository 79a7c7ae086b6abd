//! RFC 5861: what is stale is given while it is fetched anew, or cannot be.

use super::{before, is_forwarded, ok, origin, told};
use crate::support::SOON;
use hither_harness::{RawOrigin, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn rfc5861_3_stale_while_revalidate_is_given_at_once_and_fetched_once_beside() {
    let turn = Arc::new(AtomicUsize::new(0));
    let origin = origin(move |_| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        // The first one is stale as it comes.
        let age = if turn == 0 { "age: 100\r\n" } else { "" };
        let fields = "cache-control: max-age=100, stale-while-revalidate=600\r\n";
        ok(&format!("{fields}{age}"), &format!("turn {turn}"))
    })
    .await;
    let edge = before(&origin, "").await;
    assert_eq!(edge.get("/a").await.expect_status(200).text(), "turn 0");
    let stale = edge.get("/a").await.expect_status(200);
    assert!(told(&stale).starts_with("hither; hit; ttl=-"), "{}", told(&stale));
    assert_eq!(stale.text(), "turn 0");
    eventually(SOON, "the new one", || async {
        let answer = edge.get("/a").await;
        if answer.text() == "turn 1" { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    assert_eq!(origin.received(), 2);
    // Nobody's request is told of twice.
    let lines = edge.access_log();
    assert!(lines.iter().all(|line| line["cache"] != "expired"), "{lines:?}");
}

/// Answers once, then breaks off.
async fn once(fields: &'static str) -> RawOrigin {
    RawOrigin::start(move |mut connection| async move {
        if connection.read_request().await?.is_some() && connection.number() == 0 {
            connection.write(ok(&format!("{fields}connection: close\r\n"), "hello")).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn rfc5861_4_stale_if_error_is_given_when_nobody_answers() {
    let origin = once("cache-control: max-age=100, stale-if-error=600\r\nage: 100\r\n").await;
    let edge = before(&origin, "").await;
    edge.get("/a").await.expect_status(200);
    let stale = edge.get("/a").await.expect_status(200);
    assert!(told(&stale).starts_with("hither; hit; ttl=-"), "{}", told(&stale));
    assert_eq!(stale.text(), "hello");
    let line = edge.access_line(SOON, "it", |line| line["cache"] == "stale").await;
    assert!(line["fault"].is_null(), "{line}");
    assert!(origin.received() > 1);
}

#[tokio::test]
async fn rfc5861_4_a_5xx_counts_as_an_error_and_the_service_may_say_so_for_all() {
    let turn = Arc::new(AtomicUsize::new(0));
    let origin = origin(move |_| match turn.fetch_add(1, Ordering::SeqCst) {
        0 => ok("cache-control: max-age=100\r\nage: 100\r\netag: \"a\"\r\n", "hello"),
        _ => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".into(),
    })
    .await;
    let cache = "[service.web.cache]\nstale_if_error = \"1h\"";
    let instance = crate::support::instance("one", origin.address(), "");
    let edge = crate::support::edge(cache, &instance).await;
    edge.get("/a").await.expect_status(200);
    assert_eq!(edge.get("/a").await.expect_status(200).text(), "hello");
    edge.get("/b").await.expect_status(503);
}

#[tokio::test]
async fn rfc9111_4_2_4_must_revalidate_is_never_given_stale() {
    let said = "cache-control: max-age=100, must-revalidate, stale-if-error=600\r\nage: 100\r\netag: \"a\"\r\n";
    let origin = once(said).await;
    let edge = before(&origin, "").await;
    is_forwarded(&edge.get("/a").await.expect_status(200), "uri-miss");
    let answer = edge.get("/a").await.expect_status(502);
    assert!(answer.header("proxy-status").is_some());
}
