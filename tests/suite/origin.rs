//! `hither origin` is a small real server that says who answered and what arrived.

use std::time::{Duration, Instant};

use hither_harness::{
    ClientError, H2, Http1, OriginProcess, Request, Signal, WebSocket, eventually,
};

const HITHER: &str = env!("CARGO_BIN_EXE_hither");
const SOON: Duration = Duration::from_secs(20);

async fn origin() -> OriginProcess {
    OriginProcess::start(HITHER, "ams").await
}

#[tokio::test]
async fn it_echoes_what_arrived_and_says_who_answered() {
    let origin = origin().await;
    let request = Request::post("/a/b?c=d", "hello").header("X-Two", "1").header("x-two", "2");
    let response = origin.connect().await.request(&request).await.unwrap().expect_status(200);
    let address = origin.address().to_string();
    assert_eq!(response.header("x-origin-region"), Some("ams"));
    assert_eq!(response.header("x-origin-address"), Some(&address[..]));
    let expected = serde_json::json!({
        "method": "POST", "path": "/a/b", "query": "c=d", "version": "HTTP/1.1",
        "authority": "localhost", "body_length": 5, "region": "ams", "address": address, "in_flight": 1,
        "headers": [["host", "localhost"], ["x-two", "1"], ["x-two", "2"], ["content-length", "5"]],
    });
    assert_eq!(response.json(), expected);
}

#[tokio::test]
async fn it_speaks_http2_by_prior_knowledge_on_the_same_port() {
    let origin = origin().await;
    let h2 = H2::connect(origin.address()).await.unwrap();
    let request = Request::post("/x", vec![b'x'; 300_000]).host("h.example");
    let echo = h2.request(&request).await.unwrap().expect_status(200).json();
    assert_eq!((&echo["version"], &echo["body_length"]), (&"HTTP/2".into(), &300_000.into()));
    assert_eq!(echo["authority"], "h.example");
    let head = h2.request(&Request::new("HEAD", "/bytes/77")).await.unwrap();
    assert_eq!((head.header("content-length"), head.length), (Some("77"), 0));
}

#[tokio::test]
async fn it_answers_with_the_status_and_the_number_of_bytes_asked_for() {
    let origin = origin().await;
    let mut client = origin.connect().await;
    for status in [200, 204, 304, 404, 503, 599] {
        assert_eq!(client.get(&format!("/status/{status}")).await.unwrap().status(), status);
    }
    for length in [0, 1, 65_536, 1_000_001] {
        assert_eq!(client.get(&format!("/bytes/{length}")).await.unwrap().length, length);
    }
    for path in ["/status/199", "/status/x", "/bytes/-1", "/delay/99999999"] {
        let refusal = client.get(path).await.unwrap().expect_status(400);
        assert!(refusal.json()["reason"].as_str().unwrap().contains(" from "), "{path}");
    }
}

#[tokio::test]
async fn a_long_body_is_streamed_without_being_held() {
    let origin = origin().await;
    let mut client = origin.connect().await.within(Duration::from_secs(60));
    client.send(Request::get("/bytes/300000000").bytes()).await.unwrap();
    assert_eq!(client.count_response().await.unwrap().length, 300_000_000);
    let held = origin.peak_rss();
    assert!(held < 64 << 20, "{held} bytes were held");
}

#[tokio::test]
async fn it_tells_how_many_requests_it_is_at() {
    let origin = origin().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        let mut client = origin.connect().await;
        client.send(Request::get("/delay/600000").bytes()).await.unwrap();
        waiting.push(client);
    }
    let health = |wanted: u64| {
        let origin = &origin;
        eventually(SOON, "the number in flight", move || async move {
            let health = origin.health().await;
            if health["in_flight"] == wanted { Ok(health) } else { Err(health.to_string()) }
        })
    };
    health(3).await;
    drop(waiting);
    let after = health(0).await;
    assert_eq!((&after["most_in_flight"], &after["total"]), (&3.into(), &3.into()));
}

#[tokio::test]
async fn its_delay_slows_every_answer_but_health() {
    let origin = OriginProcess::start_with(HITHER, "ams", &["--delay", "300ms"]).await;
    let begun = Instant::now();
    origin.connect().await.get("/").await.unwrap().expect_status(200);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    let patient = origin.connect().await.within(Duration::from_millis(250)).get("/health").await;
    patient.unwrap().expect_status(200);
}

#[tokio::test]
async fn its_websocket_sends_back_every_message() {
    let origin = origin().await;
    let mut socket = WebSocket::connect(origin.address(), "localhost", "/ws").await.unwrap();
    for text in ["one", "", "zwölf"] {
        socket.echo(text).await.unwrap();
    }
    assert_eq!(origin.in_flight().await, 1);
    socket.close().await.unwrap();
    let refusal = origin.connect().await.get("/ws").await.unwrap().expect_status(426);
    assert_eq!(refusal.header("upgrade"), Some("websocket"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let origin = origin().await;
    let huge = Request::get("/").header("X-Huge", &"x".repeat(70_000));
    assert_eq!(origin.connect().await.request(&huge).await.unwrap().status(), 431);
    let many =
        (0..200).fold(Request::get("/"), |request, n| request.header(&format!("x-{n}"), "1"));
    assert_eq!(origin.connect().await.request(&many).await.unwrap().status(), 431);
}

#[tokio::test]
async fn a_signal_ends_it_after_the_answers_under_way() {
    let origin = origin().await;
    let mut idle = origin.connect().await;
    idle.get("/").await.unwrap().expect_status(200);
    let mut busy = origin.connect().await;
    busy.send(Request::get("/delay/500").bytes()).await.unwrap();
    let mut socket = WebSocket::connect(origin.address(), "localhost", "/ws").await.unwrap();
    eventually(SOON, "both to be in flight", || async {
        let now = origin.in_flight().await;
        if now == 2 { Ok(()) } else { Err(format!("{now} are")) }
    })
    .await;
    let asked = Instant::now();
    origin.signal(Signal::TERM);
    busy.read_response().await.unwrap().expect_status(200);
    assert_eq!(socket.receive().await.unwrap(), None, "the WebSocket is closed in order");
    assert_eq!(idle.read_until_close().await.unwrap(), b"");
    assert_eq!(origin.wait_exit(SOON).await.code(), Some(0));
    // Sooner than the five seconds after which it would cut what is left: nothing was left.
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(matches!(Http1::connect(origin.address()).await, Err(ClientError::Io(_))));
}
