//! HTTP/2 frames that cost a client nothing and a server something: GOAWAY within 2000 of them, flat memory, and
//! nobody else affected. RFC 9113, section 10.5: "An endpoint MAY treat activity that is suspicious as a connection
//! error of type ENHANCE_YOUR_CALM."

use crate::http2::{PREFACE, SETTINGS, block, frame, head};
use crate::support::{SOON, Scene};
use hither_harness::{H2, Http1, Request, eventually};

const ENHANCE_YOUR_CALM: u32 = 0xb;

/// As many as it may take until the connection is given up.
const ENOUGH: u32 = 2000;

const HEADERS: u8 = 1;
const END_HEADERS: u8 = 0x4;
const END_STREAM_AND_HEADERS: u8 = 0x5;

/// A request on this stream that has this flag too.
fn request(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, &block(&head(b"localhost", b"/")))
}

/// The error of the GOAWAY among these frames (RFC 9113, section 6.8).
fn goaway(mut read: &[u8]) -> Option<u32> {
    while let [a, b, c, kind, rest @ ..] = read {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let payload = rest.get(5..5 + length)?;
        if *kind == 7 {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        read = &rest[5 + length..];
    }
    None
}

/// Sends a handshake and these frames on a new connection and wants it ended by GOAWAY.
async fn is_told_to_be_calm(scene: &Scene, frames: &[u8], shown: &str) {
    let mut client: Http1 = scene.edge.connect().await.within(SOON);
    // The end may come while the flood is still being sent.
    let _ = client.send([PREFACE, SETTINGS, frames].concat()).await;
    let read = client.read_until_close().await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(goaway(&read), Some(ENHANCE_YOUR_CALM), "{shown}: {} bytes came", read.len());
}

async fn counted(scene: &Scene, reason: &str) -> f64 {
    let labels = [("reason", reason)];
    let metrics = scene.edge.metrics().await;
    metrics.value("hither_client_connections_shed_total", &labels).unwrap_or_default()
}

/// RFC 9113, sections 6.3, 6.5, 6.7, 6.9 and 5.5 (CVE-2019-9512, CVE-2019-9515).
#[tokio::test]
async fn floods_of_frames_that_carry_nothing_are_stopped() {
    let scene = Scene::plain().await;
    let priority = [0, 0, 0, 0, 16];
    let cases: [(&str, Vec<u8>); 6] = [
        ("http2_settings", frame(4, 0, 0, &[])),
        ("http2_settings", frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])),
        ("http2_ping", frame(6, 0, 0, b"12345678")),
        ("http2_priority", frame(2, 0, 1, &priority)),
        ("http2_window_update", frame(8, 0, 0, &[0, 0, 0, 1])),
        ("http2_unknown_frame", frame(0xfe, 0, 0, b"grease")),
    ];
    for (reason, one) in cases {
        let before = counted(&scene, reason).await;
        is_told_to_be_calm(&scene, &one.repeat(ENOUGH as usize), reason).await;
        eventually(SOON, "the end to be counted", || async {
            let now = counted(&scene, reason).await;
            if now > before { Ok(()) } else { Err(format!("{reason}: {now}")) }
        })
        .await;
    }
    scene.connections(0, SOON).await;
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// RFC 9113, section 6.1 (CVE-2019-9518): pieces of a body that bring nothing of it.
#[tokio::test]
async fn a_flood_of_empty_data_is_stopped_and_the_instance_released() {
    let scene = Scene::plain().await;
    for (flags, payload) in [(0, &[][..]), (0x8, &[3, 0, 0, 0][..])] {
        let empty = frame(0, flags, 1, payload).repeat(ENOUGH as usize);
        let frames = [request(1, END_HEADERS), empty].concat();
        is_told_to_be_calm(&scene, &frames, "empty DATA").await;
        scene.all_places_free().await;
    }
    scene.still_serves().await;
}

/// RFC 9113, section 6.4 (CVE-2023-44487): streams that are opened and given up at once.
#[tokio::test]
async fn rapid_resets_are_stopped() {
    let scene = Scene::plain().await;
    let pair = |number: u32| {
        let stream = 2 * number + 1;
        [request(stream, END_STREAM_AND_HEADERS), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
    };
    let frames: Vec<u8> = (0..ENOUGH / 2).flat_map(pair).collect();
    is_told_to_be_calm(&scene, &frames, "rapid reset").await;
    scene.connections(0, SOON).await;
    scene.all_places_free().await;
    assert!(
        scene.origin.received() < 500,
        "{} requests reached the origin",
        scene.origin.received()
    );
    scene.still_serves().await;
}

/// RFC 9113, section 6.9.1 (CVE-2025-8671): a window that grows beyond 2^31 - 1 is an error for which the server
/// resets the stream; so the client never does.
#[tokio::test]
async fn streams_that_we_are_made_to_reset_are_stopped() {
    let scene = Scene::plain().await;
    let pair = |number: u32| {
        let stream = 2 * number + 1;
        [request(stream, END_STREAM_AND_HEADERS), frame(8, 0, stream, &[0x7f, 0xff, 0xff, 0xff])]
            .concat()
    };
    let frames: Vec<u8> = (0..ENOUGH / 2).flat_map(pair).collect();
    is_told_to_be_calm(&scene, &frames, "MadeYouReset").await;
    scene.connections(0, SOON).await;
    scene.all_places_free().await;
    scene.still_serves().await;
}

/// RFC 9113, section 6.10 (CVE-2024-27316): a head that never ends.
#[tokio::test]
async fn a_flood_of_continuation_is_stopped() {
    let scene = Scene::plain().await;
    for piece in [&[][..], &block(&[("x-a", b"b")])] {
        let begun = request(1, 0);
        let frames = [begun, frame(9, 0, 1, piece).repeat(ENOUGH as usize)].concat();
        is_told_to_be_calm(&scene, &frames, "CONTINUATION").await;
    }
    scene.connections(0, SOON).await;
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// Floods leave no memory behind.
#[tokio::test]
async fn memory_is_flat_over_many_floods() {
    const ALLOWED: u64 = 4 << 20;
    let scene = Scene::plain().await;
    let flood = frame(6, 0, 0, b"12345678").repeat(ENOUGH as usize);
    for _ in 0..10 {
        is_told_to_be_calm(&scene, &flood, "PING").await;
    }
    scene.connections(0, SOON).await;
    let before = scene.edge.rss();
    for _ in 0..50 {
        is_told_to_be_calm(&scene, &flood, "PING").await;
    }
    scene.connections(0, SOON).await;
    let grown = scene.edge.rss().saturating_sub(before);
    assert!(grown < ALLOWED, "50 floods left {grown} bytes");
}

/// Requests pay for the windows, pings and resets that belong to them: a busy client is no flood.
#[tokio::test]
async fn a_busy_client_is_left_alone() {
    let listener = "http2_control_frames = \"1/s\"\nhttp2_resets = \"1/s\"";
    let body = "x".repeat(200_000);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let origin = hither_harness::RawOrigin::answering(answer).await;
    let scene = Scene::with(listener, "", origin).await;
    let client = H2::connect(scene.edge.address(0)).await.unwrap();
    for number in 0..200 {
        let answer = client.request(&Request::get("/large")).await;
        let answer = answer.unwrap_or_else(|error| panic!("request {number}: {error}"));
        assert_eq!(answer.expect_status(200).body.len(), body.len());
    }
}
