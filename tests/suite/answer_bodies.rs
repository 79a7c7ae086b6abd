//! Plugins read and change what an instance answers: held until its last byte, or in pieces. The client
//! gets a message that is right in itself, or can tell that it is cut.

use crate::bodies::{echo, edge_with, every_way, is_cut};
use crate::support::{SOON, instance};
use hither_harness::{H2, RawOrigin, Request};

fn answered(body: &str, take: &str, deed: &str, how: &str) -> Request {
    let request = Request::post("/", body).header("x-answer", how);
    request.header("x-take-answer", take).header("x-do-answer", deed)
}

#[tokio::test]
async fn a_whole_answer_is_changed_with_its_head_and_framed_anew() {
    let origin = echo().await;
    let edge = edge_with(&[("a", "")], "", &[origin.address()]).await;
    for how in ["length", "chunked", "close"] {
        for (deed, body, noted) in [
            ("keep", "hello you", None),
            ("upper", "HELLO YOU", None),
            ("note", "hello you", Some("9")),
            ("upper-and-note", "HELLO YOU", Some("9")),
            ("drop", "", None),
        ] {
            let request = answered("hello you", "whole", deed, how);
            for response in every_way(&edge, &request, "hello you").await {
                let response = response.expect_status(200);
                assert_eq!(response.text(), body, "{deed} {how}");
                let length = body.len().to_string();
                assert_eq!(response.header("content-length"), Some(&*length), "{deed} {how}");
                assert!(response.header("transfer-encoding").is_none(), "{deed} {how}");
                assert_eq!(response.header("x-noted"), noted, "{deed} {how}");
            }
        }
        let request = answered("hello", "whole", "answer", how);
        for response in every_way(&edge, &request, "hello").await {
            assert_eq!(response.expect_status(418).text(), "short and stout", "{how}");
        }
    }
    // Plugins read what it means: instances are asked not to pack it.
    assert_eq!(origin.requests()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn an_answer_passes_in_pieces_that_may_be_changed() {
    let origin = echo().await;
    let edge = edge_with(&[("a", "")], "", &[origin.address()]).await;
    for how in ["length", "chunked", "close"] {
        for (deed, body) in
            [("keep", "hello you"), ("upper", "HELLO YOU"), ("drop", ""), ("tag", "hello youa")]
        {
            let request = answered("hello you", "pieces", deed, how);
            for response in every_way(&edge, &request, "hello you").await {
                let response = response.expect_status(200);
                assert_eq!(response.text(), body, "{deed} {how}");
                assert!(response.header("content-length").is_none(), "{deed} {how}");
            }
        }
    }
    let long = "hello ".repeat(100_000);
    let request = answered(&long, "pieces", "upper", "length");
    for response in every_way(&edge, &request, &long).await {
        assert_eq!(response.expect_status(200).text(), long.to_uppercase());
    }
}

#[tokio::test]
async fn an_http10_client_gets_a_changed_answer() {
    let origin = echo().await;
    let edge = edge_with(&[("a", "")], "", &[origin.address()]).await;
    for (take, framed) in [("whole", true), ("pieces", false)] {
        let mut client = edge.connect().await;
        let request = format!(
            "POST / HTTP/1.0\r\nhost: a\r\nx-take-answer: {take}\r\nx-do-answer: upper\r\n\
             content-length: 5\r\n\r\nhello"
        );
        client.send(request).await.unwrap();
        let told = String::from_utf8(client.read_until_close().await.unwrap()).unwrap();
        assert!(told.ends_with("\r\n\r\nHELLO"), "{told}");
        assert!(!told.to_lowercase().contains("transfer-encoding"), "{told}");
        assert_eq!(told.to_lowercase().contains("content-length: 5"), framed, "{told}");
    }
}

#[tokio::test]
async fn what_has_no_body_is_shown_to_nobody() {
    let origin = echo().await;
    let edge = edge_with(&[("a", "")], "", &[origin.address()]).await;
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    for take in ["whole", "pieces"] {
        for (method, how, status) in
            [("HEAD", "length", 200), ("GET", "empty", 204), ("GET", "not-modified", 304)]
        {
            let request = Request::new(method, "/")
                .header("x-answer", how)
                .header("x-take-answer", take)
                .header("x-do-answer", "trap");
            for response in [edge.send(&request).await, h2.request(&request).await.unwrap()] {
                let response = response.expect_status(status);
                assert_eq!(response.text(), "", "{method} {how}");
                // The length of a body that nobody has seen changed would be a guess.
                assert_eq!(response.header("content-length").unwrap_or("0"), "0", "{method} {how}");
            }
        }
    }
    let request = Request::get("/").header("x-take", "whole").header("x-do", "trap");
    edge.send(&request).await.expect_status(200);
}

#[tokio::test]
async fn an_aborted_answer_is_cut_so_that_the_client_can_tell() {
    // The second piece comes only when the first has gone out.
    let origin = RawOrigin::start(|mut connection| async move {
        while connection.read_request().await?.is_some() {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n";
            connection.write([head.as_bytes(), &vec![b'x'; 100_000]].concat()).await?;
            tokio::task::yield_now().await;
            connection.write(vec![b'x'; 200_000]).await?;
        }
        Ok(())
    })
    .await;
    let edge = edge_with(&[("a", "")], "", &[origin.address()]).await;
    let h2 = H2::connect(edge.address(0)).await.unwrap();
    for deed in ["abort", "trap-at-second"] {
        let request =
            Request::get("/").header("x-take-answer", "pieces").header("x-do-answer", deed);
        for outcome in [edge.connect().await.request(&request).await, h2.request(&request).await] {
            match outcome {
                // All of it was met at once, before the head had gone out.
                Ok(response) => assert!(matches!(response.status(), 502 | 503), "{deed}"),
                cut => is_cut(cut),
            }
        }
    }
    // A plugin that only looks does no harm to a cut of the instance's: it stays one.
    let cut = RawOrigin::answering_once("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello").await;
    let edge = edge_with(&[("a", "")], "", &[cut.address()]).await;
    for take in ["pieces", "whole"] {
        let request = Request::get("/").header("x-take-answer", take);
        let h2 = H2::connect(edge.address(0)).await.unwrap();
        for outcome in [edge.connect().await.request(&request).await, h2.request(&request).await] {
            match (take, outcome) {
                // Nothing had been sent: a clean answer can still be given.
                ("whole", outcome) => {
                    let response = outcome.unwrap().expect_status(502);
                    assert_eq!(response.json()["reason"], "upstream_body_cut");
                }
                (_, outcome) => is_cut(outcome),
            }
        }
    }
}

#[tokio::test]
async fn instances_over_http2_are_read_and_changed_alike() {
    let origin = hither_harness::OriginProcess::start_all(crate::support::HITHER, &["ams"]).await;
    let address = origin[0].address();
    let tables = instance("i0", address, "http2 = true");
    let config = format!(
        "{}[service.web]\nplugins = [\"a\"]\n{tables}[plugin.a]\nfile = \"a.wasm\"\n",
        crate::support::LISTENER
    );
    let guest = std::fs::read(hither_guests::guest("bodies")).unwrap();
    let edge = hither_harness::Hither::builder(crate::support::HITHER)
        .config(config)
        .file("a.wasm", guest);
    let edge = edge.start().await;
    for take in ["whole", "pieces"] {
        let request = Request::post("/", "hello you")
            .header("x-take", take)
            .header("x-do", "upper")
            .header("x-take-answer", take)
            .header("x-do-answer", "upper");
        let response = crate::bodies::until(&edge, &request, 200).await;
        let text = response.text();
        let arrived = "\"VERSION\":\"HTTP/2\"";
        assert!(text.contains(arrived) && text.contains("\"BODY_LENGTH\":9"), "{take}: {text}");
        assert_eq!(response.header("content-length").is_some(), take == "whole");
        let log = edge.access_line(SOON, "the request", |line| line["status"] == 200).await;
        assert_eq!(log["request_bytes"], 9, "{log}");
    }
}
