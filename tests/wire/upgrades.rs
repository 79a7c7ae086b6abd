//! Bytes behind a request that asks for an upgrade, before it was granted (CVE-2026-2833).

use crate::support::{Scene, is_refusal};
use hither_harness::{RawConnection, RawOrigin};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;

const UPGRADE: &str =
    "GET /up HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

type Kept = Arc<Mutex<Vec<u8>>>;

/// Reads until the end of a head and keeps all that came with it.
async fn keep_head(connection: &mut RawConnection, kept: &Kept) -> io::Result<()> {
    loop {
        let bytes = connection.read_some().await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        kept.lock().extend_from_slice(&bytes);
        if kept.lock().windows(4).any(|window| window == b"\r\n\r\n") {
            return Ok(());
        }
    }
}

/// RFC 9110, section 7.8: until 101 the client speaks HTTP/1.1. An origin that does not switch must not be given
/// what follows the request: it would read it as a request that nobody checked.
#[tokio::test]
async fn bytes_behind_an_upgrade_that_is_not_granted_go_nowhere() {
    let kept = Kept::default();
    let sink = kept.clone();
    let origin = RawOrigin::start(move |mut connection| {
        let sink = sink.clone();
        async move {
            keep_head(&mut connection, &sink).await?;
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await?;
            connection.stall().await
        }
    })
    .await;
    let scene = Scene::with("", "", origin).await;
    let mut client = scene.edge.connect().await;
    client.send(format!("{UPGRADE}GET /smuggled HTTP/1.1\r\nHost : x\r\n\r\n")).await.unwrap();
    assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "fine");
    // It was the next request all along, and is checked as one, if it is read at all.
    match client.read_response().await {
        Ok(answer) => is_refusal(&answer, 400, "bad_header", "what follows the upgrade"),
        Err(error) => assert!(error.is_closed(), "{error}"),
    }
    let arrived = String::from_utf8_lossy(&kept.lock()).into_owned();
    assert!(arrived.starts_with("GET /up ") && !arrived.contains("smuggled"), "{arrived:?}");
}

/// RFC 9110, section 7.8: once 101 has come the bytes belong to the new protocol, the early ones too.
#[tokio::test]
async fn bytes_behind_an_upgrade_wait_for_the_101() {
    let (kept, early) = (Kept::default(), Kept::default());
    let grant = Arc::new(Semaphore::new(0));
    let (sinks, permitted) = ((kept.clone(), early.clone()), grant.clone());
    let origin = RawOrigin::start(move |mut connection| {
        let ((kept, early), permitted) = (sinks.clone(), permitted.clone());
        async move {
            keep_head(&mut connection, &kept).await?;
            tokio::select! {
                // Whatever comes before the test grants the upgrade has come too early.
                bytes = connection.read_some() => early.lock().extend_from_slice(&bytes?),
                _ = permitted.acquire() => {}
            }
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
            connection.write(head).await?;
            loop {
                let bytes = connection.read_some().await?;
                if bytes.is_empty() {
                    return Ok(());
                }
                connection.write(bytes).await?;
            }
        }
    })
    .await;
    let scene = Scene::with("", "", origin).await;
    let mut client = scene.edge.connect().await;
    client.send(format!("{UPGRADE}early")).await.unwrap();
    // Nothing tells that a byte will not come; half a second of silence must do.
    let silence = tokio::time::timeout(std::time::Duration::from_millis(500), client.read_some());
    assert!(silence.await.is_err(), "nothing was granted yet");
    grant.add_permits(1);
    let head = client.read_head().await.unwrap();
    assert_eq!(head.status, 101);
    client.send(" and late").await.unwrap();
    let mut echoed = Vec::new();
    while echoed.len() < b"early and late".len() {
        echoed.extend(client.read_some().await.unwrap());
    }
    assert_eq!(String::from_utf8_lossy(&echoed), "early and late");
    assert!(early.lock().is_empty(), "{:?} came early", String::from_utf8_lossy(&early.lock()));
    assert!(kept.lock().ends_with(b"\r\n\r\n"), "only the head came before");
}
