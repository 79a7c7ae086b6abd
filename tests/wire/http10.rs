//! Clients of HTTP/1.0: nothing is sent to them that their protocol does not know.

use crate::support::{Scene, closes};
use hither_harness::RawOrigin;

async fn answer_to_http10(origin_says: &str) -> (Scene, hither_harness::Response) {
    let scene = Scene::with("", "", RawOrigin::answering(origin_says).await).await;
    let mut client = scene.edge.connect().await;
    client.send("GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
    let answer = client.read_response().await.unwrap();
    closes(&mut client, "HTTP/1.0").await;
    (scene, answer)
}

/// RFC 9110, section 15.2: "A server MUST NOT send a 1xx response to an HTTP/1.0 client."
#[tokio::test]
async fn an_http10_client_gets_no_interim_response() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(2);
    let (_, answer) =
        answer_to_http10(&format!("{hints}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")).await;
    assert!(answer.interim.is_empty(), "{:?}", answer.interim);
    assert_eq!((answer.status(), &answer.text()[..]), (200, "fine"));
}

/// RFC 9112, section 6.1: no Transfer-Encoding to who does not speak HTTP/1.1; the body ends with the connection.
#[tokio::test]
async fn an_http10_client_gets_no_chunks() {
    let (scene, answer) = answer_to_http10(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
    )
    .await;
    assert_eq!((answer.status(), &answer.text()[..]), (200, "hello!"));
    assert_eq!(answer.header("transfer-encoding"), None);
    scene.all_places_free().await;
}

/// RFC 9112, section 3.2: HTTP/1.0 never promised a Host.
#[tokio::test]
async fn an_http10_request_without_a_host_is_served() {
    let scene = Scene::plain().await;
    let mut client = scene.edge.connect().await;
    client.send("GET / HTTP/1.0\r\n\r\n").await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    let request = &scene.origin.requests()[0];
    assert_eq!(request.version, 11, "{request:?}");
    // RFC 9112, section 3.2: what is sent on as HTTP/1.1 needs one, be it empty.
    assert!(request.headers.has("host"), "{request:?}");
}

/// RFC 9112, section 6.1: an HTTP/1.0 message with Transfer-Encoding has faulty framing (CVE-2026-2835).
#[tokio::test]
async fn a_transfer_coding_in_http10_is_refused() {
    let scene = Scene::plain().await;
    for lines in [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let head = format!("POST / HTTP/1.0\r\nHost: localhost\r\n{lines}\r\n");
        let behind = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
        scene.refuses(head + behind, 400, "bad_framing").await;
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}
