//! Bodies that do not come, or are too large.

use crate::support::{SOON, Scene, closes, endless, is_refusal};
use hither_harness::{H2, RawOrigin, Request};
use std::time::Duration;

async fn small_bodies_only() -> Scene {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    Scene::with("", "max_body = \"1KiB\"", origin).await
}

/// RFC 9112, section 8: a request whose body ends early is incomplete; the client may still read why.
#[tokio::test]
async fn a_body_promised_and_not_sent_is_refused_and_the_instance_released() {
    let scene = Scene::plain().await;
    for body in
        ["Content-Length: 100\r\n\r\n0123456789", "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"]
    {
        let mut client = scene.edge.connect().await;
        client.send(format!("POST / HTTP/1.1\r\nHost: localhost\r\n{body}")).await.unwrap();
        client.end().await.unwrap();
        let answer = client.read_response().await.unwrap();
        is_refusal(&answer, 400, "body_cut_short", body);
        closes(&mut client, body).await;
        scene.all_places_free().await;
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9110, section 15.5.9: a body that stops coming is given up after the service's `idle`.
#[tokio::test]
async fn a_body_that_stalls_is_refused_and_the_instance_released() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let scene = Scene::with("", "[service.web.timeouts]\nidle = \"300ms\"", origin).await;
    let mut client = scene.edge.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n0").await.unwrap();
    let answer = client.read_response().await.unwrap();
    is_refusal(&answer, 408, "body_timeout", "a stalled body");
    closes(&mut client, "a stalled body").await;
    scene.all_places_free().await;
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9110, section 15.5.9: a body that trickles is given up after five seconds of grace, though it never stalls.
#[tokio::test]
async fn a_body_below_the_least_pace_is_refused_and_the_instance_released() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let scene = Scene::with("min_body_rate = \"1MiB\"", "", origin).await;
    for framing in ["Content-Length: 5000", "Transfer-Encoding: chunked"] {
        let mut client = scene.edge.connect().await;
        let began = std::time::Instant::now();
        let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
        client.send(head).await.unwrap();
        // It ends when the proxy answers and closes.
        let _ = client.trickle("1\r\nx\r\n".repeat(400), Duration::from_millis(10)).await;
        let answer = client.read_response().await.unwrap();
        is_refusal(&answer, 408, "body_timeout", framing);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(5), "{framing}: refused already after {took:?}");
        scene.all_places_free().await;
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9110, section 15.5.9: the same over HTTP/2, where it ends the stream and not the connection.
#[tokio::test]
async fn a_body_below_the_least_pace_is_refused_over_http2_as_well() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let scene = Scene::with("min_body_rate = \"1MiB\"", "", origin).await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    let mut stream = client.open(&Request::new("POST", "/slow"), false).await.unwrap();
    stream.send_body(vec![b'x'; 100], false).await.unwrap();
    let answer = stream.response().await.unwrap().expect_status(408);
    assert_eq!(answer.json()["reason"], "body_timeout");
    scene.all_places_free().await;
    client.get("/").await.unwrap().expect_status(200);
    let sent = client.request(&Request::post("/whole", vec![b'x'; 300_000])).await;
    sent.unwrap().expect_status(200);
    assert_eq!(scene.origin.requests().last().map(|request| request.body.len()), Some(300_000));
}

/// Who sends slowly, but not below the least pace, is served; whoever sends fast is not asked for more.
#[tokio::test]
async fn a_body_at_the_least_pace_is_served() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let scene = Scene::with("min_body_rate = \"50B\"", "", origin).await;
    let mut client = scene.edge.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 700\r\n\r\n").await.unwrap();
    client.trickle([b'x'; 700], Duration::from_millis(10)).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
}

/// RFC 9110, section 10.1.1: a client that waits to be told to go on is not slow.
#[tokio::test]
async fn a_client_that_waits_for_100_continue_is_not_slow() {
    let origin = RawOrigin::start(|mut connection| async move {
        connection.read_head().await?;
        // Longer than the grace: that the client is waited for all the while is what is tested.
        tokio::time::sleep(Duration::from_secs(6)).await;
        connection.write("HTTP/1.1 100 Continue\r\n\r\n").await?;
        let body = connection.read_some().await?;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.write([head.as_bytes(), &body].concat()).await
    })
    .await;
    let scene = Scene::with("min_body_rate = \"1MiB\"", "", origin).await;
    let mut client = scene.edge.connect().await;
    let head =
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    client.send(head).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 100);
    client.send("body").await.unwrap();
    assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "body");
}

/// An answer that nobody takes is given up as well: a client that does not read holds no instance.
#[tokio::test]
async fn an_answer_that_is_not_taken_is_given_up_and_the_instance_released() {
    let scene = Scene::with("min_body_rate = \"1GiB\"", "", endless().await).await;
    let mut client = scene.edge.connect().await;
    client.send("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    client.read_head().await.unwrap();
    scene.gives_up("/endless").await;
    let rest = client.read_until_close().await.unwrap().len();
    assert!(rest < 100_000_000, "{rest} bytes were waiting");
}

/// RFC 9113, section 6.9: over HTTP/2 a stream whose window stays shut is given up after the service's `idle`.
#[tokio::test]
async fn a_stream_whose_window_stays_shut_is_given_up_and_the_instance_released() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    let scene = Scene::with("", "[service.web.timeouts]\nidle = \"300ms\"", origin).await;
    let mut client = scene.edge.connect().await;
    // RFC 9113, section 6.5.2: SETTINGS_INITIAL_WINDOW_SIZE is 0.
    let shut = crate::http2::frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let fields = crate::http2::block(&crate::http2::head(b"localhost", b"/shut"));
    let request = crate::http2::frame(1, 0x5, 1, &fields);
    client.send([crate::http2::PREFACE, &shut, &request].concat()).await.unwrap();
    scene.edge.access_line(SOON, "the end of the stream", |line| line["path"] == "/shut").await;
    scene.all_places_free().await;
    scene.still_serves().await;
}

/// A client that goes away inside its body leaves nothing behind.
#[tokio::test]
async fn a_client_that_leaves_inside_its_body_releases_the_instance() {
    let scene = Scene::plain().await;
    for reset in [false, true] {
        let mut client = scene.edge.connect().await;
        client
            .send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n0123")
            .await
            .unwrap();
        scene
            .edge
            .status_when(SOON, "the request to be on its way", |status| {
                (status["services"][0]["instances"][0]["in_flight"] == 1).then_some(())
            })
            .await;
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        scene.all_places_free().await;
    }
    scene.origin.all_closed(SOON).await;
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9110, section 15.5.14: what is declared too large is refused before any of it is read.
#[tokio::test]
async fn a_body_declared_too_large_is_refused_unread() {
    let scene = small_bodies_only().await;
    for length in ["1025", "1000000000000"] {
        let head =
            format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        scene.refuses(head, 413, "body_too_large").await;
    }
    assert_eq!(scene.origin.accepted(), 0, "no connection was made for it");
    let fits = Request::post("/", vec![b'x'; 1024]);
    scene.edge.send(&fits).await.expect_status(200);
    scene.still_serves().await;
}

/// RFC 9110, section 15.5.14: a body without a declared length is refused where it becomes too large.
#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_refused() {
    let scene = small_bodies_only().await;
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    scene.refuses(format!("{head}{}", chunk.repeat(3)), 413, "body_too_large").await;
    scene.nothing_arrived();
    let mut client = scene.edge.connect().await;
    client.send(format!("{head}{}0\r\n\r\n", chunk.repeat(2))).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    scene.still_serves().await;
}

/// RFC 9113, section 8.1: the same over HTTP/2.
#[tokio::test]
async fn a_body_too_large_is_refused_over_http2_as_well() {
    let scene = small_bodies_only().await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    let declared = Request::post("/", "").header("content-length", "5000");
    let mut stream = client.open(&declared, false).await.unwrap();
    let _ = stream.send_body(vec![b'x'; 100], false).await;
    stream.response().await.unwrap().expect_status(413);
    let mut stream = client.open(&Request::new("POST", "/"), false).await.unwrap();
    for _ in 0..3 {
        // It may be refused while it is being sent.
        let _ = stream.send_body(vec![b'x'; 512], false).await;
    }
    stream.response().await.unwrap().expect_status(413);
    client.get("/").await.unwrap().expect_status(200);
    assert_eq!(scene.origin.received(), 1);
    scene.all_places_free().await;
}

/// A body that nobody reads does not keep its connection: the answer comes, and the rest is not waited for.
#[tokio::test]
async fn an_answer_before_the_end_of_the_body_ends_the_request() {
    let origin = RawOrigin::start(|mut connection| async move {
        connection.read_head().await?;
        connection.write("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").await?;
        connection.stall().await
    })
    .await;
    let scene = Scene::with("", "", origin).await;
    let mut client = scene.edge.connect().await.within(Duration::from_secs(10));
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n0").await.unwrap();
    assert_eq!(client.read_response().await.unwrap().expect_status(403).text(), "no");
    // What follows is the body's rest and no request.
    let _ = client.send("12345678GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let rest = client.read_until_close().await.unwrap();
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
    assert!(scene.origin.requests().iter().all(|request| request.target != "/smuggled"));
    scene.all_places_free().await;
}
