//! What one client may have of a listener before it has asked for anything: so many connections, and so many new
//! ones. Others are not affected.

use crate::support::{SOON, Scene};
use hither_harness::{Http1, RawOrigin, eventually};
use std::net::IpAddr;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

async fn scene(listener: &str) -> Scene {
    Scene::with(listener, "", RawOrigin::answering(FINE).await).await
}

async fn from(scene: &Scene, source: &str) -> Http1 {
    let source: IpAddr = source.parse().unwrap();
    Http1::connect_from(source, scene.edge.address(0)).await.unwrap().within(SOON)
}

/// Whether a request on this connection is served. One that was closed at the door says nothing at all.
async fn served(client: &mut Http1) -> bool {
    match client.get("/").await {
        Ok(answer) => answer.status() == 200,
        Err(error) => {
            assert!(error.is_closed(), "{error}");
            false
        }
    }
}

async fn shed(scene: &Scene, reason: &str) -> f64 {
    let metrics = scene.edge.metrics().await;
    metrics.sum("hither_client_connections_shed_total", &[("reason", reason)])
}

/// Design: "connections per client".
#[tokio::test]
async fn a_client_has_so_many_connections_at_a_time() {
    let scene = scene("connections_per_client = 3").await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut client = from(&scene, "127.0.0.1").await;
        assert!(served(&mut client).await);
        open.push(client);
    }
    for _ in 0..5 {
        assert!(!served(&mut from(&scene, "127.0.0.1").await).await);
    }
    assert_eq!(shed(&scene, "too_many_of_client").await, 5.0);
    assert!(served(&mut from(&scene, "127.0.0.2").await).await, "another client");
    for client in &mut open {
        assert!(served(client).await, "who is inside stays");
    }
    drop(open.pop());
    eventually(SOON, "room for another", || async {
        let mut client = from(&scene, "127.0.0.1").await;
        if served(&mut client).await { Ok(()) } else { Err("closed".to_owned()) }
    })
    .await;
}

/// Design: "new connections per second".
#[tokio::test]
async fn a_client_opens_so_many_connections_in_a_while() {
    let scene = scene("new_connections_per_client = \"1/h\"").await;
    let mut first = from(&scene, "127.0.0.1").await;
    assert!(served(&mut first).await);
    for _ in 0..5 {
        assert!(!served(&mut from(&scene, "127.0.0.1").await).await);
    }
    assert_eq!(shed(&scene, "too_fast_of_client").await, 5.0);
    assert!(served(&mut first).await, "what is open stays");
    assert!(served(&mut from(&scene, "127.0.0.2").await).await, "another client");
    let log = scene.edge.log_lines();
    let told = log.iter().filter(|line| line.contains("a client that asks too much")).count();
    assert!((1..=3).contains(&told), "{told} lines of log for five connections");
}

/// A proxy that is trusted speaks for many clients.
#[tokio::test]
async fn a_trusted_proxy_has_as_many_as_it_likes() {
    let rules = "connections_per_client = 1\nnew_connections_per_client = \"1/h\"";
    let scene = scene(&format!("{rules}\ntrusted_proxies = [\"127.0.0.1\"]")).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut client = from(&scene, "127.0.0.1").await;
        assert!(served(&mut client).await);
        open.push(client);
    }
    let mut other = from(&scene, "127.0.0.2").await;
    assert!(served(&mut other).await);
    assert!(!served(&mut from(&scene, "127.0.0.2").await).await);
}

/// Counts belong to the listener and not to what it is configured with at the moment.
#[tokio::test]
async fn a_reload_forgets_no_connection() {
    let scene = scene("connections_per_client = 5").await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = from(&scene, "127.0.0.1").await;
        assert!(served(&mut client).await);
        open.push(client);
    }
    let config = std::fs::read_to_string(scene.edge.config_path()).unwrap();
    scene.edge.write_config(&config.replace("_client = 5", "_client = 2"));
    scene.edge.reload().await.expect_status(200);
    assert!(!served(&mut from(&scene, "127.0.0.1").await).await);
    assert!(served(&mut open[0]).await);
}
