//! A retry is paid for: out of a budget that the running requests share, and out of the time that all
//! attempts share. A connection that died in the pool costs nothing.

use crate::support::{SOON, edge, instance};
use hither_harness::{GateOrigin, Http1, RawConnection, RawOrigin, RefusingOrigin, Request};
use std::time::{Duration, Instant};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// Failures must not eject the instance that the tests need to fail.
const NO_EJECTION: &str = "[service.web.ejection]\nfailures = 0\n";

#[tokio::test]
async fn no_more_requests_are_tried_again_at_a_time_than_the_budget_allows() {
    let (refusing, gate) = (RefusingOrigin::start(), GateOrigin::start("gate").await);
    let tables = instance("bad", refusing.address(), "rtt = \"0.5ms\"")
        + &instance("good", gate.address(), "rtt = \"100ms\"");
    let settings = format!("{NO_EJECTION}[service.web.retry]\nbudget = \"10%\"\n");
    let edge = edge(&settings, &tables).await;
    // At least three, however few requests run; the gate holds them, so they stay retries.
    let mut held = Vec::new();
    for place in 1..=3 {
        held.push(sent(&edge).await);
        gate.holds(place, SOON).await;
    }
    for _ in 0..5 {
        let refused = edge.get("/").await.expect_status(502);
        assert_eq!(refused.json()["reason"], "connect_refused");
    }
    // One that ends makes room for one.
    gate.release(1);
    held.remove(0).read_response().await.unwrap().expect_status(200);
    edge.access_line(SOON, "its end", |line| line["status"] == 200).await;
    held.push(sent(&edge).await);
    gate.holds(3, SOON).await;
    edge.get("/").await.expect_status(502);
    gate.release(3);
    for client in &mut held {
        client.read_response().await.unwrap().expect_status(200);
    }
    assert_eq!(edge.metrics().await.sum("hither_retries_total", &[]), 4.0);
}

async fn sent(edge: &hither_harness::Hither) -> Http1 {
    let mut client = edge.connect().await;
    client.send(Request::get("/").bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn all_attempts_share_the_time_of_one() {
    const PATIENCE: Duration = Duration::from_secs(2);
    // Dies when most of the time is over; the other one never answers.
    let dying = RawOrigin::start(|mut connection: RawConnection| async move {
        connection.read_request().await?;
        tokio::time::sleep(PATIENCE * 3 / 4).await;
        Ok(())
    })
    .await;
    let silent = RawOrigin::stalling().await;
    let tables = instance("dying", dying.address(), "rtt = \"0.5ms\"")
        + &instance("silent", silent.address(), "rtt = \"100ms\"");
    let edge = edge("[service.web.timeouts]\nfirst_byte = \"2s\"\n", &tables).await;
    let began = Instant::now();
    let answer = edge.get("/").await.expect_status(504);
    let took = began.elapsed();
    assert_eq!(answer.json()["reason"], "first_byte_timeout");
    assert_eq!(silent.accepted(), 1, "it was tried again");
    // Of its own, the second attempt would have had all of it.
    assert!(took >= PATIENCE && took < PATIENCE * 7 / 4, "{took:?}");
}

/// Answers once on each connection and closes it when it is used again.
async fn forgetful() -> RawOrigin {
    RawOrigin::start(|mut connection: RawConnection| async move {
        connection.read_request().await?;
        connection.write(FINE).await?;
        connection.read_head().await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_connection_that_died_in_the_pool_is_no_attempt_and_no_failure() {
    let origin = forgetful().await;
    let settings = "[service.web.retry]\nattempts = 1\n[service.web.ejection]\nfailures = 1\n";
    let other = RefusingOrigin::start();
    let tables = instance("one", origin.address(), "rtt = \"0.5ms\"")
        + &instance("far", other.address(), "rtt = \"100ms\"");
    let edge = edge(settings, &tables).await;
    let mut client = edge.connect().await;
    for _ in 0..4 {
        client.get("/").await.unwrap().expect_status(200);
    }
    assert!(origin.accepted() >= 4, "each connection served one request");
    let status = edge.status().await;
    let instance = &status["services"][0]["instances"][0];
    assert!(instance["ejected_seconds"].is_null(), "{instance:#}");
    assert_eq!(edge.metrics().await.sum("hither_retries_total", &[]), 0.0);
}

#[tokio::test]
async fn a_post_on_a_connection_that_died_in_the_pool_is_not_repeated() {
    let origin = forgetful().await;
    let edge = edge("", &instance("one", origin.address(), "")).await;
    // One connection is one thread, which has a pool of its own.
    let mut client = edge.connect().await;
    client.get("/").await.unwrap().expect_status(200);
    // Told once its connection lies in the pool.
    edge.access_line(SOON, "the first request", |line| line["status"] == 200).await;
    let answer = client.request(&Request::post("/", "once")).await.unwrap().expect_status(502);
    assert_eq!(answer.json()["reason"], "upstream_closed");
}
