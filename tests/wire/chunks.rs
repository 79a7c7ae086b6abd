//! Bodies whose chunks are malformed: 400, and no origin takes the request for a whole one.

use crate::support::Scene;

const HEAD: &str = "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn all_refused(bodies: &[&[u8]]) {
    let scene = Scene::plain().await;
    for body in bodies {
        // Whole in one segment, and with the head already on its way to the origin.
        scene.refuses([HEAD.as_bytes(), body].concat(), 400, "bad_chunk").await;
        let late = [HEAD.as_bytes(), b"3\r\nabc\r\n", body].concat();
        scene.refuses(late, 400, "bad_chunk").await;
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9112, section 7.1: `chunk-size = 1*HEXDIG`.
#[tokio::test]
async fn a_chunk_size_that_is_no_number_is_refused() {
    all_refused(&[
        b"\r\n0\r\n\r\n",
        b"g\r\n0\r\n\r\n",
        b"-1\r\na\r\n0\r\n\r\n",
        b"+1\r\na\r\n0\r\n\r\n",
        b"0x1\r\na\r\n0\r\n\r\n",
        b" 1\r\na\r\n0\r\n\r\n",
        b"1_0\r\na\r\n0\r\n\r\n",
        b"FFFFFFFFFFFFFFFFF\r\n",
        b"10000000000000000\r\n",
    ])
    .await;
}

/// RFC 9112, section 7.1: a chunk ends where its size says, with CRLF; section 2.2 allows LF alone, and two that
/// differ in it read two requests.
#[tokio::test]
async fn a_chunk_that_ends_elsewhere_is_refused() {
    all_refused(&[
        b"1\na\r\n0\r\n\r\n",
        b"1\r\na\n0\r\n\r\n",
        b"1\r\nab\r\n0\r\n\r\n",
        b"1\r\n\r\n0\r\n\r\n\r\n",
        b"1\ra\r\n0\r\n\r\n",
        b"0\n\r\n",
        b"0\r\n\n",
    ])
    .await;
}

/// RFC 9112, section 7.1.1: a recipient may refuse extensions; parsers disagree on them, and nobody needs them.
#[tokio::test]
async fn chunk_extensions_are_refused() {
    all_refused(&[
        b"1;\r\na\r\n0\r\n\r\n",
        b"1;a=b\r\na\r\n0\r\n\r\n",
        b"1;\x01\r\na\r\n0\r\n\r\n",
        b"1;\0=b\r\na\r\n0\r\n\r\n",
        b"1;(=b\r\na\r\n0\r\n\r\n",
        b"1 \r\na\r\n0\r\n\r\n",
        b"1 ;a=b\r\na\r\n0\r\n\r\n",
        b"1;a=\"\r\n\"\r\na\r\n0\r\n\r\n",
        b"0;a\r\n\r\n",
    ])
    .await;
}

/// RFC 9112, section 7.1.2: trailers are few; a stream of them without end is none.
#[tokio::test]
async fn trailers_with_control_bytes_or_without_end_are_refused() {
    let endless = [b"0\r\n".to_vec(), b"X-T: y\r\n".repeat(4000)].concat();
    all_refused(&[b"0\r\nX-T: a\0b\r\n\r\n", b"0\r\nX-T: a\nX-U: b\r\n\r\n", &endless]).await;
}

/// RFC 9112, section 7.1: what is well-formed passes, in whatever pieces it comes.
#[tokio::test]
async fn a_chunked_body_arrives_whole_however_it_is_cut() {
    let scene = Scene::plain().await;
    let body = b"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-T: y\r\n\r\n";
    let mut client = scene.edge.connect().await;
    client.send([HEAD.as_bytes(), body].concat()).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    client.trickle([HEAD.as_bytes(), body].concat(), std::time::Duration::ZERO).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    let requests = scene.origin.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.body, b"hello0123456789", "{request:?}");
    }
    assert!(scene.origin.faults().is_empty(), "{:?}", scene.origin.faults());
}
