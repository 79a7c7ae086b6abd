//! What must never be shared: whatever could be for one client alone, and whatever one client could put in
//! the way of others.

use super::{before, is_forwarded, is_hit, ok, origin};
use crate::support::{SOON, instance};
use hither_harness::{Hither, Http1, RawOrigin, Request, eventually};

const FRESH: &str = "cache-control: max-age=600\r\n";

/// An origin that says who asked.
async fn echo(fields: &'static str, header: &'static str) -> RawOrigin {
    origin(move |request| ok(fields, request.header(header).unwrap_or("nobody"))).await
}

#[tokio::test]
async fn a_get_with_a_body_passes_by_and_its_body_is_no_request() {
    // Also CVE-2025-4366: a body that was left unread after a hit became the next request.
    let origin =
        origin(|request| ok(FRESH, &format!("{} {}", request.target, request.body.len()))).await;
    let edge = before(&origin, "").await;
    is_forwarded(&edge.get("/a").await, "uri-miss");
    is_hit(&edge.get("/a").await);
    let mut client = edge.connect().await;
    let body = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for _ in 0..2 {
        let fat = Request::new("GET", "/a").body(body);
        let answer = client.request(&fat).await.expect("answered");
        assert_eq!(answer.text(), format!("/a {}", body.len()));
        is_forwarded(&answer, "request");
        let next = client.get("/a").await.expect("answered");
        assert_eq!(next.text(), "/a 0");
        is_hit(&next);
    }
    assert!(origin.requests().iter().all(|request| request.target == "/a"));
}

#[tokio::test]
async fn set_cookie_is_never_shared() {
    let origin = echo("cache-control: max-age=600\r\nset-cookie: s=1\r\n", "x-who").await;
    let edge = before(&origin, "").await;
    for who in ["ann", "bob"] {
        let answer = edge.send(&Request::get("/a").header("x-who", who)).await;
        assert_eq!(answer.text(), who);
    }
}

#[tokio::test]
async fn answers_to_credentials_are_never_shared_nor_do_they_need_to_wait() {
    let origin = echo(FRESH, "authorization").await;
    let edge = before(&origin, "").await;
    for _ in 0..2 {
        for who in ["Basic ann", "Basic bob"] {
            let answer = edge.send(&Request::get("/a").header("authorization", who)).await;
            assert_eq!(answer.text(), who);
        }
        assert_eq!(edge.get("/a").await.text(), "nobody");
    }
    is_hit(&edge.get("/a").await);
}

#[tokio::test]
async fn what_does_not_say_how_long_it_is_fresh_is_not_for_requests_with_cookies() {
    let origin = echo("", "cookie").await;
    let cache = "[service.web.cache]\ndefault_ttl = \"10m\"";
    let edge = crate::support::edge(cache, &instance("one", origin.address(), "")).await;
    for _ in 0..2 {
        assert_eq!(edge.get("/a").await.text(), "nobody");
        for who in ["s=ann", "s=bob"] {
            let answer = edge.send(&Request::get("/a").header("cookie", who)).await;
            assert_eq!(answer.text(), who);
        }
    }
    is_hit(&edge.get("/a").await);
}

#[tokio::test]
async fn a_reflected_host_is_never_shared() {
    // Whoever is no trusted proxy: the field is ours to say.
    let origin = echo(FRESH, "x-forwarded-host").await;
    let edge = before(&origin, "").await;
    let evil = Request::get("/a").host("good.example").header("x-forwarded-host", "evil.example");
    assert_eq!(edge.send(&evil).await.text(), "good.example");
    let again = edge.send(&Request::get("/a").host("good.example")).await;
    is_hit(&again);
    assert_eq!(again.text(), "good.example");
    // Behind one that passes on what clients say: another key.
    let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    let tables = instance("one", origin.address(), "");
    let config = format!("{listener}[service.web]\n[service.web.cache]\n{tables}");
    let edge = Hither::builder(crate::support::HITHER).config(config).start().await;
    assert_eq!(edge.send(&evil).await.text(), "evil.example");
    let good = edge.send(&Request::get("/a").host("good.example")).await;
    assert_eq!(good.text(), "good.example");
}

#[tokio::test]
async fn fields_that_some_servers_take_for_the_target_pass_by() {
    let origin = echo(FRESH, "x-original-url").await;
    let edge = before(&origin, "").await;
    let evil = Request::get("/a").header("x-original-url", "/admin");
    assert_eq!(edge.send(&evil).await.text(), "/admin");
    assert_eq!(edge.get("/a").await.text(), "nobody");
    is_hit(&edge.get("/a").await);
    assert_eq!(edge.send(&evil).await.text(), "/admin");
}

#[tokio::test]
async fn hosts_services_and_paths_that_look_alike_share_nothing() {
    // CVE-2026-2836: a key without the authority.
    let answer = |request: &hither_harness::RawRequest| {
        ok(FRESH, &format!("{}{}", request.header("host").unwrap_or_default(), request.target))
    };
    let origin = origin(answer).await;
    let edge = before(&origin, "").await;
    let targets =
        ["/a", "/A", "/a/", "//a", "/b/../a", "/a%2f", "/a?", "/a?b", "/a?b=", "/a;x", "/a/x.css"];
    for turn in 0..2 {
        for host in ["one.example", "two.example", "one.example:81"] {
            for target in targets {
                let answer = edge.send(&Request::get(target).host(host)).await.expect_status(200);
                assert_eq!(answer.text(), format!("{host}{target}"), "{turn}");
            }
        }
    }
    let other = edge.send(&Request::get("/a").host("ONE.example")).await;
    assert_eq!(other.text(), "one.example/a");
}

#[tokio::test]
async fn a_body_that_the_origin_cut_short_is_never_given_as_whole() {
    for head in ["content-length: 10\r\n", "transfer-encoding: chunked\r\n"] {
        let origin = RawOrigin::start(move |mut connection| async move {
            if connection.read_request().await?.is_some() {
                let body = if head.starts_with('t') { "5\r\nhello\r\n" } else { "hello" };
                connection.write(format!("HTTP/1.1 200 OK\r\n{FRESH}{head}\r\n{body}")).await?;
            }
            Ok(())
        })
        .await;
        let edge = before(&origin, "").await;
        for turn in 1..=3 {
            let mut client = edge.connect().await;
            // Where nothing has been written, the failure can still be told.
            match client.get("/a").await {
                Ok(told) => drop(told.expect_status(502)),
                Err(cut) => assert!(cut.is_cut(), "{head}{turn}: {cut}"),
            }
        }
        assert_eq!(origin.received(), 3, "{head}");
        assert_eq!(edge.status().await["cache"]["entries"], 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_does_not_spoil_what_others_get() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let origin = RawOrigin::start(move |mut connection| {
        let mut wait = wait.clone();
        async move {
            while connection.read_request().await?.is_some() {
                let head = format!("HTTP/1.1 200 OK\r\n{FRESH}content-length: 10\r\n\r\nhello");
                connection.write(head).await?;
                let _ = wait.wait_for(|go| *go).await;
                connection.write("world").await?;
            }
            Ok(())
        }
    })
    .await;
    let edge = before(&origin, "").await;
    let mut leaves = Http1::connect(edge.address(0)).await.expect("connected");
    leaves.send("GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    leaves.read_head().await.expect("a head");
    leaves.reset();
    // Its answer goes on to come for others, who are given what has come so far.
    let mut stays = Http1::connect(edge.address(0)).await.expect("connected");
    stays.send("GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    stays.read_head().await.expect("a head");
    assert_eq!(stays.read_some().await.expect("what has come"), b"hello");
    go.send_replace(true);
    assert_eq!(stays.read_some().await.expect("the rest"), b"world");
    eventually(SOON, "a hit", || async {
        let answer = edge.send(&Request::get("/a").host("x")).await;
        let hit = answer.text() == "helloworld" && super::told(&answer).contains("hit");
        if hit { Ok(()) } else { Err(super::told(&answer).to_owned()) }
    })
    .await;
    assert_eq!(origin.received(), 1);
}

#[tokio::test]
async fn purge_from_a_client_is_405() {
    let origin = origin(|_| ok(FRESH, "hello")).await;
    let edge = before(&origin, "").await;
    edge.get("/a").await.expect_status(200);
    let refused = edge.send(&Request::new("PURGE", "/a")).await.expect_status(405);
    assert!(refused.header("allow").is_some_and(|allow| !allow.contains("PURGE")));
    is_hit(&edge.get("/a").await);
    assert_eq!(origin.received(), 1);
}

#[tokio::test]
async fn an_error_that_one_request_brought_about_is_not_kept() {
    let origin = origin(|request| match request.header("x-bad") {
        Some(_) => format!("HTTP/1.1 400 Bad Request\r\n{FRESH}content-length: 0\r\n\r\n"),
        None => ok(FRESH, "hello"),
    })
    .await;
    let edge = before(&origin, "").await;
    edge.send(&Request::get("/a").header("x-bad", "1")).await.expect_status(400);
    edge.get("/a").await.expect_status(200);
}

/// Who is given answers of his own goes on to be, though one for anybody has been kept meanwhile.
#[tokio::test]
async fn whose_answer_is_not_kept_is_not_given_what_is_kept_for_others() {
    let origin = origin(|request| match request.header("cookie") {
        Some(_) => ok("cache-control: private\r\n", "for you"),
        None => ok(FRESH, "for anybody"),
    })
    .await;
    let edge = before(&origin, "").await;
    let own = || Request::get("/a").header("cookie", "session=1");
    for _ in 0..2 {
        assert_eq!(edge.send(&own()).await.text(), "for you");
        assert_eq!(edge.get("/a").await.text(), "for anybody");
    }
    is_hit(&edge.get("/a").await);
}

/// A hit says that parts can be had, whether or not one is asked for.
#[tokio::test]
async fn a_hit_is_the_same_by_either_way() {
    let origin = origin(|_| ok(&format!("{FRESH}etag: \"1\"\r\n"), "hello")).await;
    let edge = before(&origin, "").await;
    edge.get("/a").await.expect_status(200);
    let at_hand = edge.get("/a").await;
    // A condition that does not hold takes the longer way.
    let other = edge.send(&Request::get("/a").header("if-none-match", "\"2\"")).await;
    for answer in [&at_hand, &other] {
        is_hit(answer);
        assert_eq!((answer.status(), answer.text()), (200, "hello".to_owned()));
    }
    let fields = |answer: &hither_harness::Response| {
        let mut lines: Vec<String> =
            answer.head.headers.to_string().lines().map(str::to_lowercase).collect();
        lines.retain(|line| !line.starts_with("date:"));
        lines.sort();
        lines
    };
    assert_eq!(fields(&at_hand), fields(&other));
}
