//! HTTP/2 by prior knowledge: the preface and the handshake have a deadline, and a head is checked like any other.

use crate::support::Scene;
use hither_harness::{H2, Http1, RawOrigin, Request};
use std::time::{Duration, Instant};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// RFC 9113, section 6.5: empty SETTINGS.
pub(crate) const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

const DEADLINE: Duration = Duration::from_millis(300);
const SLACK: Duration = Duration::from_secs(3);

async fn hasty() -> Scene {
    let origin = RawOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
    Scene::with("head_timeout = \"300ms\"", "", origin).await
}

/// Sends bytes at this pace and wants the connection closed at the deadline.
async fn closed_at_the_deadline(scene: &Scene, bytes: &[u8], pause: Duration) {
    let mut client = scene.edge.connect().await;
    let began = Instant::now();
    let _ = client.trickle(bytes, pause).await;
    client.read_until_close().await.unwrap();
    let took = began.elapsed();
    assert!(took < DEADLINE + SLACK, "closed only after {took:?}");
    assert!(took >= DEADLINE - Duration::from_millis(20), "closed already after {took:?}");
}

/// RFC 9113, section 3.4: the preface is a head, and has a head's deadline.
#[tokio::test]
async fn a_slow_preface_is_closed_at_the_deadline() {
    let scene = hasty().await;
    closed_at_the_deadline(&scene, &PREFACE[..3], Duration::ZERO).await;
    closed_at_the_deadline(&scene, &PREFACE[..20], Duration::from_millis(25)).await;
    closed_at_the_deadline(&scene, PREFACE, Duration::from_millis(25)).await;
    scene.still_serves().await;
}

/// RFC 9113, section 3.4: the client's SETTINGS belong to the preface.
#[tokio::test]
async fn a_handshake_that_is_never_finished_is_closed_at_the_deadline() {
    let scene = hasty().await;
    closed_at_the_deadline(&scene, PREFACE, Duration::ZERO).await;
    let begun = [PREFACE, &SETTINGS[..4]].concat();
    closed_at_the_deadline(&scene, &begun, Duration::ZERO).await;
    closed_at_the_deadline(&scene, &begun, Duration::from_millis(5)).await;
    scene.connections(0, SLACK).await;
    scene.still_serves().await;
}

/// RFC 9113, section 3.4: after the handshake a connection may be quiet for longer than a head.
#[tokio::test]
async fn a_finished_handshake_has_no_deadline() {
    let scene = hasty().await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    client.get("/").await.unwrap().expect_status(200);
    // A time must pass here: that nothing happens in it is the promise.
    tokio::time::sleep(2 * DEADLINE).await;
    client.get("/").await.unwrap().expect_status(200);
}

/// What became of a stream.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// HEADERS, and this first octet of theirs.
    Answered(u8),
    /// RST_STREAM or GOAWAY.
    Refused,
}

/// `:status: 400` and `:status: 200` of the static table (RFC 7541, appendix A).
const STATUS_400: u8 = 0x80 | 12;
const STATUS_200: u8 = 0x80 | 8;

/// One frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of literals that are neither indexed nor compressed (RFC 7541, section 6.2.2).
pub(crate) fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_bytes(), value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text);
        }
    }
    block
}

/// Opens a connection by hand, sends one head that ends its stream, and tells what became of it.
async fn ask(scene: &Scene, fields: &[(&str, &[u8])]) -> Outcome {
    const END_STREAM_AND_HEADERS: u8 = 0x5;
    let mut client: Http1 = scene.edge.connect().await;
    let head = frame(1, END_STREAM_AND_HEADERS, 1, &block(fields));
    client.send([PREFACE, SETTINGS, &head].concat()).await.unwrap();
    let mut read = Vec::new();
    loop {
        while read.len() >= 9 {
            let length =
                usize::from(read[0]) << 16 | usize::from(read[1]) << 8 | usize::from(read[2]);
            if read.len() < 9 + length {
                break;
            }
            match read[3] {
                1 => return Outcome::Answered(read[9]),
                3 | 7 => return Outcome::Refused,
                _ => drop(read.drain(..9 + length)),
            }
        }
        match client.read_some().await {
            Ok(bytes) => read.extend(bytes),
            Err(error) if error.is_closed() => return Outcome::Refused,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn head<'a>(authority: &'a [u8], path: &'a [u8]) -> Vec<(&'static str, &'a [u8])> {
    vec![(":method", b"GET"), (":scheme", b"http"), (":authority", authority), (":path", path)]
}

async fn none_is_served(heads: &[Vec<(&str, &[u8])>]) {
    let scene = Scene::plain().await;
    assert_eq!(ask(&scene, &head(b"localhost", b"/")).await, Outcome::Answered(STATUS_200));
    assert_eq!(scene.origin.received(), 1);
    for fields in heads {
        let outcome = ask(&scene, fields).await;
        let refused = matches!(outcome, Outcome::Refused | Outcome::Answered(STATUS_400));
        assert!(refused, "{fields:?}: {outcome:?}");
        assert_eq!(scene.origin.received(), 1, "{fields:?} reached the origin");
    }
    scene.still_serves().await;
}

/// RFC 9113, section 8.3.1, and RFC 9110, section 7.2: one host, as in a Host header, without userinfo.
#[tokio::test]
async fn an_authority_that_is_none_is_refused() {
    let authorities: [&[u8]; 9] =
        [b"", b"a,b", b"a b", b"a/b", b"user@a", b"a:b", b"[::1", b"a\0b", "\u{e9}".as_bytes()];
    let mut heads: Vec<_> = authorities.iter().map(|authority| head(authority, b"/")).collect();
    let mut two = head(b"a", b"/");
    two.push(("host", b"b"));
    heads.push(two);
    heads.push(vec![(":method", b"GET"), (":scheme", b"http"), (":path", b"/")]);
    none_is_served(&heads).await;
}

/// RFC 9113, section 8.3.1: a path begins with a slash, is not empty, and holds what a URI may hold.
#[tokio::test]
async fn a_path_that_is_none_is_refused() {
    let paths: [&[u8]; 9] =
        [b"", b"x", b"*", b"/a b", b"/\0", b"/a\tb", b"/\x7f", "/\u{e9}".as_bytes(), b"/\xff"];
    none_is_served(&paths.map(|path| head(b"localhost", path))).await;
}

/// RFC 9112, section 3.2.1: a fragment is never sent on. The HTTP/2 library takes it off before anybody sees it.
#[tokio::test]
async fn a_fragment_never_reaches_the_origin() {
    let scene = Scene::plain().await;
    ask(&scene, &head(b"localhost", b"/a#/../b")).await;
    let targets: Vec<String> = scene.origin.requests().into_iter().map(|r| r.target).collect();
    assert!(targets.iter().all(|target| target == "/a"), "{targets:?}");
}

/// RFC 9113, sections 8.2 and 8.3: fields of a connection, upper case, control bytes, repeated pseudo-fields.
#[tokio::test]
async fn a_malformed_field_is_refused() {
    let fields: [(&str, &[u8]); 9] = [
        ("connection", b"close"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"h2c"),
        ("te", b"gzip"),
        ("X-Upper", b"a"),
        ("x a", b"b"),
        ("x-a", b"b\r\nc: d"),
        ("x-a", b"b\0c"),
        (":path", b"/again"),
    ];
    none_is_served(&fields.map(|field| [head(b"localhost", b"/"), vec![field]].concat())).await;
}

/// RFC 6585, section 5: a head is as large over HTTP/2 as over HTTP/1, though it is compressed.
#[tokio::test]
async fn a_head_too_large_is_refused_over_http2_as_well() {
    let scene = Scene::plain().await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    let lines = |count: usize, length: usize| {
        let value = "x".repeat(length);
        (0..count).fold(Request::get("/"), |request, n| request.header(&format!("x-{n}"), &value))
    };
    for (request, reason) in [
        (lines(1, 40 << 10), "head_too_large"),
        (lines(40, 1000), "head_too_large"),
        (lines(101, 1), "too_many_headers"),
    ] {
        let answer = client.request(&request).await.unwrap().expect_status(431);
        assert_eq!(answer.json()["reason"], reason);
    }
    let target = format!("/{}", "x".repeat(40 << 10));
    client.get(&target).await.unwrap().expect_status(414);
    scene.nothing_arrived();
    client.request(&lines(90, 300)).await.unwrap().expect_status(200);
}

/// RFC 9113, section 8.5: CONNECT asks for a tunnel, which is not given.
#[tokio::test]
async fn connect_is_refused_over_http2() {
    let scene = Scene::plain().await;
    let connect: Vec<(&str, &[u8])> =
        vec![(":method", b"CONNECT"), (":authority", b"localhost:80")];
    let outcome = ask(&scene, &connect).await;
    assert_ne!(outcome, Outcome::Answered(STATUS_200), "{outcome:?}");
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9113, section 8.1: a refusal of one stream leaves the others of its connection alone.
#[tokio::test]
async fn a_refused_stream_leaves_the_connection_alone() {
    let scene = Scene::plain().await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    let answer = client.request(&Request::get("/").host("a!b")).await.unwrap().expect_status(400);
    assert!(answer.header("proxy-status").unwrap().contains("bad_host"), "{}", answer.head.headers);
    assert!(answer.header("x-request-id").is_some());
    client.get("/").await.unwrap().expect_status(200);
    assert_eq!(scene.origin.received(), 1);
}
