//! Ordinary WASI HTTP components answer for services: streamed both ways, within budgets, swapped under load;
//! one that misbehaves hurts its own request alone.

use crate::settled::{Stamp, swaps};
use crate::support::{HITHER, LISTENER, SOON};
use hither_harness::{ClientError, H2, Hither, Http1, Load, Request, Response, eventually};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A service `hello` that the guest `answers` answers for.
fn answered(sandbox: &str, more: &str) -> String {
    format!(
        "[edge]\nregion = \"ams\"\nthreads = 1\n{LISTENER}[service.hello]\ncomponent = \"answers.wasm\"\n{more}\n\
         [service.hello.sandbox]\ntime = \"5s\"\n{sandbox}\n"
    )
}

async fn edge_with(config: String) -> Hither {
    let compiled = std::fs::read(hither_guests::guest("answers")).unwrap();
    Hither::builder(HITHER).config(config).file("answers.wasm", compiled).start().await
}

async fn edge() -> Hither {
    edge_with(answered("", "")).await
}

/// What `/status` says of the service's component.
async fn component(edge: &Hither) -> Value {
    edge.status().await["services"][0]["component"].clone()
}

/// Waits until no request is being answered.
async fn idle(edge: &Hither) {
    edge.status_when(SOON, "no request to be answered", |status| {
        (status["services"][0]["component"]["in_flight"] == 0).then_some(())
    })
    .await;
}

async fn outcomes(edge: &Hither, outcome: &str) -> f64 {
    let labels = [("service", "hello"), ("outcome", outcome)];
    edge.metrics().await.sum("hither_component_requests_total", &labels)
}

#[tokio::test]
async fn a_component_answers_and_is_told_of() {
    let edge =
        edge_with(answered("", "[service.hello.environment]\nGREETING = \"hi\"\nEmpty_1 = \"\"\n"))
            .await;
    let answer = edge.get("/").await.expect_status(200);
    assert_eq!(answer.text(), "build-000000000000000000");
    assert_eq!(answer.header("via"), Some("1.1 hither"));
    assert_eq!(edge.get("/env").await.text(), "Empty_1=\nGREETING=hi\n");

    let request = Request::post("/request?a=b", "x").host("hello.example").header("X-Own", "1");
    let described = edge.send(&request).await.text();
    assert!(described.starts_with("Method::Post hello.example /request?a=b\n"), "{described}");
    for line in ["x-own: 1", "hither-region: ams", "x-forwarded-for: 127.0.0.1", "x-request-id: "] {
        assert!(described.contains(line), "{line} is missing: {described}");
    }
    for line in ["connection:", "host:", "transfer-encoding:"] {
        assert!(!described.contains(&format!("\n{line}")), "{line} is there: {described}");
    }

    idle(&edge).await;
    let told = component(&edge).await;
    let digest = told["digest"].as_str().unwrap();
    assert_eq!(
        (digest.len(), told["failures"].as_u64(), told["instances"].as_u64()),
        (64, Some(0), Some(64))
    );
    assert_eq!(outcomes(&edge, "ok").await, 3.0);
    let metrics = edge.metrics().await;
    let revision = told["revision"].to_string();
    let info = [("service", "hello"), ("revision", &*revision), ("digest", digest)];
    assert_eq!(metrics.value("hither_component_info", &info), Some(1.0));
    assert_eq!(
        metrics.sum("hither_component_duration_seconds_count", &[("service", "hello")]),
        3.0
    );
    assert!(metrics.sum("hither_component_processor_seconds_sum", &[("service", "hello")]) > 0.0);

    let line = edge.access_line(SOON, "the request for /env", |line| line["path"] == "/env").await;
    assert_eq!(line["component"], digest[..12]);
    assert_eq!((&line["instance"], line["status"].as_u64()), (&Value::Null, Some(200)));
    let admin = edge.admin().to_string();
    let explained = edge.command(&["explain", "/x", "--admin", &admin]).await;
    let said = format!(
        "answered by the service's component, revision {revision}, sha256 {}",
        &digest[..12]
    );
    assert!(explained.stdout.contains(&said), "{}", explained.stdout);
    let status = edge.command(&["status", "--admin", &admin]).await;
    assert!(status.stdout.contains("service hello: answered by a component"), "{}", status.stdout);
}

#[tokio::test]
async fn bodies_stream_both_ways_while_they_come() {
    let edge = edge().await;
    // The answer begins before the request has ended.
    let mut client = edge.connect().await;
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(head).await.unwrap();
    client.send("5\r\nfirst\r\n").await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status, 200);
    let mut seen = Vec::new();
    while !seen.windows(5).any(|window| window == b"first") {
        seen.extend(client.read_some().await.unwrap());
    }
    client.send("6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    while !seen.ends_with(b"0\r\n\r\n") {
        seen.extend(client.read_some().await.unwrap());
    }
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.contains("second") && !seen.contains("x-trailer"), "{seen}");

    let long = Request::post("/count", vec![b'y'; 3 << 20]);
    assert_eq!(edge.send(&long).await.expect_status(200).text(), "3145728");
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    let echoed = over_http2.request(&Request::post("/echo", "over two")).await.unwrap();
    assert_eq!(echoed.text(), "over two");
    assert!(edge.get("/stream?5").await.text().ends_with("piece 4\n"));
    // Who answers without reading does not break who is still sending.
    for _ in 0..3 {
        let unread = edge.send(&Request::post("/", vec![b'z'; 3 << 20])).await;
        assert_eq!((unread.status(), unread.length), (200, 24));
    }
    // The connection is kept, whatever becomes of the one inside.
    let mut client = edge.connect().await;
    for _ in 0..3 {
        let answer = client.get("/").await.unwrap().expect_status(200);
        assert!(!answer.closes());
    }
    let head = client.request(&Request::new("HEAD", "/large?1")).await.unwrap();
    assert_eq!((head.header("content-length"), head.length), (Some("1048576"), 0));
    let head = client.request(&Request::new("HEAD", "/")).await.unwrap();
    assert_eq!((head.status(), head.length), (200, 0));
    for status in [204, 304, 404, 500, 599] {
        let answer = client.get(&format!("/status?{status}")).await.unwrap();
        assert_eq!((answer.status(), answer.length), (status, 0));
    }
    idle(&edge).await;
    assert_eq!(component(&edge).await["failures"], 0, "{}", component(&edge).await);
}

#[tokio::test]
async fn a_slow_reader_holds_the_component_up_and_no_memory() {
    let edge = edge_with(answered("time = \"30s\"", "").replacen("time = \"5s\"\n", "", 1)).await;
    let mut client = edge.connect().await;
    client.send("GET /large?512 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    client.read_head().await.unwrap();
    let before = edge.rss();
    // Others are answered all the while.
    for _ in 0..20 {
        edge.get("/sleep?5").await.expect_status(200);
    }
    let grown = edge.rss().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more are held");
    assert_eq!(component(&edge).await["in_flight"], 1);
    // Who leaves takes the guest along.
    client.reset();
    idle(&edge).await;
    assert_eq!(outcomes(&edge, "given-up").await, 1.0);
}

/// What fails before the head has gone, with the answer and the outcome.
const BEFORE: [(&str, u16, &str, &str); 8] = [
    ("/loop", 504, "component_timeout", "timeout"),
    ("/never", 504, "component_timeout", "wait"),
    ("/trap", 502, "component_failed", "trap"),
    ("/grow", 502, "component_failed", "memory"),
    ("/recurse", 502, "component_failed", "stack"),
    ("/silent", 502, "component_failed", "no-answer"),
    ("/refuse", 502, "component_failed", "refused"),
    ("/status?103", 502, "component_failed", "invalid-output"),
];

/// What fails after it, once it has reached the client or before that.
const INSIDE: [&str; 5] = ["/stall", "/trap-inside", "/loop-inside", "/short", "/long"];

/// Whether a client can tell that this is no whole answer: it is cut, or a failure in its place.
fn is_not_whole(answer: &Result<Response, ClientError>) -> bool {
    match answer {
        Ok(answer) => answer.status() == 502,
        Err(error) => error.is_cut(),
    }
}

#[tokio::test]
async fn a_component_that_fails_hurts_its_own_request_alone() {
    let sandbox = "time = \"100ms\"\nwait = \"4s\"\nmemory = \"16MiB\"";
    let edge = edge_with(answered(sandbox, "").replacen("time = \"5s\"\n", "", 1)).await;
    let load = Load::new(edge.address(0)).connections(2).pause(Duration::from_millis(5));
    let load = load.request(Request::get("/")).start();
    for (path, status, reason, outcome) in BEFORE {
        let answer = edge.get(path).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.text());
        assert_eq!(answer.json()["reason"], reason, "{path}");
        let told = answer.header("proxy-status").unwrap_or_default();
        assert!(told.contains(&format!("details=\"{reason}\"")), "{path}: {told}");
        assert_eq!(outcomes(&edge, outcome).await, 1.0, "{path}");
    }
    for path in INSIDE {
        let answer = edge.connect().await.get(path).await;
        // More than was promised is not sent, so that the promised length may be whole.
        let promised = |answer: &Response| path == "/long" && answer.length == 2;
        let whole = answer.as_ref().is_ok_and(promised);
        assert!(whole || is_not_whole(&answer), "{path}: {answer:?}");
    }
    let stalled = edge.connect().await.get("/stall").await.unwrap_err();
    assert!(stalled.is_cut(), "its head had gone: {stalled:?}");
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    let reset = over_http2.get("/loop-inside").await.unwrap_err();
    assert!(reset.is_cut(), "{reset:?}");
    let big = edge.get("/status?700").await;
    assert_eq!((big.status(), &big.json()["reason"]), (502, &Value::from("upstream_invalid")));
    load.stop().await.assert_clean();

    idle(&edge).await;
    let told = component(&edge).await;
    assert!(told["failures"].as_u64().unwrap() >= 10, "{told}");
    let event = edge.wait_for_event(SOON, "a component failed").await;
    assert_eq!((event.text("service"), event.level()), (Some("hello"), "WARN"));
    assert_eq!(edge.get("/headers").await.text(), "a b,a,connection,transfer-encoding");
}

#[tokio::test]
async fn a_busy_component_lets_the_other_requests_of_its_thread_go_on() {
    let edge = edge().await;
    let address = edge.address(0);
    let spinning: Vec<_> = (0..2)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Http1::connect(address).await.unwrap();
                client.get("/spin?1500").await.unwrap().expect_status(200)
            })
        })
        .collect();
    edge.status_when(SOON, "both to spin", |status| {
        (status["services"][0]["component"]["in_flight"] == 2).then_some(())
    })
    .await;
    let mut client = edge.connect().await;
    let mut slowest = Duration::ZERO;
    let mut answers = 0;
    while !spinning.iter().any(tokio::task::JoinHandle::is_finished) {
        let begun = Instant::now();
        client.get("/").await.unwrap().expect_status(200);
        slowest = slowest.max(begun.elapsed());
        answers += 1;
    }
    assert!(answers > 10 && slowest < Duration::from_millis(700), "{answers}, {slowest:?}");
    for task in spinning {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn there_is_no_way_out_of_a_component_and_what_it_prints_is_logged() {
    let edge = edge().await;
    assert_eq!(edge.get("/inert").await.text(), "folders=0 random=true socket=false");
    assert_eq!(edge.get("/call").await.text(), "ErrorCode::HttpRequestDenied");
    edge.get("/print").await.expect_status(200);
    let event = edge.wait_for_event(SOON, "out\\u{1b}[2J").await;
    assert_eq!((event.text("service"), event.level()), (Some("hello"), "INFO"));
    assert_eq!(edge.wait_for_event(SOON, "oh").await.level(), "WARN");
    // Once the answer is whole it may still finish what it does.
    edge.get("/afterwards").await.expect_status(200);
    edge.wait_for_event(SOON, "afterwards").await;
}

#[tokio::test]
async fn requests_beyond_the_bound_are_shed_and_told_when_to_come_back() {
    let edge = edge_with(answered("instances = 2", "")).await;
    let address = edge.address(0);
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut client = Http1::connect(address).await.unwrap();
        client.send("GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        held.push(client);
    }
    edge.status_when(SOON, "both to be held", |status| {
        (status["services"][0]["component"]["in_flight"] == 2).then_some(())
    })
    .await;
    let shed = edge.get("/").await;
    assert_eq!((shed.status(), shed.header("retry-after")), (503, Some("1")));
    assert_eq!(shed.json()["reason"], "component_full");
    let admin = edge.admin().to_string();
    let explained = edge.command(&["explain", "/", "--admin", &admin]).await;
    assert!(explained.stdout.contains("503 component_full"), "{}", explained.stdout);
    drop(held);
    idle(&edge).await;
    edge.get("/").await.expect_status(200);
    assert_eq!(outcomes(&edge, "full").await, 1.0);
    assert_eq!(outcomes(&edge, "given-up").await, 2.0);
}

#[tokio::test]
async fn plugins_and_limits_are_asked_as_for_any_service() {
    let limit = "plugins = [\"stamp\"]\nmax_body = \"1KiB\"\n[[service.hello.limit]]\nname = \"few\"\nrate = \"1/h\"\nburst = 3\n";
    let config = answered("", limit) + "[plugin.stamp]\nfile = \"stamp.wasm\"\n";
    let stamp = Stamp::builds(1).remove(0);
    let compiled = std::fs::read(hither_guests::guest("answers")).unwrap();
    let builder = Hither::builder(HITHER).config(config).file("answers.wasm", compiled);
    let edge = builder.file("stamp.wasm", &stamp.bytes).start().await;
    let answer = edge.get("/request").await.expect_status(200);
    assert!(answer.text().contains(&format!("x-build: {}", stamp.name)), "{}", answer.text());
    assert!(answer.headers().all("x-build").any(|value| value == stamp.name));
    edge.send(&Request::post("/echo", vec![0; 2000])).await.expect_status(413);
    for status in [200, 200, 429] {
        edge.get("/").await.expect_status(status);
    }
    let put =
        Request::new("PUT", "/services/hello/instances/x").body("{\"address\": \"127.0.0.1:1\"}");
    edge.ask(&put).await.expect_status(409);
}

fn build_of(response: &Response) -> Result<String, String> {
    let name = response.header("x-build").ok_or("no build")?.to_owned();
    match response.text().contains(&name) {
        true => Ok(name),
        false => Err(format!("{name} says {}", response.text())),
    }
}

#[tokio::test]
async fn twenty_swaps_of_the_file_lose_nothing_under_load() {
    const SWAPS: usize = 20;
    let builds = Stamp::builds_of("answers", SWAPS + 1);
    let config = answered("", "").replace("threads = 1", "threads = 2");
    let builder = Hither::builder(HITHER).config(config);
    let edge = builder.file("answers.wasm", &builds[0].bytes).start().await;
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let sees = seen.clone();
    let load = Load::new(edge.address(0)).connections(8).pause(Duration::from_millis(1));
    let load = load.check(move |_, response| {
        sees.lock().unwrap().insert(build_of(response)?);
        Ok(())
    });
    let load = load.start();
    let address = edge.address(0);
    let slow = tokio::spawn(async move {
        Http1::connect(address).await.unwrap().get("/stream?100").await.unwrap()
    });
    for build in &builds[1..] {
        edge.write_file("answers.wasm", &build.bytes);
        let outcome = edge.reload().await.expect_status(200).json();
        assert!(outcome["result"] == "swapped" || outcome["result"] == "unchanged", "{outcome}");
        eventually(SOON, "the new build to answer", || async {
            let found = build_of(&edge.get("/").await)?;
            if found == build.name { Ok(()) } else { Err(found) }
        })
        .await;
        load.goes_on(20, SOON).await;
        eventually(SOON, "at most two snapshots", || async {
            let live = edge.metrics().await.value("hither_snapshots_live", &[]);
            if live <= Some(2.0) { Ok(()) } else { Err(format!("{live:?} are alive")) }
        })
        .await;
    }
    // What had begun before has ended on what it began with.
    let slow = slow.await.unwrap();
    assert_eq!(slow.header("x-build"), Some(&*builds[0].name));
    assert!(slow.text().ends_with("piece 99\n"), "{}", slow.text());

    let before = component(&edge).await;
    edge.write_file("answers.wasm", &builds[0].bytes[..1000]);
    let refused = edge.reload().await;
    assert_eq!(refused.status(), 422, "{}", refused.text());
    assert!(refused.text().contains("service.hello.component"), "{}", refused.text());
    assert_eq!(component(&edge).await["digest"], before["digest"]);
    load.goes_on(20, SOON).await;
    load.stop().await.assert_clean();
    let all: BTreeSet<String> = builds.into_iter().map(|build| build.name).collect();
    assert_eq!(*seen.lock().unwrap(), all, "every build answered");
    assert!(swaps(&edge.metrics().await, "rejected") >= 1.0);
    idle(&edge).await;
}

#[tokio::test]
async fn a_changed_file_is_swapped_in_without_being_asked() {
    let builds = Stamp::builds_of("answers", 2);
    let builder = Hither::builder(HITHER).config(answered("", ""));
    let edge = builder.file("answers.wasm", &builds[0].bytes).start().await;
    edge.write_file("answers.wasm", &builds[1].bytes);
    eventually(SOON, "the new file to answer", || async {
        let found = build_of(&edge.get("/").await)?;
        if found == builds[1].name { Ok(()) } else { Err(found) }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_such_component_is_refused_with_its_reason() {
    let plugin = std::fs::read(hither_guests::guest("stamp")).unwrap();
    let cases: [(&[u8], &str); 3] = [
        (b"\0asm\x01\0\0\0", "build it for wasm32-wasip2"),
        (b"#!/bin/sh", "does not begin as a .wasm file does"),
        (&plugin, "does not export `wasi:http/incoming-handler`"),
    ];
    for (bytes, why) in cases {
        let builder = Hither::builder(HITHER).config(answered("", ""));
        let Err(refused) = builder.file("answers.wasm", bytes).try_start().await else {
            panic!("it was loaded: {why}");
        };
        let told = format!("{refused:?}");
        assert!(told.contains(why) && told.contains("service.hello.component"), "{told}");
    }
}

/// As the file itself promises in its first lines.
#[tokio::test]
async fn the_example_greets_as_it_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let text = std::fs::read_to_string(folder.join("component.toml")).unwrap();
    let config = text.replace("127.0.0.1:8080", "127.0.0.1:0");
    let config = config.replace("../target/plugins/hello-http.wasm", "hello.wasm");
    let compiled = std::fs::read(hither_guests::package("hello-http")).unwrap();
    let edge = Hither::builder(HITHER).config(config).file("hello.wasm", compiled).start().await;
    let said = edge.get("/ada").await.expect_status(200).text();
    assert_eq!(said, "Good morning from the edge, /ada\n");
    assert!(text.contains(said.trim_end()), "{text}");
    // And as the README says, whose lines are the file's.
    let readme = std::fs::read_to_string(folder.join("../README.md")).unwrap();
    let shown =
        readme.split("```toml\n[service.hello]").nth(1).and_then(|rest| rest.split("```").next());
    assert!(text.contains(shown.unwrap()), "{shown:?}");
    assert!(readme.contains(&format!("8080/ada\n{said}")), "the README shows another answer");
}
