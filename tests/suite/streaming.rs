//! Bodies pass piece by piece in both directions, in every version of HTTP, and tunnels pass bytes.

use crate::support::{HITHER, SOON, edge, instance};
use hither_harness::{
    ClientError, GateOrigin, H2, Hither, OriginProcess, RawOrigin, Request, UpgradeOrigin,
    WebSocket,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

async fn before(origin: std::net::SocketAddr) -> Hither {
    edge("", &instance("one", origin, "")).await
}

/// Sends a first piece of a body, and the rest only when the test has seen the first.
async fn hesitating(
    head: &'static str,
    first: &'static str,
    rest: &'static str,
) -> (RawOrigin, Arc<Semaphore>) {
    let go = Arc::new(Semaphore::new(0));
    let told = go.clone();
    let origin = RawOrigin::start(move |mut connection| {
        let told = told.clone();
        async move {
            while connection.read_request().await?.is_some() {
                connection.write(format!("{head}\r\n\r\n{first}")).await?;
                let Ok(permit) = told.acquire().await else { return Ok(()) };
                permit.forget();
                connection.write(rest).await?;
            }
            Ok(())
        }
    })
    .await;
    (origin, go)
}

#[tokio::test]
async fn a_response_is_passed_on_piece_by_piece() {
    for (head, first, rest) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10", "first", " rest"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked",
            "5\r\nfirst\r\n",
            "5\r\n rest\r\n0\r\n\r\n",
        ),
    ] {
        let (origin, go) = hesitating(head, first, rest).await;
        let edge = before(origin.address()).await;
        let mut client = edge.connect().await;
        client.send(Request::get("/").bytes()).await.unwrap();
        assert_eq!(client.read_head().await.unwrap().status, 200);
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("first") {
            seen.extend(client.read_some().await.unwrap());
        }
        go.add_permits(1);
        while !String::from_utf8_lossy(&seen).contains(" rest") {
            seen.extend(client.read_some().await.unwrap());
        }
        let over_http2 = H2::connect(edge.address(0)).await.unwrap();
        let stream = over_http2.open(&Request::get("/"), true).await.unwrap();
        let (head, mut body) = stream.head().await.unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(body.data().await.unwrap().unwrap(), "first");
        go.add_permits(1);
        assert_eq!(body.data().await.unwrap().unwrap(), " rest");
    }
}

#[tokio::test]
async fn a_request_is_passed_on_piece_by_piece() {
    let seen = Arc::new(Semaphore::new(0));
    let tell = seen.clone();
    let origin = RawOrigin::start(move |mut connection| {
        let tell = tell.clone();
        async move {
            connection.read_head().await?;
            let mut body = Vec::new();
            while !body.ends_with(b"end") {
                let piece = connection.read_some().await?;
                if piece.is_empty() {
                    return Ok(());
                }
                body.extend(piece);
                tell.add_permits(1);
            }
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await
        }
    })
    .await;
    let edge = before(origin.address()).await;
    let mut client = edge.connect().await;
    client
        .send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nfirst")
        .await
        .unwrap();
    // The first piece is at the origin while the last is not even sent.
    let arrived = tokio::time::timeout(SOON, seen.acquire()).await;
    arrived.expect("the first piece was held back").unwrap().forget();
    client.send("end").await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
}

#[tokio::test]
async fn long_bodies_are_not_held_in_memory_under_load() {
    const LENGTH: u64 = 300_000_000;
    const MOST: u64 = 96 << 20;
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = before(origin.address()).await;
    let mut idle = edge.connect().await;
    // One client that never reads: what the origin sends it must wait at the origin.
    idle.send(Request::get(&format!("/bytes/{LENGTH}")).bytes()).await.unwrap();
    let mut client = edge.connect().await.within(Duration::from_secs(60));
    client.send(Request::get(&format!("/bytes/{LENGTH}")).bytes()).await.unwrap();
    assert_eq!(client.count_response().await.unwrap().length, LENGTH);
    let upload = Request::post("/", vec![b'x'; 100_000_000]);
    assert_eq!(client.request(&upload).await.unwrap().json()["body_length"], 100_000_000);
    let most = edge.peak_rss();
    assert!(most < MOST, "{most} bytes were held");
}

#[tokio::test]
async fn a_head_request_and_statuses_without_a_body_keep_the_connection() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = before(origin.address()).await;
    let mut client = edge.connect().await;
    for _ in 0..2 {
        let head = client.request(&Request::new("HEAD", "/bytes/1000")).await.unwrap();
        assert_eq!(
            (head.status(), head.header("content-length"), head.length),
            (200, Some("1000"), 0)
        );
        for status in [204, 304, 404] {
            let answer = client.get(&format!("/status/{status}")).await.unwrap();
            assert_eq!(answer.status(), status);
            assert!(!answer.closes() && (status == 404 || answer.length == 0), "{status}");
        }
        assert_eq!(client.get("/bytes/3").await.unwrap().length, 3);
    }
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    let head = over_http2.request(&Request::new("HEAD", "/bytes/1000")).await.unwrap();
    assert_eq!((head.header("content-length"), head.length), (Some("1000"), 0));
    assert_eq!(over_http2.get("/status/204").await.unwrap().status(), 204);
}

#[tokio::test]
async fn a_body_that_ends_with_the_instances_connection_is_whole() {
    let origin = RawOrigin::answering_once("HTTP/1.1 200 OK\r\n\r\nuntil the end").await;
    let edge = before(origin.address()).await;
    let mut client = edge.connect().await;
    let answer = client.get("/").await.unwrap().expect_status(200);
    assert_eq!(answer.text(), "until the end");
    // The client's connection goes on: the end of the body was told by chunks.
    assert_eq!(client.get("/").await.unwrap().expect_status(200).text(), "until the end");
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    assert_eq!(over_http2.get("/").await.unwrap().text(), "until the end");
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways_until_it_ends() {
    let origin = UpgradeOrigin::start().await;
    let edge = before(origin.address()).await;
    let request =
        Request::get("/up").header("Connection", "keep-alive, Upgrade").header("Upgrade", "echo/1");
    let mut tunnel = edge.connect().await.upgrade(&request).await.unwrap();
    assert_eq!(tunnel.head().headers.get("upgrade"), Some("echo/1"));
    for length in [1, 100, 100_000] {
        tunnel.echo(vec![b'x'; length]).await.unwrap();
    }
    let in_flight = |wanted: u64| {
        edge.status_when(SOON, "the tunnel's place", move |status| {
            (status["services"][0]["instances"][0]["in_flight"] == wanted).then_some(())
        })
    };
    in_flight(1).await;
    let arrived = &origin.origin().requests()[0];
    assert_eq!(arrived.header("upgrade"), Some("echo/1"));
    assert!(arrived.headers.lists("connection", "upgrade"), "{}", arrived.headers);
    assert_eq!(tunnel.end().await.unwrap(), b"");
    in_flight(0).await;
    let line = edge.access_line(SOON, "the tunnel's line", |line| line["path"] == "/up").await;
    assert_eq!(line["status"], 101);
}

#[tokio::test]
async fn an_upgrade_that_is_refused_is_an_ordinary_answer() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let edge = before(origin.address()).await;
    let request = Request::get("/").header("Connection", "Upgrade").header("Upgrade", "echo");
    match edge.connect().await.upgrade(&request).await {
        Err(ClientError::NotUpgraded(answer)) => assert_eq!(answer.text(), "fine"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn websockets_pass() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = before(origin.address()).await;
    let mut socket = WebSocket::connect(edge.address(0), "localhost", "/ws").await.unwrap();
    let long = "x".repeat(100_000);
    for text in ["one", "zw\u{f6}lf", "", &long] {
        socket.echo(text).await.unwrap();
    }
    socket.close().await.unwrap();
}

#[tokio::test]
async fn http2_streams_run_side_by_side() {
    let origin = GateOrigin::start("gate").await;
    let edge = before(origin.address()).await;
    let client = Arc::new(H2::connect(edge.address(0)).await.unwrap());
    let running: Vec<_> = (0..20)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move { client.get(&format!("/{number}")).await })
        })
        .collect();
    origin.holds(20, SOON).await;
    origin.open();
    for task in running {
        assert_eq!(task.await.unwrap().unwrap().expect_status(200).text(), "gate");
    }
}

#[tokio::test]
async fn a_reset_stream_frees_its_place() {
    let origin = GateOrigin::start("gate").await;
    let edge = before(origin.address()).await;
    let client = H2::connect(edge.address(0)).await.unwrap();
    let stream = client.open(&Request::get("/"), true).await.unwrap();
    origin.holds(1, SOON).await;
    stream.reset(hither_harness::Reason::CANCEL);
    origin.holds(0, SOON).await;
    assert_eq!(origin.abandoned(), 1);
}

#[tokio::test]
async fn an_instance_may_speak_http2() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let edge = edge("", &instance("one", origin.address(), "http2 = true")).await;
    let body = vec![b'x'; 300_000];
    let request = Request::post("/x?y=z", body).host("app.example").header("x-a", "b");
    let mut old = edge.connect().await;
    let new = H2::connect(edge.address(0)).await.unwrap();
    for answer in [old.request(&request).await.unwrap(), new.request(&request).await.unwrap()] {
        let echo = answer.expect_status(200).json();
        assert_eq!(echo["version"], "HTTP/2");
        assert_eq!((&echo["body_length"], &echo["path"]), (&300_000.into(), &"/x".into()));
        assert_eq!(echo["authority"], "app.example");
        assert!(echo["headers"].as_array().unwrap().contains(&serde_json::json!(["x-a", "b"])));
    }
    let head = old.request(&Request::new("HEAD", "/bytes/77")).await.unwrap();
    assert_eq!((head.header("content-length"), head.length), (Some("77"), 0));
    assert_eq!(old.get("/bytes/1000000").await.unwrap().length, 1_000_000);
    assert_eq!(old.get("/status/204").await.unwrap().status(), 204);
}

#[tokio::test]
async fn trailers_do_no_harm() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n\
                  4\r\nfine\r\n0\r\nX-T: y\r\nX-U: z\r\n\r\n";
    let origin = RawOrigin::answering(answer).await;
    let edge = before(origin.address()).await;
    let mut client = edge.connect().await;
    for _ in 0..3 {
        client
            .send(
                "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\nX-Up: y\r\nHost: evil\r\n\r\n",
            )
            .await
            .unwrap();
        assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "fine");
    }
    for request in origin.requests() {
        assert_eq!(request.body, b"hello");
        assert_eq!(request.headers.all("host").collect::<Vec<_>>(), ["localhost"]);
    }
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    assert_eq!(over_http2.get("/").await.unwrap().expect_status(200).text(), "fine");
}

#[tokio::test]
async fn a_client_that_expects_100_is_told_before_it_sends() {
    let origin = RawOrigin::start(|mut connection| async move {
        while connection.read_head().await?.is_some() {
            connection.write("HTTP/1.1 100 Continue\r\n\r\n").await?;
            let mut body = Vec::new();
            while body.len() < 5 {
                let piece = connection.read_some().await?;
                if piece.is_empty() {
                    return Ok(());
                }
                body.extend(piece);
            }
            let length = body.len();
            connection
                .write(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"))
                .await?;
            connection.write(body).await?;
        }
        Ok(())
    })
    .await;
    let edge = before(origin.address()).await;
    for _ in 0..2 {
        let mut client = edge.connect().await;
        client
            .send("POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(client.read_head().await.unwrap().status, 100);
        client.send("hello").await.unwrap();
        assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "hello");
    }
}

#[tokio::test]
async fn early_hints_pass() {
    let origin = RawOrigin::answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
    )
    .await;
    let edge = before(origin.address()).await;
    let answer = edge.get("/").await.expect_status(200);
    assert_eq!(answer.interim.len(), 1);
    assert_eq!(answer.interim[0].headers.get("link"), Some("</a>"));
    assert_eq!(answer.text(), "fine");
}

/// The client ends its body with an empty frame; for the instance it ends once, so that what follows on
/// the same connection is the next request.
#[tokio::test]
async fn a_body_over_http2_ends_once_for_an_instance_over_http1() {
    let origin = RawOrigin::start(|mut connection| async move {
        while let Some(request) = connection.read_request().await? {
            let told = format!("{} by connection {}", request.body.len(), connection.number());
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", told.len());
            connection.write(head + &told).await?;
        }
        Ok(())
    })
    .await;
    let edge = before(origin.address()).await;
    let client = H2::connect(edge.address(0)).await.unwrap();
    for _ in 0..3 {
        let answer = client.request(&Request::post("/", "hello you")).await.unwrap();
        assert_eq!(answer.expect_status(200).text(), "9 by connection 0");
    }
}
