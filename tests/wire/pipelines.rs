//! Requests one behind the other on one connection: each answered, in order, and none mixed with another.

use crate::support::{Scene, is_refusal};
use hither_harness::{RawConnection, RawOrigin};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Answers every request with its target.
async fn echoing() -> RawOrigin {
    RawOrigin::start(|mut connection| async move {
        while let Some(request) = connection.read_request().await? {
            let target = request.target;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", target.len());
            connection.write(head + &target).await?;
        }
        Ok(())
    })
    .await
}

/// RFC 9112, section 9.3.2: pipelined requests get as many answers, in their order.
#[tokio::test]
async fn pipelined_requests_are_all_answered_in_order() {
    let scene = Scene::with("", "", echoing().await).await;
    let mut client = scene.edge.connect().await;
    let requests = "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello\
         POST /3 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\
         HEAD /4 HTTP/1.1\r\nHost: localhost\r\n\r\n\
         GET /5 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    client.send(requests).await.unwrap();
    for number in 1..=5 {
        let method = if number == 4 { "HEAD" } else { "GET" };
        let answer = client.read_response_to(method).await.unwrap().expect_status(200);
        let expected = if number == 4 { String::new() } else { format!("/{number}") };
        assert_eq!(answer.text(), expected);
    }
    assert_eq!(client.read_until_close().await.unwrap(), b"");
    let arrived: Vec<(String, Vec<u8>)> =
        scene.origin.requests().into_iter().map(|request| (request.target, request.body)).collect();
    let expected = [("/1", ""), ("/2", "hello"), ("/3", "abc"), ("/4", ""), ("/5", "")];
    let expected = expected.map(|(target, body)| (target.to_owned(), body.as_bytes().to_vec()));
    assert_eq!(arrived, expected);
    assert!(scene.origin.faults().is_empty(), "{:?}", scene.origin.faults());
}

/// All bytes that came on a connection until this one marks the end, kept.
async fn keep_until(
    connection: &mut RawConnection,
    end: &[u8],
    kept: &Mutex<Vec<u8>>,
) -> io::Result<()> {
    loop {
        let bytes = connection.read_some().await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        kept.lock().extend_from_slice(&bytes);
        if kept.lock().windows(end.len()).any(|window| window == end) {
            return Ok(());
        }
    }
}

/// RFC 9112, section 6.3: a body ends at its length. What follows is the next request, whatever it looks like,
/// and goes nowhere before the first one is answered.
#[tokio::test]
async fn bytes_of_the_next_request_never_travel_with_a_body() {
    let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
    let sink = kept.clone();
    let origin = RawOrigin::start(move |mut connection| {
        let sink = sink.clone();
        async move {
            keep_until(&mut connection, b"hello", &sink).await?;
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            connection.write(head).await
        }
    })
    .await;
    let scene = Scene::with("", "", origin).await;
    for framing in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        kept.lock().clear();
        let mut client = scene.edge.connect().await;
        let first = format!("POST /first HTTP/1.1\r\nHost: localhost\r\n{framing}");
        client.send(format!("{first}GET /smuggled HTTP/1.1\r\nHost : bad\r\n\r\n")).await.unwrap();
        client.read_response().await.unwrap().expect_status(200);
        // The next request is checked as one: this one is malformed.
        let answer = client.read_response().await.unwrap();
        is_refusal(&answer, 400, "bad_header", "the second request");
        let arrived = String::from_utf8_lossy(&kept.lock()).into_owned();
        assert!(arrived.starts_with("POST /first"), "{arrived:?}");
        assert!(!arrived.contains("smuggled"), "{arrived:?}");
    }
}

/// RFC 9112, section 9.3: a request that was refused is the connection's last, whatever was sent behind it.
#[tokio::test]
async fn nothing_behind_a_refused_request_is_served() {
    let scene = Scene::with("", "", echoing().await).await;
    let mut client = scene.edge.connect().await;
    let good = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let bad = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(format!("{bad}0\r\n\r\n{good}")).await.unwrap();
    is_refusal(&client.read_response().await.unwrap(), 400, "bad_framing", bad);
    assert_eq!(client.read_until_close().await.unwrap(), b"");
    scene.nothing_arrived();
}

/// RFC 9112, section 9.6: after `Connection: close` nothing more is read.
#[tokio::test]
async fn nothing_behind_a_request_that_closes_is_served() {
    let scene = Scene::with("", "", echoing().await).await;
    let mut client = scene.edge.connect().await;
    let one =
        |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    client.send(one("/last", "Connection: close\r\n") + &one("/beyond", "")).await.unwrap();
    assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "/last");
    assert_eq!(client.read_until_close().await.unwrap(), b"");
    assert_eq!(scene.origin.received(), 1);
}

/// RFC 9112, section 2.2: one empty line before a request is ignored, as some clients send it after a body.
#[tokio::test]
async fn an_empty_line_between_requests_is_ignored() {
    let scene = Scene::with("", "", echoing().await).await;
    let mut client = scene.edge.connect().await;
    for _ in 0..3 {
        client.send("\r\nGET /x HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "/x");
    }
}
