//! The harness's clients read what is right and refuse what is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hither_harness::{ClientError, Http1, Load, RawOrigin, Request, Response};

const SOON: Duration = Duration::from_secs(20);
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn answered(answer: &str) -> Result<Response, ClientError> {
    let origin = RawOrigin::answering_once(answer).await;
    Http1::connect(origin.address()).await?.get("/").await
}

#[tokio::test]
async fn bodies_end_where_their_framing_says() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nab\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n";
    let response = answered(chunked).await.unwrap();
    assert_eq!((response.text(), response.trailers.get("x-t")), ("ab0123456789".into(), Some("1")));
    assert_eq!(answered("HTTP/1.0 200 OK\r\n\r\nto the end").await.unwrap().text(), "to the end");
    assert_eq!(answered("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap().length, 0);
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let response = answered(&format!("{interim}{OK}")).await.unwrap();
    assert_eq!((response.interim.len(), response.text()), (2, "ok".into()));
}

#[tokio::test]
async fn ambiguous_framing_is_never_taken_for_a_body() {
    for headers in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: -1",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
    ] {
        let outcome = answered(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nok")).await;
        assert!(matches!(outcome, Err(ClientError::Malformed(_))), "{headers}: {outcome:?}");
    }
    for body in ["zz\r\nab\r\n0\r\n\r\n", "2\r\nabc\r\n0\r\n\r\n", "-2\r\nab\r\n0\r\n\r\n"] {
        let outcome =
            answered(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}")).await;
        assert!(matches!(outcome, Err(ClientError::Malformed(_))), "{body:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_answer_to_head_has_a_length_and_no_body() {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n").await;
    let mut client = Http1::connect(origin.address()).await.unwrap();
    for _ in 0..2 {
        let response = client.request(&Request::new("HEAD", "/")).await.unwrap();
        assert_eq!((response.header("content-length"), response.length), (Some("700"), 0));
    }
}

#[tokio::test]
async fn pipelined_responses_are_read_one_by_one() {
    let origin = RawOrigin::answering(OK).await;
    let mut client = Http1::connect(origin.address()).await.unwrap();
    client.send(Request::get("/").bytes().repeat(3)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.read_response().await.unwrap().text(), "ok");
    }
    client.end().await.unwrap();
    assert_eq!(client.read_until_close().await.unwrap(), b"");
}

#[tokio::test]
async fn a_client_can_come_from_another_address() {
    let origin = RawOrigin::answering(OK).await;
    let other = [127, 0, 0, 7].into();
    let mut client = Http1::connect_from(other, origin.address()).await.unwrap();
    assert_eq!(client.local_address().ip(), other);
    client.get("/").await.unwrap().expect_status(200);
}

#[tokio::test]
async fn a_load_over_good_answers_is_clean_and_keeps_its_connections() {
    let origin = RawOrigin::answering(OK).await;
    let load = Load::new(origin.address()).connections(4);
    let report = load.check(|_, response| expect(response, "ok")).run_requests(200, SOON).await;
    report.assert_clean();
    assert!(report.completed >= 200 && report.connects == 4, "{report:?}");
    assert_eq!(origin.accepted(), 4);
    assert!(report.latency(0.5) <= report.latency(1.0) && !report.latency(1.0).is_zero());
}

#[tokio::test]
async fn a_load_counts_every_kind_of_failure() {
    let answers = [
        OK,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        "",
    ];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let origin = RawOrigin::start(move |mut connection| async move {
        while connection.read_request().await?.is_some() {
            let answer = answers[NEXT.fetch_add(1, Ordering::Relaxed) % answers.len()];
            connection.write(answer).await?;
            if !answer.ends_with("ok") {
                break;
            }
        }
        Ok(())
    })
    .await;
    let load = Load::new(origin.address()).check(|_, response| expect(response, "ok"));
    let report = load.run_requests(10, SOON).await;
    let words: Vec<&str> = report.failures.iter().map(|failure| &failure.what[..]).collect();
    for word in ["503", "not ok", "cut short", "closed before"] {
        assert!(words.iter().any(|what| what.contains(word)), "{word} is not among {words:#?}");
    }
    assert!(report.completed >= 2 && report.failed >= 8, "{report:?}");
}

#[tokio::test]
async fn an_announced_close_is_no_failure_of_a_load() {
    let origin = RawOrigin::answering_once(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    );
    let origin = origin.await;
    let report = Load::new(origin.address()).run_requests(5, SOON).await;
    report.assert_clean();
    assert_eq!(report.connects, report.completed);
}

fn expect(response: &Response, text: &str) -> Result<(), String> {
    if response.text() == text { Ok(()) } else { Err(format!("not {text}: {}", response.text())) }
}
