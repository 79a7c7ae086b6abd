//! A TLS port and clients that speak it badly, slowly or not at all.

use crate::support::{SOON, Scene, endless};
use hither_harness::{BridgeOptions, CertificatePair, Hither, Http1, RawOrigin, Signal, TlsBridge};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

async fn secure(listener: &str, origin: RawOrigin) -> Scene {
    let pair = CertificatePair::for_names(&["a.example"]);
    let address = origin.address();
    let config = format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n{listener}\n\
         [[listener.certificate]]\ncert = \"a.pem\"\nkey = \"a.key\"\n\
         [[service.web.instance]]\nid = \"one\"\naddress = \"{address}\"\nrtt = \"1ms\"\n"
    );
    let builder = Hither::builder(env!("CARGO_BIN_EXE_hither"));
    let builder = builder.file("a.pem", pair.cert()).file("a.key", pair.key());
    Scene { edge: builder.config(config).start().await, origin }
}

/// So many handshakes have ended so.
async fn ended(scene: &Scene, result: &str, wanted: f64) {
    let labels = [("result", result)];
    hither_harness::eventually(SOON, result, || async {
        let metrics = scene.edge.metrics().await;
        let seen = metrics.value("hither_tls_handshakes_total", &labels);
        if seen == Some(wanted) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

async fn bridge(scene: &Scene, alpn: &[&'static str]) -> TlsBridge {
    let options = BridgeOptions { name: Some("a.example"), alpn: alpn.to_vec(), tls12: false };
    TlsBridge::to(scene.edge.address(0), options).await
}

async fn client(bridge: &TlsBridge) -> Http1 {
    Http1::connect(bridge.address()).await.unwrap().within(SOON)
}

#[tokio::test]
async fn http_in_the_clear_is_told_to_speak_tls() {
    let scene = secure("", RawOrigin::answering(FINE).await).await;
    for request in ["GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut client = scene.edge.connect().await.within(SOON);
        client.send(request).await.unwrap();
        let answer = client.read_response().await.unwrap().expect_status(400);
        assert!(answer.text().contains("speaks TLS"), "{}", answer.text());
        assert!(answer.closes());
    }
    ended(&scene, "not_tls", 2.0).await;
    scene.nothing_arrived();
}

#[tokio::test]
async fn what_is_no_handshake_is_closed() {
    let scene = secure("", RawOrigin::answering(FINE).await).await;
    // An alert, data, SSL 2.0, and a handshake record with nothing sound in it.
    let mut garbage = vec![22, 3, 1, 0, 200];
    garbage.extend([0xff; 200]);
    for bytes in [&[21, 3, 1, 0, 2, 1, 0][..], &[23, 3, 3, 0, 1, 0], &[0x80, 46, 1, 3, 1], &garbage]
    {
        let mut client = scene.edge.connect().await.within(SOON);
        client.send(bytes).await.unwrap();
        let rest = client.read_until_close().await.unwrap();
        // At most an alert (RFC 8446 section 6).
        assert!(rest.is_empty() || rest[0] == 21, "{rest:?}");
    }
    ended(&scene, "not_tls", 3.0).await;
    ended(&scene, "failed", 1.0).await;
    drop(scene.edge.connect().await);
    ended(&scene, "left", 1.0).await;
    scene.connections(0, SOON).await;
}

#[tokio::test]
async fn a_handshake_that_stops_is_closed_at_the_deadline() {
    let scene = secure("head_timeout = \"300ms\"", RawOrigin::answering(FINE).await).await;
    let mut stopped = Vec::new();
    for bytes in [&[][..], &[22], &[22, 3, 1, 2, 0], &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]] {
        let mut client = scene.edge.connect().await.within(SOON);
        client.send(bytes).await.unwrap();
        stopped.push(client);
    }
    for client in &mut stopped {
        assert_eq!(client.read_until_close().await.unwrap(), b"");
    }
    ended(&scene, "late", 4.0).await;
    // The head behind a handshake has its own time.
    let over = bridge(&scene, &[]).await;
    let mut slow = client(&over).await;
    slow.send("GET / HTTP/1.1\r\nHost: a.ex").await.unwrap();
    slow.read_response().await.unwrap().expect_status(408);
    scene.nothing_arrived();
}

#[tokio::test]
async fn who_has_said_nothing_does_not_hold_up_a_drain() {
    let scene = secure("head_timeout = \"5m\"", RawOrigin::answering(FINE).await).await;
    let mut silent = scene.edge.connect().await.within(SOON);
    let over = bridge(&scene, &[]).await;
    let mut other = client(&over).await;
    other.send("GET / HTTP/1.0\r\n\r\n").await.unwrap();
    other.read_response().await.unwrap().expect_status(200);
    scene.edge.signal(Signal::TERM);
    assert_eq!(silent.read_until_close().await.unwrap(), b"");
    assert!(scene.edge.wait_exit(SOON).await.success());
}

/// RFC 9113, sections 3.2 and 3.3: over TLS it is agreed on, never guessed.
#[tokio::test]
async fn what_was_agreed_on_is_spoken() {
    let scene = secure("", RawOrigin::answering(FINE).await).await;
    let over = bridge(&scene, &["h2"]).await;
    let mut agreed = client(&over).await;
    agreed.send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    assert_eq!(agreed.read_until_close().await.unwrap(), b"");
    for alpn in [&[][..], &["http/1.1"]] {
        let over = bridge(&scene, alpn).await;
        let mut other = client(&over).await;
        other.send(crate::http2::PREFACE).await.unwrap();
        let answer = other.read_response().await.unwrap();
        assert!((400..500).contains(&answer.status()), "{}", answer.status());
    }
    scene.nothing_arrived();
}

#[tokio::test]
async fn an_answer_that_is_not_taken_over_tls_is_given_up() {
    let scene = secure("min_body_rate = \"1GiB\"", endless().await).await;
    let over = bridge(&scene, &[]).await;
    let mut client = client(&over).await;
    client.send("GET /endless HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    client.read_head().await.unwrap();
    scene.gives_up("/endless").await;
}
