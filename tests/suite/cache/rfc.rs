//! RFC 9111 over real sockets.

use super::{before, is_forwarded, is_hit, ok, origin, told};
use crate::support::SOON;
use hither_harness::Request;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const FRESH: &str = "cache-control: max-age=600\r\n";

#[tokio::test]
async fn rfc9111_4_what_is_fresh_is_given_again_without_an_instance() {
    let origin = origin(|_| ok(&format!("{FRESH}age: 7\r\netag: \"a\"\r\n"), "hello")).await;
    let edge = before(&origin, "").await;
    let first = edge.get("/a").await.expect_status(200);
    assert_eq!(told(&first), "hither; fwd=uri-miss; stored");
    assert_eq!(first.header("age"), Some("7"), "what the origin says");
    let again = edge.get("/a").await.expect_status(200);
    is_hit(&again);
    assert_eq!(again.text(), "hello");
    let age: u64 = again.header("age").unwrap_or_default().parse().expect("a number");
    assert!((7..600).contains(&age), "{age}");
    // HEAD is answered from GET.
    let head = edge.send(&Request::new("HEAD", "/a")).await.expect_status(200);
    is_hit(&head);
    assert_eq!((head.header("content-length"), head.body.len()), (Some("5"), 0));
    assert_eq!(origin.received(), 1);
    let line = edge.access_line(SOON, "a hit", |line| line["cache"] == "hit").await;
    assert!(line["instance"].is_null(), "{line}");
    edge.access_line(SOON, "the other", |line| line["method"] == "HEAD").await;
    let metrics = edge.metrics().await;
    let counted = |status| metrics.sum("hither_cache_requests_total", &[("status", status)]);
    assert_eq!((counted("hit"), counted("miss")), (2.0, 1.0));
    assert!(metrics.sum("hither_cache_bytes", &[]) > 0.0);
}

#[tokio::test]
async fn rfc9111_4_3_2_conditions_of_clients_are_answered_from_the_cache() {
    let fields = format!("{FRESH}etag: \"a\"\r\nlast-modified: Fri, 01 May 2026 00:00:00 GMT\r\n");
    let origin = origin(move |_| ok(&fields, "hello")).await;
    let edge = before(&origin, "").await;
    edge.get("/a").await.expect_status(200);
    let since = "Mon, 01 Jun 2026 00:00:00 GMT";
    for (name, value) in [("if-none-match", "W/\"a\""), ("if-modified-since", since)] {
        let answer = edge.send(&Request::get("/a").header(name, value)).await.expect_status(304);
        is_hit(&answer);
        assert!(answer.body.is_empty());
    }
    let other = Request::get("/a").header("if-none-match", "\"b\"");
    assert_eq!(edge.send(&other).await.expect_status(200).text(), "hello");
    // On a miss, too: what is fetched is whole, and the client is told what it asked.
    let missed = Request::get("/b").header("if-none-match", "\"a\"");
    edge.send(&missed).await.expect_status(304);
    is_hit(&edge.get("/b").await.expect_status(200));
    assert_eq!(origin.received(), 2);
    assert!(origin.requests().iter().all(|request| request.header("if-none-match").is_none()));
}

#[tokio::test]
async fn rfc9111_3_3_ranges_are_cut_from_whole_responses() {
    let origin = origin(|_| ok(&format!("{FRESH}etag: W/\"a\"\r\n"), "0123456789")).await;
    let edge = before(&origin, "").await;
    let range = |range: &str| Request::get("/a").header("range", range);
    for turn in 0..2 {
        let part = edge.send(&range("bytes=2-4")).await.expect_status(206);
        assert_eq!(part.text(), "234", "{turn}");
        assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    }
    assert_eq!(edge.send(&range("bytes=-3")).await.expect_status(206).text(), "789");
    edge.send(&range("bytes=20-")).await.expect_status(416);
    let two = edge.send(&range("bytes=0-1,8-9")).await.expect_status(206);
    assert!(two.text().contains("01") && two.text().contains("89"), "{}", two.text());
    // Another one's, and one that does not tell bytes.
    for tag in ["\"b\"", "W/\"a\""] {
        let other = range("bytes=2-4").header("if-range", tag);
        assert_eq!(edge.send(&other).await.expect_status(200).text(), "0123456789");
    }
    let head = Request::new("HEAD", "/a").header("range", "bytes=2-4");
    edge.send(&head).await.expect_status(200);
    assert_eq!(origin.received(), 1);
}

#[tokio::test]
async fn rfc9111_4_3_what_is_stale_is_validated_and_a_304_updates_it() {
    let turn = Arc::new(AtomicUsize::new(0));
    let origin = origin(move |request| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        match (turn, request.header("if-none-match")) {
            (0, None) => ok("cache-control: max-age=0\r\netag: \"a\"\r\nx-turn: 0\r\n", "hello"),
            (1, Some("\"a\"")) => {
                "HTTP/1.1 304 Not Modified\r\ncache-control: max-age=600\r\nx-turn: 1\r\n\r\n"
                    .into()
            }
            _ => ok("", "wrong"),
        }
    })
    .await;
    let edge = before(&origin, "").await;
    edge.get("/a").await.expect_status(200);
    let second = edge.get("/a").await.expect_status(200);
    assert_eq!(told(&second), "hither; fwd=stale; fwd-status=304");
    assert_eq!((second.text().as_str(), second.header("x-turn")), ("hello", Some("1")));
    let third = edge.get("/a").await.expect_status(200);
    is_hit(&third);
    assert_eq!((third.text().as_str(), third.header("x-turn")), ("hello", Some("1")));
    assert_eq!(origin.received(), 2);
}

#[tokio::test]
async fn rfc9111_4_1_variants_are_told_apart_by_what_vary_names() {
    let origin = origin(|request| {
        let language = request.header("accept-language").unwrap_or("none").to_owned();
        ok(&format!("{FRESH}vary: Accept-Language\r\n"), &language)
    })
    .await;
    let edge = before(&origin, "").await;
    let ask = |language: &str| Request::get("/a").header("accept-language", language);
    for turn in 0..2 {
        for language in ["de", "en", "fr"] {
            let answer = edge.send(&ask(language)).await.expect_status(200);
            assert_eq!(answer.text(), language, "{turn}");
            assert_eq!(told(&answer).contains("; hit;"), turn == 1, "{}", told(&answer));
        }
    }
    assert_eq!(edge.get("/a").await.text(), "none");
    assert_eq!(origin.received(), 4);
}

#[tokio::test]
async fn rfc9111_4_4_what_an_unsafe_request_changes_is_not_given_again() {
    let origin = origin(|request| match request.method.as_str() {
        "GET" => ok(FRESH, "hello"),
        _ => "HTTP/1.1 201 Created\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n".into(),
    })
    .await;
    let edge = before(&origin, "").await;
    for path in ["/a", "/b", "/c"] {
        edge.get(path).await.expect_status(200);
    }
    let posted = edge.send(&Request::post("/a", "x")).await.expect_status(201);
    is_forwarded(&posted, "method");
    is_forwarded(&edge.get("/a").await, "uri-miss");
    is_forwarded(&edge.get("/b").await, "uri-miss");
    is_hit(&edge.get("/c").await);
}

#[tokio::test]
async fn rfc9111_5_2_1_requests_are_given_what_they_want() {
    let origin = origin(|_| ok(&format!("{FRESH}age: 100\r\netag: \"a\"\r\n"), "hello")).await;
    let edge = before(&origin, "").await;
    let ask = |wants: &str| Request::get("/a").header("cache-control", wants);
    let nothing = edge.send(&ask("only-if-cached")).await.expect_status(504);
    assert_eq!(nothing.json()["reason"], "not_cached");
    assert_eq!(origin.received(), 0);
    is_forwarded(&edge.send(&ask("no-store")).await.expect_status(200), "request");
    is_forwarded(&edge.get("/a").await, "uri-miss");
    is_hit(&edge.send(&ask("only-if-cached")).await.expect_status(200));
    is_hit(&edge.send(&ask("max-age=300")).await);
    for wants in ["no-cache", "max-age=50", "min-fresh=550"] {
        is_forwarded(&edge.send(&ask(wants)).await.expect_status(200), "request");
    }
    assert_eq!(origin.received(), 5);
}

#[tokio::test]
async fn rfc9213_what_is_said_to_shared_caches_apart_comes_first() {
    let origin = origin(|request| match request.target.as_str() {
        "/kept" => ok("cdn-cache-control: max-age=60\r\ncache-control: no-store\r\n", "a"),
        _ => ok("cdn-cache-control: no-store\r\ncache-control: max-age=60\r\n", "b"),
    })
    .await;
    let edge = before(&origin, "").await;
    for _ in 0..2 {
        edge.get("/kept").await.expect_status(200);
        edge.get("/not").await.expect_status(200);
    }
    is_hit(&edge.get("/kept").await);
    assert_eq!(origin.received(), 3);
}

#[tokio::test]
async fn a_chunked_response_is_kept_and_has_a_length_then() {
    let origin = origin(|_| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n{FRESH}\r\n5\r\nhello\r\n0\r\n\r\n"
        )
    })
    .await;
    let edge = before(&origin, "").await;
    assert_eq!(edge.get("/a").await.expect_status(200).text(), "hello");
    let again = edge.get("/a").await.expect_status(200);
    is_hit(&again);
    assert_eq!((again.text().as_str(), again.header("content-length")), ("hello", Some("5")));
    let part = edge.send(&Request::get("/a").header("range", "bytes=1-2")).await;
    assert_eq!(part.expect_status(206).text(), "el");
}

#[tokio::test]
async fn http2_clients_are_given_what_http1_clients_brought() {
    let origin = origin(|_| ok(FRESH, "hello")).await;
    let edge = before(&origin, "").await;
    edge.send(&Request::get("/a").host("example.com")).await.expect_status(200);
    let h2 = hither_harness::H2::connect(edge.address(0)).await.expect("connected");
    let answer = h2.request(&Request::get("/a").host("example.com")).await.expect("answered");
    is_hit(&answer);
    assert_eq!(answer.text(), "hello");
    assert_eq!(origin.received(), 1);
}

#[tokio::test]
async fn what_http2_instances_answer_is_kept_too() {
    let origin = hither_harness::OriginProcess::start(crate::support::HITHER, "ams").await;
    let cache = "[service.web.cache]\ndefault_ttl = \"10m\"";
    let instance = crate::support::instance("one", origin.address(), "http2 = true");
    let edge = crate::support::edge(cache, &instance).await;
    let first = edge.get("/bytes/200000").await.expect_status(200);
    assert_eq!(told(&first), "hither; fwd=uri-miss; stored");
    let again = edge.get("/bytes/200000").await.expect_status(200);
    is_hit(&again);
    assert_eq!(first.body, again.body);
}

#[tokio::test]
async fn plugins_see_what_is_kept_as_they_see_what_is_fetched() {
    let origin = origin(|_| ok(&format!("{FRESH}content-type: text/plain\r\n"), "one two")).await;
    let plugin = "[plugin.rewrite]\nfile = \"rewrite.wasm\"\ntime = \"500ms\"\n\
                  [plugin.rewrite.config.response]\ntypes = [\"text/*\"]\n\
                  replace = [{ find = \"two\", with = \"three\" }]\n";
    let tables = crate::support::instance("one", origin.address(), "");
    let config = format!(
        "{}[service.web]\nplugins = [\"rewrite\"]\n[service.web.cache]\n{tables}{plugin}",
        crate::support::LISTENER
    );
    let edge = hither_harness::Hither::builder(crate::support::HITHER)
        .config(config)
        .file("rewrite.wasm", crate::support::shipped("rewrite"))
        .start()
        .await;
    for turn in 0..3 {
        let answer = edge.get("/a").await.expect_status(200);
        assert_eq!(answer.text(), "one three", "{turn}");
        assert_eq!(told(&answer).contains("; hit;"), turn > 0, "{}", told(&answer));
    }
    assert_eq!(origin.received(), 1);
}
