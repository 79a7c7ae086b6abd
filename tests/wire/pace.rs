//! Heads that come too slowly: one deadline for the whole head, whatever the pace of its bytes.

use crate::support::{SOON, Scene, closes, is_refusal};
use hither_harness::{Hither, Http1, RawOrigin};
use std::time::{Duration, Instant};

const HEAD_TIMEOUT: Duration = Duration::from_millis(300);
const LISTENER: &str = "head_timeout = \"300ms\"";

/// What a busy machine may add. The promise is 12 s for a deadline of 10 s.
const SLACK: Duration = Duration::from_secs(3);

async fn scene() -> Scene {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    Scene::with(LISTENER, "", origin).await
}

/// Says this much of a head, one byte every `pause`, and waits for the refusal.
async fn too_slow(mut client: Http1, head: &[u8], pause: Duration) -> Duration {
    let began = Instant::now();
    // The proxy may answer and close while bytes are still being sent.
    let _ = client.trickle(head, pause).await;
    let answer = client.read_response().await.unwrap();
    let took = began.elapsed();
    is_refusal(&answer, 408, "head_timeout", "a slow head");
    closes(&mut client, "a slow head").await;
    assert!(took < HEAD_TIMEOUT + SLACK, "refused only after {took:?}");
    took
}

/// RFC 9110, section 15.5.9.
#[tokio::test]
async fn a_head_that_stops_is_refused_at_the_deadline() {
    let scene = scene().await;
    for head in ["G", "GET / HTTP/1.1", "GET / HTTP/1.1\r\nHost: localhost\r\n", "\r\n"] {
        let took = too_slow(scene.edge.connect().await, head.as_bytes(), Duration::ZERO).await;
        assert!(took >= HEAD_TIMEOUT - Duration::from_millis(20), "refused already after {took:?}");
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9110, section 15.5.9: a byte now and then does not move the deadline.
#[tokio::test]
async fn a_head_that_trickles_is_refused_at_the_deadline() {
    let scene = scene().await;
    let head = [&b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "[..], &[b'x'; 1000]].concat();
    too_slow(scene.edge.connect().await, &head, Duration::from_millis(20)).await;
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9112, section 9.5: a connection that is kept alive gives its next head no more time.
#[tokio::test]
async fn a_second_head_that_is_half_sent_is_refused_at_the_deadline() {
    let scene = scene().await;
    let mut client = scene.edge.connect().await;
    assert!(!client.get("/first").await.unwrap().expect_status(200).closes());
    too_slow(client, b"GET /second HTTP/1.1\r\nHost: lo", Duration::ZERO).await;
    let arrived = scene.origin.requests();
    assert_eq!(arrived.len(), 1, "{arrived:?}");
    scene.still_serves().await;
}

/// A head may wait behind its connection's first request, though not for ever: the deadline is its own.
#[tokio::test]
async fn the_next_head_has_its_deadline_from_its_own_first_byte() {
    let scene = scene().await;
    let mut client = scene.edge.connect().await;
    for _ in 0..5 {
        client.get("/").await.unwrap().expect_status(200);
        // Longer than a head may take, and no head is on its way: the connection is only idle.
        let quiet = client.read_some();
        assert!(tokio::time::timeout(HEAD_TIMEOUT / 2, quiet).await.is_err());
    }
}

/// A connection that never says a word is closed without one.
#[tokio::test]
async fn a_silent_connection_is_closed() {
    let scene = scene().await;
    let began = Instant::now();
    let mut client = scene.edge.connect().await;
    closes(&mut client, "silence").await;
    assert!(began.elapsed() < HEAD_TIMEOUT + SLACK, "{:?}", began.elapsed());
}

/// An idle connection is closed after the listener's `idle_timeout`, in order and without an answer.
#[tokio::test]
async fn an_idle_connection_is_closed() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let scene = Scene::with("idle_timeout = \"300ms\"", "", origin).await;
    let mut client = scene.edge.connect().await;
    client.get("/").await.unwrap().expect_status(200);
    let began = Instant::now();
    closes(&mut client, "an idle connection").await;
    assert!(began.elapsed() < HEAD_TIMEOUT + SLACK, "{:?}", began.elapsed());
}

/// The time within which 99 of a hundred requests of a healthy client are answered.
async fn p99(edge: &Hither) -> Duration {
    const REQUESTS: usize = 500;
    let mut client = edge.connect().await;
    let mut times = Vec::with_capacity(REQUESTS);
    for _ in 0..REQUESTS {
        let began = Instant::now();
        client.get("/").await.unwrap().expect_status(200);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[REQUESTS * 99 / 100]
}

/// The slow ones are all gone soon after the deadline, cost little meanwhile, and slow nobody down.
#[tokio::test]
async fn a_thousand_slow_heads_are_all_gone_under_load() {
    const SLOW: u32 = 1000;
    const DEADLINE: Duration = Duration::from_secs(4);
    const MOST_EACH: u64 = 12 << 10;
    /// What one slice of another process's time takes.
    const NOISE: Duration = Duration::from_millis(2);
    let scene = Scene::with(
        "head_timeout = \"4s\"\nconnections_per_client = 2000\nnew_connections_per_client = \"10000/s\"",
        "",
        RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await,
    )
    .await;
    let alone = p99(&scene.edge).await;
    let before = scene.edge.rss();
    let began = Instant::now();
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let mut client = scene.edge.connect().await.within(SOON);
        if number % 3 > 0 {
            client.send("GET / HTTP/1.1\r\nHost: loc").await.unwrap();
        }
        slow.push(client);
    }
    scene.connections(SLOW, SOON).await;
    let each = scene.edge.rss().saturating_sub(before) / u64::from(SLOW);
    assert!(each <= MOST_EACH, "{each} bytes for each slow connection");
    for (number, client) in slow.iter_mut().enumerate().filter(|(number, _)| number % 3 == 2) {
        // A third of them go on, slowly.
        let sent = client.send("a").await;
        assert!(sent.is_ok() || began.elapsed() > DEADLINE, "{number}: {sent:?}");
    }
    let beside = p99(&scene.edge).await;
    assert!(began.elapsed() < DEADLINE, "the slow ones were gone before");
    scene.connections(0, DEADLINE + SLACK).await;
    let took = began.elapsed();
    assert!(took < DEADLINE + 2 * SLACK, "all were gone only after {took:?}");
    // In turns: the machine may have become slower by itself.
    let alone = alone.max(p99(&scene.edge).await);
    println!("p99 of a healthy client: {alone:?} alone, {beside:?} beside {SLOW} slow heads");
    assert!(beside <= 2 * alone + NOISE, "{beside:?} instead of {alone:?}");
}
