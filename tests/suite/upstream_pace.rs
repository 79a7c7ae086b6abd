//! How long an instance may take is counted from the last progress: a long upload is no slow answer,
//! and who stops reading is noticed as well as who does not answer.

use crate::support::{SOON, edge, instance};
use hither_harness::{Http1, RawConnection, RawOrigin, Request};
use std::time::Duration;

const IMPATIENT: &str = "[service.web.timeouts]\nfirst_byte = \"600ms\"\nidle = \"600ms\"";
const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
/// Well below the patience; several of it are well above.
const PACE: Duration = Duration::from_millis(200);

async fn client(edge: &hither_harness::Hither, head: &str) -> Http1 {
    let mut client = edge.connect().await;
    client.send(head).await.unwrap();
    client
}

#[tokio::test]
async fn an_upload_may_take_longer_than_an_answer() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge(IMPATIENT, &instance("one", origin.address(), "")).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n";
    let mut client = client(&edge, head).await;
    client.trickle(b"upload", PACE).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    assert_eq!(origin.requests()[0].body, b"upload");
}

#[tokio::test]
async fn an_instance_that_stops_reading_is_504() {
    let origin = RawOrigin::start(|mut connection: RawConnection| async move {
        connection.read_head().await?;
        // Alive, and deaf: the connection stays, and nothing is read from it.
        std::future::pending().await
    })
    .await;
    let edge = edge(IMPATIENT, &instance("one", origin.address(), "")).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n";
    let mut client = client(&edge, head).await;
    // More than all buffers on the way hold; it breaks when the proxy gives up.
    let sending = tokio::spawn(async move { client.send(vec![b'x'; 64 << 20]).await });
    let line = edge.access_line(SOON, "a line", |line| line["method"] == "POST").await;
    assert_eq!((&line["status"], &line["fault"]), (&504.into(), &"first_byte_timeout".into()));
    let _ = sending.await;
}

#[tokio::test]
async fn in_a_tunnel_both_directions_are_progress() {
    let origin = RawOrigin::start(|mut connection: RawConnection| async move {
        connection.read_head().await?;
        let switching =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
        connection.write(switching).await?;
        connection.stall().await
    })
    .await;
    let edge = edge(IMPATIENT, &instance("one", origin.address(), "")).await;
    let upgrade = Request::get("/").header("connection", "upgrade").header("upgrade", "x");
    let mut tunnel = edge.connect().await.upgrade(&upgrade).await.unwrap();
    // The instance is silent all the while, for twice its patience.
    for _ in 0..6 {
        tunnel.send(b"still here").await.unwrap();
        tokio::time::sleep(PACE).await;
        assert_eq!(origin.open(), 1, "the tunnel was cut while the client spoke");
    }
    // Now both are.
    origin.all_closed(SOON).await;
}
