//! Instances that break: a clean 502 or 504 with its reason, another instance where that is safe, and a cut that
//! the client can tell where the answer had begun.

use crate::support::{SOON, edge, instance};
use hither_harness::{ClientError, H2, Hither, RawOrigin, RefusingOrigin, Request, Response};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
const IMPATIENT: &str =
    "[service.web.timeouts]\nconnect = \"500ms\"\nfirst_byte = \"500ms\"\nidle = \"500ms\"";
const PATIENCE: Duration = Duration::from_millis(500);
const SLACK: Duration = Duration::from_secs(3);

async fn before(settings: &str, address: SocketAddr) -> Hither {
    edge(settings, &instance("one", address, "")).await
}

#[track_caller]
fn is_fault(answer: &Response, status: u16, reason: &str, shown: &str) {
    assert_eq!(answer.status(), status, "{shown}: {}{}", answer.head.headers, answer.text());
    let proxy_status = answer.header("proxy-status").unwrap_or_default();
    assert!(
        proxy_status.ends_with(&format!("details=\"{reason}\"")),
        "{shown}: {proxy_status} is not about {reason}"
    );
    assert!(answer.header("x-request-id").is_some(), "{shown}");
    assert_eq!(answer.json()["reason"], reason, "{shown}");
}

/// Waits until no place on the first instance is taken.
async fn free(edge: &Hither) {
    edge.status_when(SOON, "the instance to be free", |status| {
        (status["services"][0]["instances"][0]["in_flight"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_refused_connection_is_502_and_names_no_address() {
    let refusing = RefusingOrigin::start();
    let edge = before("", refusing.address()).await;
    for request in [Request::get("/"), Request::post("/", "hello")] {
        let answer = edge.send(&request).await;
        is_fault(&answer, 502, "connect_refused", "refused");
        let told = format!("{}{}", answer.head.headers, answer.text());
        assert!(!told.contains(&refusing.address().port().to_string()), "{told}");
    }
    free(&edge).await;
}

#[tokio::test]
async fn a_refused_connection_is_tried_on_another_instance() {
    let (refusing, good) = (RefusingOrigin::start(), RawOrigin::answering(FINE).await);
    let close = instance("bad", refusing.address(), "rtt = \"0.5ms\"");
    let far = instance("good", good.address(), "rtt = \"100ms\"");
    let edge = edge("", &(close + &far)).await;
    for request in [Request::get("/"), Request::post("/", "hello")] {
        edge.send(&request).await.expect_status(200);
    }
    assert_eq!(good.received(), 2);
    assert_eq!(good.requests()[1].body, b"hello");
    let line = edge.access_line(SOON, "a line", |line| line["method"] == "POST").await;
    assert_eq!((&line["instance"], &line["attempts"]), (&"good".into(), &2.into()));
    assert_eq!(edge.metrics().await.sum("hither_retries_total", &[]), 2.0);
}

#[tokio::test]
async fn one_attempt_means_one() {
    let (refusing, good) = (RefusingOrigin::start(), RawOrigin::answering(FINE).await);
    let close = instance("bad", refusing.address(), "rtt = \"0.5ms\"");
    let far = instance("good", good.address(), "rtt = \"100ms\"");
    let edge = edge("[service.web.retry]\nattempts = 1", &(close + &far)).await;
    is_fault(&edge.get("/").await, 502, "connect_refused", "refused");
    assert_eq!(good.received(), 0);
}

/// A listener whose queue of connections is full: what comes next is never answered.
fn deaf() -> (socket2::Socket, Vec<socket2::Socket>) {
    use socket2::{Domain, Socket, Type};
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let fill = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        // In progress, or in the queue; nobody accepts either.
        let _ = socket.connect(&listener.local_addr().unwrap());
        socket
    };
    let waiting = (0..8).map(fill).collect();
    (listener, waiting)
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_is_504_in_time() {
    let (listener, _waiting) = deaf();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let settings = format!("{IMPATIENT}\n[service.web.retry]\nattempts = 1");
    let edge = before(&settings, address).await;
    let began = Instant::now();
    is_fault(&edge.get("/").await, 504, "connect_timeout", "not accepted");
    let took = began.elapsed();
    assert!(took >= PATIENCE && took < PATIENCE + SLACK, "{took:?}");
    free(&edge).await;
}

async fn first_byte_is_absolute(origin: &RawOrigin, shown: &str, versions: &[bool]) {
    let edge = before(IMPATIENT, origin.address()).await;
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    for request in [Request::get("/"), Request::post("/", "hello")] {
        for &http2 in versions {
            let began = Instant::now();
            let answer = if http2 {
                over_http2.request(&request).await.unwrap()
            } else {
                edge.send(&request).await
            };
            let took = began.elapsed();
            is_fault(&answer, 504, "first_byte_timeout", shown);
            let early = PATIENCE - Duration::from_millis(20);
            assert!(took >= early && took < PATIENCE + SLACK, "{shown}, {http2}: {took:?}");
        }
    }
    free(&edge).await;
}

#[tokio::test]
async fn an_instance_that_says_nothing_is_504_at_the_deadline() {
    first_byte_is_absolute(&RawOrigin::stalling().await, "stalls", &[false, true]).await;
}

#[tokio::test]
async fn half_a_head_is_504_at_the_deadline() {
    let origin = RawOrigin::answering_and_stalling("HTTP/1.1 200 OK\r\nContent-Le").await;
    first_byte_is_absolute(&origin, "half a head", &[false, true]).await;
}

#[tokio::test]
async fn a_head_that_trickles_is_504_at_the_deadline_whatever_its_pace() {
    let head = format!("HTTP/1.1 200 OK\r\nX-Slow: {}\r\n\r\n", "x".repeat(1000));
    let origin = RawOrigin::trickling(head, Duration::from_millis(50)).await;
    first_byte_is_absolute(&origin, "trickles", &[false]).await;
}

#[tokio::test]
async fn a_slow_instance_does_not_hold_others_up() {
    let (slow, good) = (RawOrigin::stalling().await, RawOrigin::answering(FINE).await);
    let tables = instance("slow", slow.address(), "")
        + "[service.other]\nhosts = [\"other\"]\n[[service.other.instance]]\nid = \"one\"\n"
        + &format!("address = \"{}\"\n", good.address());
    let edge = edge("", &tables).await;
    let mut stuck = edge.connect().await;
    stuck.send(Request::get("/").bytes()).await.unwrap();
    for _ in 0..20 {
        edge.send(&Request::get("/").host("other")).await.expect_status(200);
    }
}

#[tokio::test]
async fn an_instance_that_closes_before_its_head_is_502() {
    for origin in [RawOrigin::closing().await, RawOrigin::resetting().await] {
        let edge = before("", origin.address()).await;
        for request in [Request::get("/"), Request::post("/", "hello")] {
            // The reset may come while the connection is made, or after.
            let answer = edge.send(&request).await;
            let reason = answer.json()["reason"].as_str().unwrap().to_owned();
            assert!(["upstream_closed", "connect_failed"].contains(&&reason[..]), "{reason}");
            is_fault(&answer, 502, &reason, "closed or reset");
        }
        free(&edge).await;
    }
    let origin = RawOrigin::answering_once("HTTP/1.1 200 OK\r\nContent-Le").await;
    let edge = before("", origin.address()).await;
    is_fault(&edge.send(&Request::post("/", "hello")).await, 502, "upstream_closed", "half a head");
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_elsewhere_and_nothing_else() {
    let bad = RawOrigin::start(|mut connection| async move {
        connection.read_request().await?;
        Ok(())
    })
    .await;
    let good = RawOrigin::answering(FINE).await;
    let tables = instance("bad", bad.address(), "rtt = \"0.5ms\"")
        + &instance("good", good.address(), "rtt = \"100ms\"");
    let edge = edge("", &tables).await;
    edge.get("/").await.expect_status(200);
    assert_eq!((bad.received(), good.received()), (1, 1));
    edge.send(&Request::new("PUT", "/").body("hello")).await.expect_status(200);
    assert_eq!(good.requests()[1].body, b"hello");
    // RFC 9110, section 9.2.2: a POST may have been carried out.
    is_fault(&edge.send(&Request::post("/", "hello")).await, 502, "upstream_closed", "POST");
    assert_eq!((bad.received(), good.received()), (3, 2));
}

#[tokio::test]
async fn a_stale_pooled_connection_is_replaced_without_a_word() {
    // Each connection answers once and closes at the second request's head.
    let origin = RawOrigin::start(|mut connection| async move {
        connection.read_request().await?;
        connection.write(FINE).await?;
        connection.read_head().await?;
        Ok(())
    })
    .await;
    let edge = before("", origin.address()).await;
    let mut client = edge.connect().await;
    for number in 0..6 {
        let answer = client.get("/").await.unwrap();
        assert_eq!(answer.status(), 200, "request {number}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_502() {
    for answer in [
        "what is this\r\n\r\n",
        "<html>HTTP/0.9</html>",
        "HTTP/1.1 9999 What\r\n\r\n",
        "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 -1 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 abc No\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\nContent-Length: 0\r\n\r\n",
    ] {
        let origin = RawOrigin::answering_once(answer).await;
        let edge = before("", origin.address()).await;
        is_fault(&edge.send(&Request::post("/", "x")).await, 502, "upstream_invalid", answer);
        free(&edge).await;
    }
}

#[tokio::test]
async fn an_answer_with_two_lengths_is_502() {
    for lines in [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: -1",
        "Content-Length: four",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
    ] {
        let origin =
            RawOrigin::answering_once(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nfine")).await;
        let edge = before("", origin.address()).await;
        is_fault(&edge.send(&Request::post("/", "x")).await, 502, "upstream_invalid", lines);
    }
}

/// RFC 9112, section 6.3, item 3: the chunks decide, and nobody sees the length.
#[tokio::test]
async fn a_length_beside_chunks_is_not_passed_on() {
    let origin = RawOrigin::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    .await;
    let edge = before("", origin.address()).await;
    let mut client = edge.connect().await;
    for _ in 0..3 {
        let answer = client.get("/").await.unwrap().expect_status(200);
        assert_eq!((answer.text(), answer.header("content-length")), ("ok".to_owned(), None));
    }
}

#[tokio::test]
async fn a_head_without_end_is_502_and_memory_stays() {
    let large =
        format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(200 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", "X: y\r\n".repeat(5000));
    for answer in [large, many] {
        let origin = RawOrigin::answering_once(answer).await;
        let edge = before("", origin.address()).await;
        let mut before = 0;
        for number in 0..60 {
            // Each thread has its buffers by then.
            if number == 20 {
                before = edge.rss();
            }
            is_fault(
                &edge.send(&Request::post("/", "x")).await,
                502,
                "upstream_invalid",
                "large head",
            );
        }
        let more = edge.rss().saturating_sub(before);
        assert!(more < 16 << 20, "{more} bytes more");
    }
}

fn cut(outcome: Result<Response, ClientError>, shown: &str) {
    match outcome {
        Err(error) => assert!(error.is_cut(), "{shown}: {error}"),
        Ok(answer) => panic!("{shown}: taken for a whole answer: {answer:?}"),
    }
}

#[tokio::test]
async fn a_body_cut_in_the_middle_is_cut_for_the_client() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nwhat\r\n",
    ] {
        let origin = RawOrigin::answering_once(answer).await;
        let edge = before("", origin.address()).await;
        cut(edge.connect().await.get("/").await, answer);
        cut(H2::connect(edge.address(0)).await.unwrap().get("/").await, answer);
        let line =
            edge.access_line(SOON, "a line", |line| line["fault"] != serde_json::Value::Null);
        assert_eq!(line.await["fault"], "upstream_body_cut", "{answer}");
        free(&edge).await;
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_cut_for_the_client() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let origin = RawOrigin::answering_and_stalling(answer).await;
    let edge = before(IMPATIENT, origin.address()).await;
    let began = Instant::now();
    cut(edge.connect().await.get("/").await, "HTTP/1.1");
    cut(H2::connect(edge.address(0)).await.unwrap().get("/").await, "HTTP/2");
    assert!(began.elapsed() < 2 * (PATIENCE + SLACK), "{:?}", began.elapsed());
    free(&edge).await;
}

#[tokio::test]
async fn a_101_nobody_asked_for_is_502() {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let origin = RawOrigin::answering_and_stalling(answer).await;
    let edge = before(IMPATIENT, origin.address()).await;
    is_fault(&edge.get("/").await, 502, "upstream_invalid", "GET");
    is_fault(&edge.send(&Request::post("/", "x")).await, 502, "upstream_invalid", "POST");
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    is_fault(&over_http2.get("/").await.unwrap(), 502, "upstream_invalid", "HTTP/2");
    free(&edge).await;
}

#[tokio::test]
async fn interim_responses_without_end_are_502() {
    for interim in
        ["HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n"]
    {
        let origin = RawOrigin::answering_and_stalling(interim.repeat(5000) + FINE).await;
        let edge = before("", origin.address()).await;
        let answer = edge.send(&Request::post("/", "x")).await;
        is_fault(&answer, 502, "upstream_invalid", interim);
        assert!(answer.interim.len() <= 32, "{} were passed on", answer.interim.len());
        let over_http2 = H2::connect(edge.address(0)).await.unwrap();
        let answer = over_http2.request(&Request::post("/", "x")).await.unwrap();
        is_fault(&answer, 502, "upstream_invalid", interim);
        free(&edge).await;
    }
}

#[tokio::test]
async fn bytes_after_a_body_are_never_seen_by_the_next_request() {
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    let origin = RawOrigin::answering(format!("{FINE}{smuggled}")).await;
    let edge = before("", origin.address()).await;
    let mut client = edge.connect().await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.unwrap().expect_status(200).text(), "fine");
    }
}
