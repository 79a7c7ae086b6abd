//! Plugins read and change bodies: whole, with the head still open, or in pieces as they pass. Framing is
//! the host's, over HTTP/1 and HTTP/2 alike.

use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{ClientError, H2, Hither, RawConnection, RawOrigin, Request, Response};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const NO_EJECTION: &str = "[service.web.ejection]\nfailures = 0\n";

/// Answers with the request's body, after the head that `x-answer` names.
pub(crate) async fn echo() -> RawOrigin {
    RawOrigin::start(|mut connection: RawConnection| async move {
        while let Some(request) = connection.read_request().await? {
            let body = request.body;
            match request.headers.get("x-answer").unwrap_or("length") {
                "chunked" => {
                    connection
                        .write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                        .await?;
                    for piece in body.chunks(5) {
                        connection.write(format!("{:x}\r\n", piece.len())).await?;
                        connection.write([piece, b"\r\n"].concat()).await?;
                    }
                    connection.write("0\r\n\r\n").await?;
                }
                "close" => {
                    connection.write("HTTP/1.1 200 OK\r\n\r\n").await?;
                    return connection.write(body).await;
                }
                "empty" => connection.write("HTTP/1.1 204 No Content\r\n\r\n").await?,
                "not-modified" => {
                    connection
                        .write("HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n")
                        .await?;
                }
                _ => {
                    let length = body.len();
                    let body = if request.method == "HEAD" { Vec::new() } else { body };
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                    connection.write([head.into_bytes(), body].concat()).await?;
                }
            }
        }
        Ok(())
    })
    .await
}

/// An edge whose service has these plugins, all of them the guest `bodies`, tagged with their names.
pub(crate) async fn edge_with(
    plugins: &[(&str, &str)],
    settings: &str,
    origins: &[SocketAddr],
) -> Hither {
    let names: Vec<_> = plugins.iter().map(|(name, _)| format!("{name:?}")).collect();
    let mut config = format!(
        "{settings}{LISTENER}[service.web]\nplugins = [{}]\n{NO_EJECTION}",
        names.join(", ")
    );
    for (place, origin) in origins.iter().enumerate() {
        let rtt = format!("rtt = \"{}ms\"", 1 + 50 * place);
        config += &instance(&format!("i{place}"), *origin, &rtt);
    }
    for (name, more) in plugins {
        config += &format!(
            "[plugin.{name}]\nfile = \"bodies.wasm\"\ntime = \"500ms\"\n{more}\n\
             [plugin.{name}.config]\ntag = \"{name}\"\n"
        );
    }
    let guest = std::fs::read(hither_guests::guest("bodies")).unwrap();
    Hither::builder(HITHER).config(config).file("bodies.wasm", guest).start().await
}

async fn edge(origin: &RawOrigin) -> Hither {
    edge_with(&[("a", "")], "", &[origin.address()]).await
}

pub(crate) fn post(body: &str, take: &str, deed: &str) -> Request {
    Request::post("/", body).header("x-take", take).header("x-do", deed)
}

/// The same request in every framing that there is: by length, in chunks, over HTTP/2.
pub(crate) async fn every_way(edge: &Hither, request: &Request, body: &str) -> Vec<Response> {
    let half = body.len() / 2;
    let chunked = request.clone().header("transfer-encoding", "chunked").body(format!(
        "{half:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
        &body[..half],
        body.len() - half,
        &body[half..]
    ));
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    vec![
        edge.send(request).await,
        edge.send(&chunked).await,
        h2.request(request).await.unwrap_or_else(|error| panic!("{request:?}: {error}")),
    ]
}

#[tokio::test]
async fn a_whole_request_is_changed_with_its_head_and_framed_anew() {
    let origin = echo().await;
    let edge = edge(&origin).await;
    for (deed, body, noted) in [
        ("keep", "hello you", None),
        ("upper", "HELLO YOU", None),
        ("note", "hello you", Some("9")),
        ("upper-and-note", "HELLO YOU", Some("9")),
        ("drop", "", None),
        ("tag", "hello youa", None),
    ] {
        let request = post("hello you", "whole", deed).header("content-encoding", "x-none");
        for (way, response) in every_way(&edge, &request, "hello you").await.into_iter().enumerate()
        {
            assert_eq!(response.expect_status(200).text(), body, "{deed}, way {way}");
            let received = origin.requests().pop().unwrap();
            assert_eq!(received.body, body.as_bytes(), "{deed}, way {way}");
            let length = body.len().to_string();
            assert_eq!(received.header("content-length"), Some(&*length), "{deed}, way {way}");
            assert!(!received.headers.has("transfer-encoding"), "{deed}, way {way}");
            assert_eq!(received.header("x-noted"), noted, "{deed}, way {way}");
            // What a plugin put there is in no coding.
            let coded = received.headers.has("content-encoding");
            assert_eq!(coded, matches!(deed, "keep" | "note"), "{deed}, way {way}");
        }
    }
    let before = origin.received();
    for response in every_way(&edge, &post("hello", "whole", "answer"), "hello").await {
        assert_eq!(response.expect_status(418).text(), "short and stout");
    }
    assert_eq!(origin.received(), before, "a plugin answered, and the instance was asked");
}

#[tokio::test]
async fn a_request_passes_in_pieces_that_may_be_changed() {
    let origin = echo().await;
    let edge = edge(&origin).await;
    for (deed, body) in
        [("keep", "hello you"), ("upper", "HELLO YOU"), ("drop", ""), ("tag", "hello youa")]
    {
        let request = post("hello you", "pieces", deed);
        for (way, response) in every_way(&edge, &request, "hello you").await.into_iter().enumerate()
        {
            assert_eq!(response.expect_status(200).text(), body, "{deed}, way {way}");
            assert_eq!(origin.requests().pop().unwrap().body, body.as_bytes(), "{deed}");
        }
    }
    for response in every_way(&edge, &post("hello", "pieces", "abort"), "hello").await {
        assert_eq!(response.expect_status(403).json()["reason"], "plugin_refused");
    }
}

#[tokio::test]
async fn one_instance_sees_a_body_from_its_first_piece_to_its_last() {
    let origin = echo().await;
    let edge = edge(&origin).await;
    // At most 64 KiB at once, however much a client sends.
    let long = "x".repeat(200_000);
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    let request = post(&long, "pieces", "count");
    for response in [edge.send(&request).await, h2.request(&request).await.unwrap()] {
        let told = response.expect_status(200).text();
        let pieces: Vec<(usize, usize)> = told
            .trim_matches(['[', ']'])
            .split("][")
            .map(|piece| piece.split_once(':').unwrap())
            .map(|(number, length)| (number.parse().unwrap(), length.parse().unwrap()))
            .collect();
        assert!(pieces.iter().map(|(number, _)| *number).eq(1..=pieces.len()), "{told}");
        assert!(pieces.iter().all(|(_, length)| *length <= 65_536), "{told}");
        assert_eq!(pieces.iter().map(|(_, length)| length).sum::<usize>(), 200_000, "{told}");
    }
    // Others meanwhile have instances of their own.
    let mut slow = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nx-take: pieces\r\nx-do: count\r\n\
                transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n";
    slow.send(head).await.unwrap();
    origin_has_begun(&edge).await;
    assert_eq!(edge.send(&post("abc", "pieces", "count")).await.text(), "[1:3]");
    slow.send("3\r\nyou\r\n0\r\n\r\n").await.unwrap();
    let told = slow.read_response().await.unwrap().expect_status(200).text();
    assert!(told.starts_with("[1:5][2:3]"), "{told}");
}

/// Waits until an instance of the plugin is kept by a body.
async fn origin_has_begun(edge: &Hither) {
    edge.status_when(SOON, "a second call", |status| {
        let calls = status["plugins"][0]["instances"].as_u64()?;
        (calls >= 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn plugins_see_a_request_in_order_and_a_response_in_reverse() {
    let origin = echo().await;
    let plugins = [("a", ""), ("b", ""), ("c", "")];
    let edge = edge_with(&plugins, "", &[origin.address()]).await;
    for take in ["whole", "pieces"] {
        for take_answer in ["whole", "pieces"] {
            let request = post("xy", take, "tag")
                .header("x-take-answer", take_answer)
                .header("x-do-answer", "tag");
            for response in every_way(&edge, &request, "xy").await {
                assert_eq!(response.expect_status(200).text(), "xyabccba", "{take} {take_answer}");
            }
        }
    }
}

#[tokio::test]
async fn more_than_a_plugin_wants_to_have_held_is_refused() {
    let origin = echo().await;
    let plugins = [("a", "body = \"2KiB\"")];
    let edge = edge_with(&plugins, "", &[origin.address()]).await;
    let body = "x".repeat(2049);
    // The plugin's own wish, and the operator's bound on it.
    for (body, most) in [("hello", "4"), (&*body, "1000000")] {
        let request = post(body, "whole", "keep").header("x-most", most);
        for response in every_way(&edge, &request, body).await {
            assert_eq!(response.expect_status(413).json()["reason"], "body_too_large");
        }
        let answer =
            Request::post("/", body).header("x-most", most).header("x-take-answer", "whole");
        for how in ["length", "chunked"] {
            for response in every_way(&edge, &answer.clone().header("x-answer", how), body).await {
                assert_eq!(response.expect_status(502).json()["reason"], "answer_too_large");
            }
        }
    }
    let fits = "x".repeat(2048);
    for response in every_way(&edge, &post(&fits, "whole", "keep"), &fits).await {
        assert_eq!(response.expect_status(200).text(), fits);
    }
}

#[tokio::test]
async fn all_held_bodies_together_have_a_bound() {
    let origin = echo().await;
    let settings = "[edge]\nheld_bodies = \"4KiB\"\n";
    let edge = edge_with(&[("a", "")], settings, &[origin.address()]).await;
    // One body holds three quarters of the room for as long as its client takes.
    let mut slow = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nx-take: whole\r\ncontent-length: 3001\r\n\r\n";
    slow.send([head.as_bytes(), &vec![b'x'; 3000]].concat()).await.unwrap();
    holds(&edge, 3000.0).await;
    let request = post(&"y".repeat(2000), "whole", "keep");
    let refused = edge.send(&request).await.expect_status(503);
    assert_eq!(refused.json()["reason"], "bodies_full");
    assert_eq!(refused.header("retry-after"), Some("1"));
    slow.send("x").await.unwrap();
    assert_eq!(slow.read_response().await.unwrap().expect_status(200).text().len(), 3001);
    holds(&edge, 0.0).await;
    // A client that leaves gives its room back, too.
    let mut leaver = edge.connect().await;
    leaver.send([head.as_bytes(), &vec![b'x'; 3000]].concat()).await.unwrap();
    holds(&edge, 3000.0).await;
    drop(leaver);
    holds(&edge, 0.0).await;
    edge.send(&request).await.expect_status(200);
    // Answers share the room.
    let answer = Request::post("/", "y".repeat(5000)).header("x-take-answer", "whole");
    let refused = edge.send(&answer).await.expect_status(503);
    assert_eq!(refused.json()["reason"], "bodies_full");
    holds(&edge, 0.0).await;
}

async fn holds(edge: &Hither, bytes: f64) {
    hither_harness::eventually(SOON, "so much to be held", || async {
        let held = edge.metrics().await.value("hither_held_body_bytes", &[]);
        if held == Some(bytes) { Ok(()) } else { Err(format!("{held:?}")) }
    })
    .await;
}

/// Sends until the answer has this status.
pub(crate) async fn until(edge: &Hither, request: &Request, status: u16) -> Response {
    hither_harness::eventually(SOON, "another answer", || async {
        let response = edge.send(request).await;
        match response.status() == status {
            true => Ok(response),
            false => Err(format!("{} {}", response.status(), response.text())),
        }
    })
    .await
}

#[tokio::test]
async fn a_failed_call_skips_or_rejects_and_the_original_bytes_pass() {
    let origin = echo().await;
    for (deed, outcome) in [("trap", "trap"), ("loop", "timeout"), ("huge", "memory")] {
        // Two edges for each, so that no breaker hides anything.
        let start = |policy: &str| {
            let policy = format!("on_failure = \"{policy}\"");
            let address = origin.address();
            async move { edge_with(&[("a", &policy)], "", &[address]).await }
        };
        let (rejecting, skipping) = (start("reject").await, start("skip").await);
        for take in ["whole", "pieces"] {
            let request = post("hello", take, deed);
            let response = rejecting.send(&request).await.expect_status(503);
            assert_eq!(response.json()["reason"], "plugin_failed", "{take} {deed}");
            let response = skipping.send(&request).await.expect_status(200);
            assert_eq!(response.text(), "hello", "{take} {deed}");
            let answer = Request::post("/", "hello")
                .header("x-take-answer", take)
                .header("x-do-answer", deed);
            match rejecting.connect().await.request(&answer).await {
                Ok(response) => assert_eq!(response.status(), 503, "{take} {deed}"),
                Err(error) => assert!(take == "pieces" && error.is_cut(), "{take} {deed}: {error}"),
            }
            let response = skipping.send(&answer).await.expect_status(200);
            assert_eq!(response.text(), "hello", "{take} {deed}");
        }
        for edge in [&rejecting, &skipping] {
            // The next call gets a fresh instance.
            let response = edge.send(&post("hello", "whole", "upper")).await;
            assert_eq!(response.expect_status(200).text(), "HELLO");
            let metrics = edge.metrics().await;
            for hook in ["request-body", "response-body"] {
                let labels = [("plugin", "a"), ("hook", hook), ("outcome", outcome)];
                let told = metrics.value("hither_plugin_calls_total", &labels);
                assert_eq!(told, Some(2.0), "{hook} {outcome}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_was_held_is_repeated_whole_and_one_that_passed_never() {
    let (closing, origin) = (RawOrigin::closing_after_a_request().await, echo().await);
    let edge = edge_with(&[("a", "")], "", &[closing.address(), origin.address()]).await;
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    // Larger than what Pingora itself keeps for another attempt.
    let body = "hello ".repeat(50_000);
    let request = |take: &str| {
        let request = Request::new("PUT", "/").body(body.clone());
        request.header("x-take", take).header("x-do", "upper")
    };
    let whole = [edge.send(&request("whole")).await, h2.request(&request("whole")).await.unwrap()];
    for response in whole {
        assert_eq!(response.expect_status(200).text(), body.to_uppercase());
    }
    let received = origin.received();
    // Small enough for Pingora to keep: it is the plugin that must not see it twice.
    let small = Request::new("PUT", "/").body("hello").header("x-take", "pieces");
    let pieces = [edge.send(&small).await, h2.request(&small).await.unwrap()];
    for response in pieces {
        assert_eq!(response.expect_status(502).json()["reason"], "upstream_closed");
    }
    assert_eq!(origin.received(), received, "half a body was sent again");
}

#[tokio::test]
async fn a_kept_connection_serves_on_after_held_bodies() {
    let origin = echo().await;
    let edge = edge(&origin).await;
    let mut client = edge.connect().await;
    for round in 0..3 {
        let request = post("hello", "whole", "upper")
            .header("x-take-answer", "whole")
            .header("x-do-answer", "tag");
        let response = client.request(&request).await.unwrap().expect_status(200);
        assert_eq!(response.text(), "HELLOa", "round {round}");
        assert!(!response.closes());
        let plain = client.request(&Request::post("/", "plain")).await.unwrap();
        assert_eq!(plain.expect_status(200).text(), "plain");
    }
    assert_eq!(origin.accepted(), 1, "the instance's connection was kept as well");
}

#[tokio::test]
async fn a_client_that_waits_for_leave_to_send_gets_it() {
    let origin = echo().await;
    let edge = edge(&origin).await;
    let mut client = edge.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nx-take: whole\r\nexpect: 100-continue\r\n\
                content-length: 5\r\n\r\n";
    client.send(head).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 100);
    client.send("hello").await.unwrap();
    assert_eq!(client.read_response().await.unwrap().expect_status(200).text(), "hello");
    assert!(!origin.requests()[0].headers.has("expect"));
}

#[tokio::test]
async fn a_body_does_not_get_past_its_plugin_by_asking_for_another_protocol() {
    let origin = echo().await;
    let edge = edge(&origin).await;
    for take in ["whole", "pieces"] {
        let request = post("hello", take, "upper")
            .header("connection", "upgrade")
            .header("upgrade", "anything");
        let response = edge.send(&request).await.expect_status(200);
        assert_eq!(response.text(), "HELLO", "{take}");
        assert!(!origin.requests().pop().unwrap().headers.has("upgrade"), "{take}");
    }
}

#[tokio::test]
async fn slow_bodies_never_take_the_last_instance_and_give_theirs_back() {
    let origin = echo().await;
    let plugins = [("a", "instances = 2")];
    let edge = edge_with(&plugins, "", &[origin.address()]).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nx-take: pieces\r\ncontent-length: 10\r\n\r\nhello";
    let mut slow = edge.connect().await;
    slow.send(head).await.unwrap();
    let refused = until(&edge, &post("hello", "pieces", "keep"), 503).await;
    assert_eq!(refused.json()["reason"], "plugin_failed");
    // All calls that are not for a passing body have the other one.
    edge.send(&post("hello", "whole", "keep")).await.expect_status(200);
    drop(slow);
    until(&edge, &post("hello", "pieces", "upper"), 200).await;
}

pub(crate) fn is_cut(outcome: Result<Response, ClientError>) {
    match outcome {
        Ok(response) => panic!("a whole response: {} {}", response.status(), response.text()),
        Err(error) => assert!(error.is_cut(), "{error}"),
    }
}

#[tokio::test]
async fn a_slow_body_is_waited_for_as_long_as_any_other() {
    let origin = echo().await;
    let guest = std::fs::read(hither_guests::guest("bodies")).unwrap();
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"a\"]\n[service.web.timeouts]\nidle = \"300ms\"\n{}\
         [plugin.a]\nfile = \"a.wasm\"\n",
        instance("i0", origin.address(), "")
    );
    let edge = Hither::builder(HITHER).config(config).file("a.wasm", guest).start().await;
    let mut client = edge.connect().await.within(Duration::from_secs(10));
    let head = "POST / HTTP/1.1\r\nhost: a\r\nx-take: whole\r\ncontent-length: 9\r\n\r\nhello";
    client.send(head).await.unwrap();
    let response = client.read_response().await.unwrap().expect_status(408);
    assert_eq!(response.json()["reason"], "body_timeout");
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    let mut stream = h2.open(&post("", "whole", "keep"), false).await.unwrap();
    stream.send_body("hello", false).await.unwrap();
    let response = stream.response().await.unwrap().expect_status(408);
    assert_eq!(response.json()["reason"], "body_timeout");
    assert_eq!(origin.accepted(), 0, "an instance was troubled with a slow client");
}
