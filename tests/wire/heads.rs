//! Request heads that have no one meaning, or are too large: refused before anything else is done with them.

use crate::support::{SOON, Scene};
use std::time::Duration;

/// A head around one more line.
fn with_line(line: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n").into_bytes()
}

/// A head with this target.
fn with_target(target: &[u8]) -> Vec<u8> {
    [b"GET ", target, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat()
}

/// A head with these lines in the place of Host.
fn with_host(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

async fn all_refused(cases: &[(Vec<u8>, u16, &str)]) {
    let scene = Scene::plain().await;
    for (bytes, status, reason) in cases {
        scene.refuses(bytes, *status, reason).await;
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}

fn each(heads: impl IntoIterator<Item = Vec<u8>>, reason: &str) -> Vec<(Vec<u8>, u16, &str)> {
    heads.into_iter().map(|head| (head, 400, reason)).collect()
}

/// RFC 9112, section 6.3, item 3: such a message "ought to be handled as an error".
#[tokio::test]
async fn a_length_beside_a_transfer_coding_is_refused() {
    let lines = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
    ];
    all_refused(&each(lines.map(with_line), "bad_framing")).await;
}

/// RFC 9112, section 6.3, item 5, and section 6.1: one length, one coding, and that is chunked.
#[tokio::test]
async fn a_body_that_could_end_in_two_places_is_refused() {
    let lines = [
        "Content-Length: 4\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 4",
        "Content-Length: +4",
        "Content-Length: -1",
        "Content-Length: 0x4",
        "Content-Length: 4 4",
        "Content-Length: 99999999999999999999",
        "Content-Length:",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: xchunked",
    ];
    all_refused(&each(lines.map(with_line), "bad_framing")).await;
}

/// RFC 9112, section 2.2, lets a recipient accept a lone LF. Two that differ in it read two requests.
#[tokio::test]
async fn a_line_that_ends_in_lf_alone_is_refused() {
    let heads = [
        "GET / HTTP/1.1\nHost: localhost\n\n",
        "GET / HTTP/1.1\r\nHost: localhost\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\nX-C: d\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\n",
    ];
    all_refused(&each(heads.map(|head| head.as_bytes().to_vec()), "bare_line_feed")).await;
}

/// RFC 9112, section 2.2: a bare CR is no line end and must not stand in a value.
#[tokio::test]
async fn a_carriage_return_inside_a_line_is_refused() {
    let lines = ["X-A: b\rX-C: d", "X-A: b\r", "X-A: \rContent-Length: 5"];
    all_refused(&each(lines.map(with_line), "bad_header")).await;
}

/// RFC 9112, section 5.2.
#[tokio::test]
async fn a_folded_header_is_refused() {
    let lines = ["X-A: b\r\n c", "X-A: b\r\n\tc", "Transfer-Encoding:\r\n chunked"];
    let mut cases = each(lines[..2].iter().map(|line| with_line(line)), "folded_header");
    // Its empty first line is already no framing.
    cases.push((with_line(lines[2]), 400, "bad_framing"));
    all_refused(&cases).await;
}

/// RFC 9112, section 5.1: "No whitespace is allowed between the field name and colon".
#[tokio::test]
async fn spaces_around_a_field_name_are_refused() {
    let lines = [
        "Content-Length : 4",
        "Content-Length\t: 4",
        "X A: b",
        "no colon",
        ": no name",
        "X-\u{e9}: b",
        "X(A): b",
    ];
    all_refused(&each(lines.map(with_line), "bad_header")).await;
    let scene = Scene::plain().await;
    let first = b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n";
    scene.refuses(first, 400, "folded_header").await;
    scene.nothing_arrived();
}

/// RFC 9110, section 5.5: CR, LF and NUL in a value are "invalid and dangerous".
#[tokio::test]
async fn a_control_byte_in_a_header_is_refused() {
    let heads = [&b"X-A: b\0c"[..], b"X-A\0: b", b"X-A: \x01", b"X-A: \x7f", b"X-A: b\x0bc"];
    let heads =
        heads.map(|line| [b"GET / HTTP/1.1\r\nHost: localhost\r\n", line, b"\r\n\r\n"].concat());
    all_refused(&each(heads, "bad_header")).await;
}

/// RFC 9112, section 3.2: 400 to "any HTTP/1.1 request message that lacks a Host header field and to any request
/// message that contains more than one Host header field line or a Host header field with an invalid field value".
#[tokio::test]
async fn a_host_that_is_not_one_authority_is_refused() {
    let lines = [
        "",
        "Host:\r\n",
        "Host: \r\n",
        "Host: a,b\r\n",
        "Host: a, b\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: http://a\r\n",
        "Host: user@a\r\n",
        "Host: user:secret@a\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: a\\b\r\n",
        "Host: :80\r\n",
        "Host: a:b\r\n",
        "Host: a:123456\r\n",
        "Host: [::1\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
    ];
    all_refused(&each(lines.map(with_host), "bad_host")).await;
}

/// RFC 9112, section 3.2.2: an absolute target names the host; a Host that disagrees is how caches are poisoned.
#[tokio::test]
async fn a_target_that_names_another_host_is_refused() {
    let head = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    all_refused(&[
        (head("http://b/"), 400, "bad_host"),
        (head("http://user@a/"), 400, "bad_target"),
        (head("http:///x"), 400, "bad_target"),
        (head("ftp://a/"), 400, "bad_target"),
    ])
    .await;
    let scene = Scene::plain().await;
    let mut client = scene.edge.connect().await;
    client.send("GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
}

/// RFC 9112, section 3.2: no whitespace in a target; RFC 3986, section 2: and nothing that is not ASCII.
#[tokio::test]
async fn a_target_with_bytes_of_no_uri_is_refused() {
    let targets = [
        &b"/\0"[..],
        b"/a\0b",
        b"/a b",
        b"/a\tb",
        b"/\x01",
        b"/\x7f",
        "/\u{e9}".as_bytes(),
        b"/\xff",
        b"/a#b",
        b"/<a>",
        b"/`a`",
        b"/?\"",
        b"a",
        b"//a b",
        b" /",
    ];
    all_refused(&each(targets.map(with_target), "bad_target")).await;
}

/// RFC 9112, section 3.2.4: the asterisk form is for OPTIONS alone.
#[tokio::test]
async fn an_asterisk_is_for_options_alone() {
    all_refused(&each([with_target(b"*")], "bad_target")).await;
    let scene = Scene::plain().await;
    let mut client = scene.edge.connect().await;
    client.send("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
    assert_eq!(scene.origin.requests()[0].target, "*");
}

/// RFC 9112, section 3.
#[tokio::test]
async fn a_request_line_that_is_none_is_refused() {
    let long = format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(100 << 10));
    let lines = [
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "GET /\r\n\r\n",
        "GET\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n",
        &long,
    ];
    all_refused(&each(lines.map(|line| line.as_bytes().to_vec()), "bad_request_line")).await;
}

/// RFC 6585, section 5; RFC 9110, section 15.5.15.
#[tokio::test]
async fn a_head_over_32_kib_is_refused() {
    let large = with_line(&format!("X-Large: {}", "x".repeat(40 << 10)));
    let many_large = with_line(&vec![format!("X-Large: {}", "x".repeat(1000)); 40].join("\r\n"));
    let target = with_target(format!("/{}", "x".repeat(40 << 10)).as_bytes());
    all_refused(&[
        (large, 431, "head_too_large"),
        (many_large, 431, "head_too_large"),
        (target, 414, "target_too_long"),
    ])
    .await;
    let scene = Scene::plain().await;
    let mut client = scene.edge.connect().await;
    client.send(with_line(&format!("X-Large: {}", "x".repeat(31 << 10)))).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
}

/// RFC 6585, section 5.
#[tokio::test]
async fn more_than_100_lines_are_refused() {
    all_refused(&[(with_line(&["X-A: b"; 100].join("\r\n")), 431, "too_many_headers")]).await;
    let scene = Scene::plain().await;
    let mut client = scene.edge.connect().await;
    client.send(with_line(&["X-A: b"; 99].join("\r\n"))).await.unwrap();
    client.read_response().await.unwrap().expect_status(200);
}

/// The limits are the listener's own to set.
#[tokio::test]
async fn a_listener_may_take_smaller_heads_only() {
    let origin = hither_harness::RawOrigin::stalling().await;
    let scene = Scene::with("max_head = \"2KiB\"\nmax_header_lines = 3\n", "", origin).await;
    let large = with_line(&format!("X-Large: {}", "x".repeat(2 << 10)));
    scene.refuses(large, 431, "head_too_large").await;
    scene.refuses(with_line("X-A: b\r\nX-A: b\r\nX-A: b"), 431, "too_many_headers").await;
    scene.nothing_arrived();
}

/// RFC 9110, section 9.3.6: Hither is no forward proxy; section 15.5.6: what it takes is told.
#[tokio::test]
async fn connect_is_refused() {
    let scene = Scene::plain().await;
    for target in ["example.com:443", "localhost:80", "/"] {
        let head = format!("CONNECT {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        scene.refuses(&head, 405, "method_not_allowed").await;
        let mut client = scene.edge.connect().await;
        client.send(head).await.unwrap();
        let answer = client.read_response().await.unwrap();
        assert!(answer.headers().lists("allow", "GET"), "{}", answer.head.headers);
    }
    scene.nothing_arrived();
    scene.still_serves().await;
}

/// However the bytes are cut into segments, the refusal is the same: nothing is decided by what one read brings.
#[tokio::test]
async fn a_refusal_does_not_depend_on_how_the_bytes_arrive() {
    let scene = Scene::plain().await;
    for (head, reason) in [
        (with_line("X-A : b"), "bad_header"),
        (with_host("Host: a\r\nHost: a\r\n"), "bad_host"),
        (with_target(b"/a b"), "bad_target"),
    ] {
        let mut client = scene.edge.connect().await.within(SOON);
        let _ = client.trickle(&head, Duration::from_millis(1)).await;
        let answer = client.read_response().await.unwrap();
        crate::support::is_refusal(&answer, 400, reason, &String::from_utf8_lossy(&head));
    }
    scene.nothing_arrived();
}
