//! An edge that has too much to do says so, early and in order, and tells whoever asks whether it is ready.

use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{GateOrigin, H2, Hither, Http1, Request, Response, eventually};

async fn edge(bounds: &str, origin: &GateOrigin) -> Hither {
    Hither::builder(HITHER).config(config(bounds, origin)).start().await
}

fn config(bounds: &str, origin: &GateOrigin) -> String {
    let tables = instance("one", origin.address(), "");
    format!("[edge]\n{bounds}\n{LISTENER}[service.web.concurrency]\nsoft_limit = 1000\n{tables}")
}

async fn held(edge: &Hither, origin: &GateOrigin, count: usize) -> Vec<Http1> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = edge.connect().await.within(SOON);
        client.send(Request::get("/held").bytes()).await.unwrap();
        clients.push(client);
    }
    origin.holds(count, SOON).await;
    clients
}

#[track_caller]
fn is_shed(answer: &Response, reason: &str) {
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.json()["reason"], reason);
    assert!(answer.header("proxy-status").unwrap().contains(reason));
}

async fn ready(edge: &Hither) -> (u16, String) {
    let answer = edge.ask(&Request::get("/ready")).await;
    (answer.status(), answer.text())
}

async fn ready_again(edge: &Hither) {
    eventually(SOON, "the edge to be ready", || async {
        let (status, text) = ready(edge).await;
        if status == 200 { Ok(()) } else { Err(text) }
    })
    .await;
}

#[tokio::test]
async fn beyond_max_requests_they_are_shed_at_once_and_ready_tells() {
    let origin = GateOrigin::start("gate").await;
    let edge = edge("max_requests = 3", &origin).await;
    let mut clients = held(&edge, &origin, 3).await;
    assert_eq!(ready(&edge).await.0, 200, "full is not yet too full");
    is_shed(&edge.get("/more").await, "edge_full");
    let http2 = H2::connect(edge.address(0)).await.unwrap();
    is_shed(&http2.get("/more").await.unwrap(), "edge_full");
    assert_eq!(ready(&edge).await, (503, "overloaded: edge_full\n".to_owned()));
    let metrics = edge.metrics().await;
    assert_eq!(metrics.value("hither_requests_in_flight", &[]), Some(3.0));
    let faults = [("reason", "edge_full")];
    assert_eq!(metrics.value("hither_faults_total", &faults), Some(2.0));
    assert_eq!(origin.held(), 3, "what was shed went nowhere");
    // Each end makes room for one.
    origin.release(1);
    let status = edge.access_line(SOON, "the end of one", |line| line["path"] == "/held").await;
    assert_eq!(status["status"], 200);
    let mut next = edge.connect().await;
    next.send(Request::get("/next").bytes()).await.unwrap();
    origin.holds(3, SOON).await;
    origin.open();
    next.read_response().await.unwrap().expect_status(200);
    for client in &mut clients {
        client.read_response().await.unwrap().expect_status(200);
    }
    ready_again(&edge).await;
    eventually(SOON, "nothing to be in flight", || async {
        let count = edge.metrics().await.value("hither_requests_in_flight", &[]);
        if count == Some(0.0) { Ok(()) } else { Err(format!("{count:?}")) }
    })
    .await;
}

/// However little memory is allowed, some requests go on: that is how it becomes less.
#[tokio::test]
async fn beyond_max_memory_few_go_on_until_there_is_room() {
    const AT_LEAST: usize = 64;
    let origin = GateOrigin::start("gate").await;
    let edge = edge("", &origin).await;
    let clients = held(&edge, &origin, AT_LEAST).await;
    edge.write_config(&config("max_memory = \"1MiB\"", &origin));
    edge.reload().await.expect_status(200);
    eventually(SOON, "the edge to find its memory full", || async {
        let told = ready(&edge).await;
        if told == (503, "overloaded: memory_full\n".to_owned()) { Ok(()) } else { Err(told.1) }
    })
    .await;
    is_shed(&edge.get("/more").await, "memory_full");
    origin.open();
    for mut client in clients {
        client.read_response().await.unwrap().expect_status(200);
    }
    edge.get("/few").await.expect_status(200);
    edge.write_config(&config("", &origin));
    edge.reload().await.expect_status(200);
    ready_again(&edge).await;
    edge.get("/many").await.expect_status(200);
}
