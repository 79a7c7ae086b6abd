//! The harness's origins do what they say, seen by the harness's own clients.

use std::time::Duration;

use hither_harness::{
    ClientError, GateOrigin, Http1, RawOrigin, RefusingOrigin, Request, UpgradeOrigin, eventually,
};

const SOON: Duration = Duration::from_secs(20);
const BRIEF: Duration = Duration::from_millis(50);

async fn get(origin: &RawOrigin) -> Result<hither_harness::Response, ClientError> {
    Http1::connect(origin.address()).await?.within(SOON).get("/x").await
}

#[tokio::test]
async fn an_origin_records_each_request_to_the_byte() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let mut client = Http1::connect(origin.address()).await.unwrap();
    let first = Request::post("/a?b", "body").header("X-One", "1");
    client.request(&first).await.unwrap().expect_status(200);
    let chunked = "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\n\r\n";
    client.send(chunked).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    let [one, two] = &origin.requests()[..] else { panic!("{:?}", origin.requests()) };
    assert_eq!((&one.method[..], &one.target[..], &one.body[..]), ("POST", "/a?b", &b"body"[..]));
    assert_eq!([&one.raw[..], &one.body[..]].concat(), first.bytes());
    assert_eq!((&two.body[..], two.trailers.get("t"), two.connection), (&b"abc"[..], Some("t"), 0));
}

#[tokio::test]
async fn each_misbehaviour_is_told_apart() {
    let closed = get(&RawOrigin::closing().await).await.unwrap_err();
    assert!(closed.is_closed(), "{closed}");
    let reset = get(&RawOrigin::resetting().await).await.unwrap_err();
    assert!(reset.is_closed(), "{reset}");
    let short = RawOrigin::answering_once("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
    let cut = get(&short).await.unwrap_err();
    assert!(matches!(cut, ClientError::CutShort { received: 4, head: Some(_), .. }), "{cut}");
    let half = get(&RawOrigin::answering_once("HTTP/1.1 200 O").await).await.unwrap_err();
    assert!(matches!(half, ClientError::CutShort { head: None, .. }), "{half}");
    let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab";
    let cut = get(&RawOrigin::answering_and_resetting(chunk).await).await.unwrap_err();
    assert!(cut.is_cut() || cut.is_closed(), "{cut}");
    let garbage = get(&RawOrigin::answering_once("\0\0\0 what\r\n\r\n").await).await.unwrap_err();
    assert!(matches!(garbage, ClientError::Malformed(_)), "{garbage}");
}

#[tokio::test]
async fn silence_is_a_timeout_and_half_an_answer_is_shown() {
    let stalling = RawOrigin::stalling().await;
    let mut client = Http1::connect(stalling.address()).await.unwrap().within(BRIEF);
    assert!(client.get("/").await.unwrap_err().is_timeout());
    drop(client);
    stalling.all_closed(SOON).await;
    let half = RawOrigin::answering_and_stalling("HTTP/1.1 200 OK\r\nX-").await;
    let mut client = Http1::connect(half.address()).await.unwrap().within(Duration::from_secs(1));
    let failure = client.get("/").await.unwrap_err().to_string();
    assert!(failure.contains("200 OK"), "{failure}");
}

#[tokio::test]
async fn a_trickle_is_slow_and_whole() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
    let origin = RawOrigin::trickling(answer, Duration::from_millis(1)).await;
    let begun = std::time::Instant::now();
    assert_eq!(get(&origin).await.unwrap().text(), "abc");
    assert!(begun.elapsed() >= Duration::from_millis(answer.len() as u64 - 1));
}

#[tokio::test]
async fn a_taken_port_without_a_listener_refuses() {
    let origin = RefusingOrigin::start();
    let refused = Http1::connect(origin.address()).await.unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
}

#[tokio::test]
async fn a_gate_counts_what_it_holds_and_lets_through_what_it_is_told() {
    let gate = GateOrigin::start("one").await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Http1::connect(gate.address()).await.unwrap();
        client.send(Request::get("/").bytes()).await.unwrap();
        clients.push(client);
    }
    gate.holds(5, SOON).await;
    drop(clients.pop());
    gate.holds(4, SOON).await;
    gate.release(1);
    gate.holds(3, SOON).await;
    assert_eq!((gate.most_held(), gate.served(), gate.abandoned()), (5, 1, 1));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.read_response().await.unwrap().header("x-origin"), Some("one"));
    }
    assert_eq!((gate.most_held(), gate.served(), gate.held()), (5, 4, 0));
}

#[tokio::test]
async fn a_request_that_was_given_up_before_the_next_came_is_not_counted_with_it() {
    let gate = GateOrigin::start("one").await;
    for round in 0..200 {
        let mut client = Http1::connect(gate.address()).await.unwrap();
        client.send(Request::get("/").bytes()).await.unwrap();
        gate.origin().request(round, SOON).await;
    }
    eventually(SOON, "all to be abandoned", || async {
        if gate.abandoned() == 200 { Ok(()) } else { Err(format!("{}", gate.abandoned())) }
    })
    .await;
    assert_eq!(gate.most_held(), 1);
}

#[tokio::test]
async fn an_upgrade_is_granted_and_then_echoes() {
    let origin = UpgradeOrigin::start().await;
    let ask = Request::get("/").header("Connection", "Upgrade").header("Upgrade", "chat");
    let mut tunnel = Http1::connect(origin.address()).await.unwrap().upgrade(&ask).await.unwrap();
    assert_eq!(tunnel.head().headers.get("upgrade"), Some("chat"));
    tunnel.echo("hello").await.unwrap();
    tunnel.send("last").await.unwrap();
    assert_eq!(tunnel.end().await.unwrap(), b"last");
    let client = Http1::connect(origin.address()).await.unwrap();
    let refused = client.upgrade(&Request::get("/")).await.unwrap_err();
    assert!(matches!(refused, ClientError::NotUpgraded(response) if response.status() == 426));
}
