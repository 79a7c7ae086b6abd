//! Many at once, many kinds, much at a time.

use super::{before, ok, origin, told};
use crate::support::{HITHER, SOON, edge, instance};
use hither_harness::{Hither, Http1, OriginProcess, RawOrigin, Request};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const FRESH: &str = "cache-control: max-age=600\r\n";

/// So many requests at once, each on a connection of its own that is open already.
async fn at_once(edge: &Hither, requests: Vec<Request>) -> Vec<hither_harness::Response> {
    let mut clients = Vec::new();
    for request in requests {
        clients.push((Http1::connect(edge.address(0)).await.expect("connected"), request));
    }
    let mut all = JoinSet::new();
    for (mut client, request) in clients {
        all.spawn(async move { client.request(&request).await.expect("answered") });
    }
    all.join_all().await
}

#[tokio::test]
async fn a_hundred_misses_at_once_are_one_fetch() {
    let origin = RawOrigin::start(|mut connection| async move {
        while connection.read_request().await?.is_some() {
            // Long enough for all to come, were each to fetch; the origin's own time.
            tokio::time::sleep(Duration::from_millis(200)).await;
            connection.write(ok(FRESH, "hello")).await?;
        }
        Ok(())
    })
    .await;
    let edge = before(&origin, "").await;
    let answers = at_once(&edge, vec![Request::get("/a"); 100]).await;
    assert!(answers.iter().all(|answer| answer.text() == "hello"));
    assert_eq!(origin.received(), 1);
    let told: Vec<&str> = answers.iter().map(told).collect();
    assert_eq!(told.iter().filter(|told| told.contains("stored")).count(), 1, "{told:?}");
    assert!(told.iter().any(|told| told.contains("collapsed")), "{told:?}");
}

#[tokio::test]
async fn sixty_uncacheable_requests_of_a_second_each_take_less_than_two() {
    let origin = RawOrigin::start(|mut connection| async move {
        while connection.read_request().await?.is_some() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            connection.write(ok("cache-control: no-store\r\n", "hello")).await?;
        }
        Ok(())
    })
    .await;
    let edge = before(&origin, "[service.web.concurrency]\nsoft_limit = 100").await;
    for turn in ["unknown", "known to be uncacheable"] {
        let began = Instant::now();
        let answers = at_once(&edge, vec![Request::get("/a"); 60]).await;
        assert!(answers.iter().all(|answer| answer.status() == 200));
        let took = began.elapsed();
        assert!(took < Duration::from_secs(2), "{turn}: {took:?}");
    }
    assert_eq!(origin.received(), 120);
}

#[tokio::test]
async fn who_waits_is_given_what_has_come_while_the_rest_still_comes() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let origin = RawOrigin::start(move |mut connection| {
        let mut wait = wait.clone();
        async move {
            while connection.read_request().await?.is_some() {
                connection.write("HTTP/1.1 200 OK\r\ncache-control: max-age=9\r\n").await?;
                connection.write("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await?;
                let _ = wait.wait_for(|go| *go).await;
                connection.write("5\r\nworld\r\n0\r\n\r\n").await?;
            }
            Ok(())
        }
    })
    .await;
    let edge = before(&origin, "").await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Http1::connect(edge.address(0)).await.expect("connected");
        client.send("GET /a HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        client.read_head().await.expect("a head");
        let mut got = Vec::new();
        while !got.ends_with(b"hello\r\n") {
            got.extend(client.read_some().await.expect("what has come"));
        }
        clients.push(client);
    }
    go.send_replace(true);
    for mut client in clients {
        let mut got = Vec::new();
        while !got.ends_with(b"0\r\n\r\n") {
            got.extend(client.read_some().await.expect("the rest"));
        }
    }
    assert_eq!(origin.received(), 1);
}

#[tokio::test]
async fn three_hundred_variants_of_one_url_are_bounded() {
    let body = "x".repeat(100_000);
    let origin = origin(move |_| ok(&format!("{FRESH}vary: x-kind\r\n"), &body)).await;
    let edge = before(&origin, "").await;
    let ask = |kind: usize| Request::get("/a").header("x-kind", &kind.to_string());
    let mut client = edge.connect().await;
    for kind in 0..300 {
        client.request(&ask(kind)).await.expect("answered");
    }
    let kept = edge.metrics().await.sum("hither_cache_bytes", &[]);
    assert!((1e6..7e6).contains(&kept), "64 of 300 variants are kept: {kept} bytes");
    // The latest are.
    let answer = client.request(&ask(299)).await.expect("answered");
    assert!(told(&answer).contains("; hit;"), "{}", told(&answer));
}

#[tokio::test]
async fn what_is_kept_never_takes_more_than_its_memory() {
    let body = "x".repeat(200_000);
    let origin = origin(move |_| ok(FRESH, &body)).await;
    let tables = format!("{}\n[cache]\nmemory = \"2MiB\"", instance("one", origin.address(), ""));
    let edge = edge("[service.web.cache]\nmax_object = \"512KiB\"", &tables).await;
    let mut client = edge.connect().await;
    for number in 0..100 {
        client.get(&format!("/{number}")).await.expect("answered");
    }
    let kept = edge.metrics().await.sum("hither_cache_bytes", &[]);
    assert!((2e5..2.2e6).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_gigabyte_passes_in_bounded_memory() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let settings = "[service.web.cache]\ndefault_ttl = \"1h\"\nmax_object = \"8MiB\"";
    let edge = edge(settings, &instance("one", origin.address(), "")).await;
    edge.get("/bytes/1000").await.expect_status(200);
    let before = edge.program().peak_rss();
    let mut client = edge.connect().await.within(SOON * 6);
    client.send(Request::get("/bytes/1073741824").bytes()).await.expect("sent");
    let answer = client.count_response().await.expect("whole");
    assert_eq!(answer.length, 1 << 30);
    let more = edge.program().peak_rss().saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more");
}

/// An origin whose bodies have so many chunks of 64 KiB, and no length.
async fn chunked(chunks: usize) -> RawOrigin {
    RawOrigin::start(move |mut connection| async move {
        let chunk = format!("{:x}\r\n{}\r\n", 64 * 1024, "x".repeat(64 * 1024));
        while connection.read_request().await?.is_some() {
            let head = format!("HTTP/1.1 200 OK\r\n{FRESH}transfer-encoding: chunked\r\n\r\n");
            connection.write(head).await?;
            for _ in 0..chunks {
                connection.write(&chunk).await?;
            }
            connection.write("0\r\n\r\n").await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_long_body_of_unknown_length_passes_in_bounded_memory_and_is_not_kept() {
    const CHUNKS: usize = 2048;
    let origin = chunked(CHUNKS).await;
    let settings = "[service.web.cache]\nmax_object = \"1MiB\"";
    let edge = edge(settings, &instance("one", origin.address(), "")).await;
    let before = edge.program().peak_rss();
    for turn in 0..2 {
        let mut client = edge.connect().await.within(SOON * 3);
        client.send(Request::get("/a").bytes()).await.expect("sent");
        let answer = client.count_response().await.expect("whole");
        assert_eq!(answer.length, (CHUNKS * 64 * 1024) as u64, "{turn}");
    }
    let more = edge.program().peak_rss().saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more");
    assert_eq!(origin.received(), 2, "it is not kept");
    assert_eq!(edge.status().await["cache"]["entries"], 0);
}

#[tokio::test]
async fn a_slow_client_holds_back_what_cannot_be_kept_and_is_given_all_of_it() {
    const CHUNKS: usize = 512;
    let origin = chunked(CHUNKS).await;
    let settings = "[service.web.cache]\nmax_object = \"1MiB\"";
    let edge = edge(settings, &instance("one", origin.address(), "")).await;
    let before = edge.program().peak_rss();
    let mut client = edge.connect().await.within(SOON * 3);
    client.send(Request::get("/a").bytes()).await.expect("sent");
    let mut got = 0;
    while got < CHUNKS * 64 * 1024 {
        // The client's own pace: some MB a second, where the origin would send hundreds.
        tokio::time::sleep(Duration::from_millis(1)).await;
        got += client.read_some().await.expect("more of it").len();
    }
    let more = edge.program().peak_rss().saturating_sub(before);
    assert!(more < 24 << 20, "{more} bytes more");
}
