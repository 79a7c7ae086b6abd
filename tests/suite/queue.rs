//! Where every instance is full, requests wait: in order, not too many, not too long, not for the dead.

use crate::settled::at_rest;
use crate::support::{HITHER, LISTENER, SOON, instance, shipped};
use hither_harness::{GateOrigin, H2, Hither, Http1, Reason, Request, Response};
use std::time::{Duration, Instant};

/// One gate with one place, and a queue with these settings.
async fn full(queue: &str) -> (GateOrigin, Hither, Http1) {
    let gate = GateOrigin::start("gate").await;
    let config = format!(
        "{LISTENER}[service.web]\n[service.web.concurrency]\nsoft_limit = 1\nhard_limit = 1\n\
         [service.web.queue]\n{queue}\n{}",
        instance("i0", gate.address(), "")
    );
    let edge = Hither::builder(HITHER).config(config).start().await;
    let held = send(&edge, "/held").await;
    gate.holds(1, SOON).await;
    (gate, edge, held)
}

async fn send(edge: &Hither, path: &str) -> Http1 {
    let mut client = edge.connect().await;
    client.send(Request::get(path).bytes()).await.unwrap();
    client
}

async fn waiting(edge: &Hither, count: u64) {
    edge.status_when(SOON, &format!("{count} to wait"), |status| {
        (status["services"][0]["queue"]["waiting"] == count).then_some(())
    })
    .await;
}

/// 503 with this reason, in the body, in `Proxy-Status` and in the metrics; returns `Retry-After`.
fn is_refused(response: Response, reason: &str) -> Option<u64> {
    let response = response.expect_status(503);
    assert_eq!(response.json()["reason"], reason);
    let told = response.header("proxy-status").unwrap();
    assert!(told.starts_with("hither; error=") && told.contains(reason), "{told}");
    response.header("retry-after").map(|seconds| seconds.parse().unwrap())
}

async fn dropped(edge: &Hither, reason: &str) -> f64 {
    edge.metrics().await.sum("hither_queue_dropped_total", &[("reason", reason)])
}

#[tokio::test]
async fn who_came_first_is_served_first() {
    let (gate, edge, mut held) = full("timeout = \"60s\"").await;
    let mut clients = Vec::new();
    for number in 0..10 {
        clients.push(send(&edge, &format!("/{number}")).await);
        waiting(&edge, number + 1).await;
    }
    gate.release(1);
    held.read_response().await.unwrap().expect_status(200);
    for (number, client) in clients.iter_mut().enumerate() {
        // A newcomer never overtakes: it comes while others wait and a place is just free.
        let late = send(&edge, "/late").await;
        waiting(&edge, 10 - number as u64).await;
        gate.holds(1, SOON).await;
        let requests = gate.origin().requests();
        assert_eq!(requests.last().unwrap().target, format!("/{number}"));
        assert_eq!(requests.len(), number + 2, "one after the other");
        drop(late);
        waiting(&edge, 9 - number as u64).await;
        gate.release(1);
        client.read_response().await.unwrap().expect_status(200);
    }
    assert_eq!(gate.most_held(), 1);
    at_rest(&edge).await;
    let metrics = edge.metrics().await;
    assert_eq!(metrics.sum("hither_queue_wait_seconds_count", &[]), 10.0);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let (gate, edge, mut held) = full("max_waiting = 2\ntimeout = \"60s\"").await;
    let mut patient = [send(&edge, "/one").await, send(&edge, "/two").await];
    waiting(&edge, 2).await;
    for _ in 0..3 {
        let response = edge.get("/too-many").await;
        assert!(is_refused(response, "queue_full").unwrap() >= 1);
    }
    assert_eq!(dropped(&edge, "queue_full").await, 3.0);
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    for client in &mut patient {
        client.read_response().await.unwrap().expect_status(200);
    }
    edge.get("/again").await.expect_status(200);
    assert!(gate.origin().requests().iter().all(|request| request.target != "/too-many"));
    at_rest(&edge).await;
}

#[tokio::test]
async fn who_waits_too_long_is_told_so_and_the_instance_is_not() {
    let (gate, edge, mut held) = full("timeout = \"300ms\"").await;
    let begun = Instant::now();
    let response = edge.get("/impatient").await;
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    assert!(is_refused(response, "queue_timeout").unwrap() >= 1);
    assert_eq!(dropped(&edge, "queue_timeout").await, 1.0);
    waiting(&edge, 0).await;
    let line = edge.access_line(SOON, "the refusal", |line| line["path"] == "/impatient").await;
    assert_eq!((&line["fault"], &line["status"]), (&"queue_timeout".into(), &503.into()));
    assert!(line["queue"].as_f64().unwrap() >= 0.3, "{line}");
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    at_rest(&edge).await;
    assert_eq!(gate.origin().received(), 1, "only the held one");
}

#[tokio::test]
async fn a_service_that_stays_full_sheds_until_its_queue_was_empty() {
    let (gate, edge, mut held) = full("timeout = \"60s\"\nshed_after = \"300ms\"").await;
    let mut patient = send(&edge, "/patient").await;
    waiting(&edge, 1).await;
    edge.status_when(SOON, "shedding", |status| {
        (status["services"][0]["queue"]["shedding"] == true).then_some(())
    })
    .await;
    let response = edge.get("/shed").await;
    assert!(is_refused(response, "overloaded").unwrap() >= 1);
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    patient.read_response().await.unwrap().expect_status(200);
    edge.get("/again").await.expect_status(200);
    at_rest(&edge).await;
}

/// The client leaves while it waits: its place is gone, the instance never hears of it.
async fn leaves<C>(come: impl AsyncFn(&Hither) -> C, leave: impl FnOnce(C)) {
    let (gate, edge, mut held) = full("timeout = \"60s\"").await;
    let gone = come(&edge).await;
    waiting(&edge, 1).await;
    let mut next = send(&edge, "/next").await;
    waiting(&edge, 2).await;
    leave(gone);
    waiting(&edge, 1).await;
    let line = edge.access_line(SOON, "the end of it", |line| line["path"] == "/gone").await;
    assert_eq!((&line["fault"], &line["status"]), (&"client_left".into(), &499.into()), "{line}");
    assert_eq!(dropped(&edge, "client_left").await, 1.0);
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    next.read_response().await.unwrap().expect_status(200);
    at_rest(&edge).await;
    let targets: Vec<String> = gate.origin().requests().into_iter().map(|r| r.target).collect();
    assert_eq!(targets, ["/held", "/next"]);
}

#[tokio::test]
async fn a_client_that_closes_leaves_the_queue() {
    leaves(async |edge| send(edge, "/gone").await, drop).await;
}

#[tokio::test]
async fn a_client_that_resets_leaves_the_queue() {
    leaves(async |edge| send(edge, "/gone").await, Http1::reset).await;
}

async fn with_body(edge: &Hither) -> Http1 {
    let mut client = edge.connect().await;
    let head = "POST /gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
    client.send(head.as_bytes()).await.unwrap();
    client.send(vec![b'x'; 50_000]).await.unwrap();
    client
}

#[tokio::test]
async fn a_client_whose_body_is_unread_leaves_the_queue_when_it_closes() {
    leaves(with_body, drop).await;
}

#[tokio::test]
async fn a_client_whose_body_is_unread_leaves_the_queue_when_it_resets() {
    leaves(with_body, Http1::reset).await;
}

#[tokio::test]
async fn a_reset_stream_leaves_the_queue_and_its_connection_goes_on() {
    let come = async |edge: &Hither| {
        let client = H2::connect(edge.address(0)).await.unwrap();
        let stream = client.open(&Request::get("/gone"), true).await.unwrap();
        (client, stream)
    };
    let mut kept = None;
    leaves(come, |(client, stream)| {
        stream.reset(Reason::CANCEL);
        kept = Some(client);
    })
    .await;
    drop(kept);
}

#[tokio::test]
async fn a_reset_stream_whose_body_is_unread_leaves_the_queue() {
    let come = async |edge: &Hither| {
        let client = H2::connect(edge.address(0)).await.unwrap();
        let mut stream = client.open(&Request::new("POST", "/gone"), false).await.unwrap();
        stream.send_body(vec![b'x'; 20_000], false).await.unwrap();
        (client, stream)
    };
    let mut kept = None;
    leaves(come, |(client, stream)| {
        stream.reset(Reason::CANCEL);
        kept = Some(client);
    })
    .await;
    drop(kept);
}

#[tokio::test]
async fn a_lost_http2_connection_leaves_the_queue() {
    let come = async |edge: &Hither| {
        let client = H2::connect(edge.address(0)).await.unwrap();
        let stream = client.open(&Request::get("/gone"), true).await.unwrap();
        (client, stream)
    };
    leaves(come, |(client, _stream)| client.abort()).await;
}

#[tokio::test]
async fn a_body_is_not_read_while_its_request_waits() {
    const BODY: usize = 64 << 20;
    let (gate, edge, mut held) = full("max_waiting = 16\ntimeout = \"60s\"").await;
    // Each thread has had such a request before: what it takes when it first has something to do is not what is held.
    let mut early = Vec::new();
    for _ in 0..16 {
        let mut client = edge.connect().await;
        client.send(Request::post("/body", "x".repeat(1024)).bytes()).await.unwrap();
        early.push(client);
    }
    waiting(&edge, 16).await;
    drop(early);
    waiting(&edge, 0).await;
    let before = edge.rss();
    let mut client = edge.connect().await;
    let head = format!("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY}\r\n\r\n");
    client.send(head.as_bytes()).await.unwrap();
    waiting(&edge, 1).await;
    // What the sockets of both ends hold is taken; then nothing goes on.
    let mut client = client.within(Duration::from_millis(500));
    let piece = vec![b'x'; 64 << 10];
    let mut taken = 0;
    while taken < BODY && client.send(&piece).await.is_ok() {
        taken += piece.len();
    }
    assert!(taken < BODY / 2, "{taken} bytes were taken from a waiting client");
    let grown = edge.rss().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes are held for a waiting client");
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    drop(client);
    at_rest(&edge).await;
}

#[tokio::test]
async fn a_body_that_waited_arrives_whole() {
    let (gate, edge, mut held) = full("timeout = \"60s\"").await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let post = Request::post("/body", body.clone());
    let mut http1 = edge.connect().await;
    let sending = tokio::spawn({
        let post = post.clone();
        async move { http1.request(&post).await }
    });
    waiting(&edge, 1).await;
    let http2 = H2::connect(edge.address(0)).await.unwrap();
    let streaming = tokio::spawn(async move { http2.request(&post).await });
    waiting(&edge, 2).await;
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    for sent in [sending, streaming] {
        sent.await.unwrap().unwrap().expect_status(200);
    }
    let requests = gate.origin().requests();
    assert!(requests[1..].iter().all(|request| request.body == body), "a body changed");
    at_rest(&edge).await;
}

#[tokio::test]
async fn an_http2_client_that_waits_may_send_no_more_than_its_window() {
    let (gate, edge, mut held) = full("timeout = \"60s\"").await;
    let client = H2::connect(edge.address(0)).await.unwrap().within(Duration::from_millis(500));
    let mut stream = client.open(&Request::new("POST", "/body"), false).await.unwrap();
    waiting(&edge, 1).await;
    let mut taken = 0;
    while taken < 64 << 20 && stream.send_body(vec![b'x'; 16 << 10], false).await.is_ok() {
        taken += 16 << 10;
    }
    assert!(taken < 8 << 20, "{taken} bytes were taken from a waiting client");
    stream.reset(Reason::CANCEL);
    waiting(&edge, 0).await;
    gate.open();
    held.read_response().await.unwrap().expect_status(200);
    at_rest(&edge).await;
}

#[tokio::test]
async fn nobody_waits_for_an_instance_that_does_not_exist() {
    let gate = GateOrigin::start("gate").await;
    gate.open();
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"tenant-router\"]\n{}\n\
         [plugin.tenant-router]\nfile = \"tenant-router.wasm\"\n[plugin.tenant-router.config.tenants]\n\
         acme = {{ require = {{ tier = \"platinum\" }} }}\n",
        instance("i0", gate.address(), "labels = { tier = \"gold\" }")
    );
    let edge = Hither::builder(HITHER)
        .config(config)
        .file("tenant-router.wasm", shipped("tenant-router"))
        .start()
        .await;
    let response = edge.send(&Request::get("/").header("x-tenant", "acme")).await;
    assert_eq!(is_refused(response, "no_instance"), None, "waiting would not help");
    assert_eq!(gate.origin().received(), 0);
    edge.send(&Request::get("/").header("x-tenant", "other")).await.expect_status(200);
    let decisions = edge.metrics().await;
    let refused = decisions.sum("hither_balancer_decisions_total", &[("reason", "no_instance")]);
    assert_eq!(refused, 1.0);
    at_rest(&edge).await;
}
