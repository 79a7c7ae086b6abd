//! What an edge tells of itself, and to whom.

use crate::support::{HITHER, LISTENER, SOON, edge, instance, shipped};
use hither_harness::{Hither, RawOrigin, RefusingOrigin, Request};
use std::collections::BTreeSet;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

#[tokio::test]
async fn live_and_ready_answer_without_a_token_and_status_does_not() {
    let origin = RawOrigin::answering(FINE).await;
    let config = format!(
        "{LISTENER}[service.web]\n{}[admin]\naddress = \"127.0.0.1:0\"\ntoken_file = \"token\"\n",
        instance("one", origin.address(), "")
    );
    let edge = Hither::builder(HITHER).file("token", "secret\n").config(config).start().await;
    for path in ["/live", "/ready"] {
        edge.ask(&Request::get(path)).await.expect_status(200);
    }
    for path in ["/status", "/metrics", "/", "/nowhere"] {
        let refused = edge.ask(&Request::get(path)).await.expect_status(401);
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{path}");
    }
    for wrong in ["Bearer wrong", "Bearer ", "Bearer secretx", "Basic secret", "secret"] {
        let asked = Request::get("/status").header("Authorization", wrong);
        assert_eq!(edge.ask(&asked).await.status(), 401, "{wrong}");
    }
    let asked = Request::get("/status").header("Authorization", "Bearer secret");
    edge.ask(&asked).await.expect_status(200);
    let admin = edge.admin().to_string();
    let command = ["reload", "--admin", &admin, "--token-file", "token"];
    assert_eq!(edge.command(&command).await.status.code(), Some(0));
    assert_eq!(edge.command(&command[..3]).await.status.code(), Some(1));
}

#[tokio::test]
async fn a_web_page_cannot_use_the_admin_api() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge("", &instance("one", origin.address(), "")).await;
    for request in [
        Request::new("POST", "/reload").header("Origin", "https://evil.example"),
        Request::new("POST", "/reload").header("Origin", "null"),
        Request::get("/status").header("Sec-Fetch-Site", "cross-site"),
        Request::get("/status").header("Sec-Fetch-Site", "same-site"),
        // A name of the attacker's that resolves to 127.0.0.1.
        Request::get("/status").host("evil.example"),
        Request::get("/metrics").host("localhost.evil.example:9900"),
    ] {
        let refused = edge.ask(&request).await;
        assert_eq!(refused.status(), 403, "{request:?}");
        assert!(!refused.text().contains("snapshot"), "{}", refused.text());
    }
    for host in ["localhost", "localhost:9900", "127.0.0.1:9900", "[::1]:9900"] {
        edge.ask(&Request::get("/status").host(host)).await.expect_status(200);
    }
    assert_eq!(edge.ask(&Request::get("/nowhere")).await.status(), 404);
    assert_eq!(edge.ask(&Request::new("DELETE", "/status")).await.status(), 405);
}

#[tokio::test]
async fn status_tells_services_instances_and_plugins() {
    let origin = RawOrigin::answering(FINE).await;
    let settings =
        "plugins = [\"headers\"]\n[service.web.concurrency]\nsoft_limit = 3\nhard_limit = 5\n";
    let more = "region = \"maa\"\nrtt = \"9ms\"\nlabels = { tier = \"gold\" }";
    let config = format!(
        "[edge]\nname = \"edge-1\"\nregion = \"ams\"\n{LISTENER}[service.web]\n{settings}{}\
         [plugin.headers]\nfile = \"headers.wasm\"\n[plugin.headers.config.set]\nx-a = \"b\"\n",
        instance("one", origin.address(), more)
    );
    let edge = Hither::builder(HITHER).file("headers.wasm", shipped("headers")).config(config);
    let edge = edge.start().await;
    edge.get("/").await.expect_status(200);
    let free = |status: &serde_json::Value| {
        (status["services"][0]["instances"][0]["in_flight"] == 0).then(|| status.clone())
    };
    let status = edge.status_when(SOON, "the request to have ended", free).await;
    assert_eq!((&status["edge"], &status["region"]), (&"edge-1".into(), &"ams".into()));
    assert_eq!((&status["stage"], &status["snapshot"]["id"]), (&"serving".into(), &1.into()));
    assert!(status["version"].as_str().unwrap().contains('.'), "{status:#}");
    let service = &status["services"][0];
    assert_eq!((&service["name"], &service["concurrency"]), (&"web".into(), &"requests".into()));
    assert_eq!(
        (&service["queue"]["waiting"], &service["queue"]["places"]),
        (&0.into(), &128.into())
    );
    let one = &service["instances"][0];
    let expected = serde_json::json!({
        "id": "one", "address": origin.address().to_string(), "region": "maa", "labels": { "tier": "gold" },
        "band": "open", "in_flight": 0, "soft_limit": 3, "hard_limit": 5, "rtt_seconds": 0.009,
        "healthy": true, "draining": false,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&one[key], value, "{key}");
    }
    let plugin = &status["plugins"][0];
    assert_eq!((&plugin["name"], &plugin["failures"]), (&"headers".into(), &0.into()));
    assert_eq!(plugin["digest"].as_str().map(str::len), Some(64), "{plugin}");
    assert_eq!(status["swaps"], serde_json::json!([]));
    let shown = edge.command(&["status", "--admin", &edge.admin().to_string()]).await;
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    for words in ["edge-1 in ams", "service web", "one", "maa", "9.0 ms", "plugin headers"] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
}

#[tokio::test]
async fn metrics_have_the_promised_names() {
    let origin = RawOrigin::answering(FINE).await;
    let settings = "plugins = [\"headers\"]\n[[service.web.limit]]\nname = \"all\"\nrate = \"1/h\"\nburst = 1\n";
    let config = format!(
        "{LISTENER}[service.web]\n{settings}{}[plugin.headers]\nfile = \"headers.wasm\"\n\
         [plugin.headers.config.set]\nx-a = \"b\"\n",
        instance("one", origin.address(), "rtt = \"9ms\"")
    );
    let edge = Hither::builder(HITHER).file("headers.wasm", shipped("headers")).config(config);
    let edge = edge.start().await;
    edge.get("/hostile-label-1").await.expect_status(200);
    edge.get("/hostile-label-2").await.expect_status(429);
    edge.reload().await.expect_status(200);
    let text = edge.ask(&Request::get("/metrics")).await.expect_status(200).text();
    let names: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for name in [
        "hither_edge_http_responses_total",
        "hither_edge_http_response_time_seconds",
        "hither_app_http_response_time_seconds",
        "hither_app_connect_time_seconds",
        "hither_app_concurrency",
        "hither_instance_band",
        "hither_instance_rtt_seconds",
        "hither_queue_waiting",
        "hither_queue_wait_seconds",
        "hither_balancer_decisions_total",
        "hither_retries_total",
        "hither_limit_decisions_total",
        "hither_plugin_calls_total",
        "hither_plugin_call_duration_seconds",
        "hither_plugin_instances",
        "hither_plugin_info",
        "hither_swaps_total",
        "hither_snapshots_live",
        "hither_build_info",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    assert!(!text.contains("hostile-label"), "a client's words are in a label");
    let metrics = edge.metrics().await;
    let responses = |status| {
        metrics.value("hither_edge_http_responses_total", &[("service", "web"), ("status", status)])
    };
    assert_eq!((responses("200"), responses("429")), (Some(1.0), Some(1.0)));
    let rtt =
        metrics.value("hither_instance_rtt_seconds", &[("service", "web"), ("instance", "one")]);
    assert_eq!(rtt, Some(0.009));
    assert_eq!(metrics.value("hither_snapshots_live", &[]), Some(1.0));
    assert_eq!(metrics.value("hither_app_http_response_time_seconds_count", &[]), Some(1.0));
}

#[tokio::test]
async fn the_access_log_tells_how_each_request_ended() {
    let (origin, refusing) = (RawOrigin::answering(FINE).await, RefusingOrigin::start());
    let config = format!(
        "[edge]\nname = \"edge-1\"\nregion = \"ams\"\n{LISTENER}[service.web]\nmax_body = \"1KiB\"\n{}\
         [service.gone]\nhosts = [\"gone\"]\n[[service.gone.instance]]\nid = \"two\"\naddress = \"{}\"\n\
         [service.narrow]\nhosts = [\"narrow\"]\npath_prefix = \"/only\"\n\
         [[service.narrow.instance]]\nid = \"three\"\naddress = \"{}\"\n",
        instance("one", origin.address(), "region = \"maa\""),
        refusing.address(),
        refusing.address(),
    );
    let edge = Hither::builder(HITHER).config(config).start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    edge.send(&Request::post("/fine?q", "hello").header("traceparent", parent)).await;
    edge.send(&Request::get("/gone").host("gone")).await;
    edge.send(&Request::post("/large", vec![b'x'; 2000])).await;
    let mut bad = edge.connect().await;
    bad.send("GET /bad HTTP/1.1\r\nHost: a b\r\n\r\n").await.unwrap();
    bad.read_response().await.unwrap().expect_status(400);
    let line = async |status: u16| {
        edge.access_line(SOON, &format!("the line of the {status}"), |line| {
            line["status"] == status
        })
        .await
    };
    let fine = line(200).await;
    let expected = serde_json::json!({
        "edge": "edge-1", "region": "ams", "service": "web", "instance": "one", "instance_region": "maa",
        "client": "127.0.0.1", "method": "POST", "host": "localhost", "path": "/fine?q", "protocol": "HTTP/1.1",
        "request_bytes": 5, "response_bytes": 4, "traceparent": parent,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&fine[key], value, "{key}: {fine:#}");
    }
    for time in ["time", "total", "first_byte", "app"] {
        assert!(fine[time].as_f64().is_some_and(|seconds| seconds > 0.0), "{time}: {fine:#}");
    }
    assert!(
        fine["fault"].is_null() && fine["request_id"].as_str().is_some_and(|id| id.len() == 32)
    );
    let gone = line(502).await;
    assert_eq!((&gone["fault"], &gone["blame"]), (&"connect_refused".into(), &"upstream".into()));
    assert_eq!(gone["service"], "gone");
    let large = line(413).await;
    assert_eq!((&large["fault"], &large["blame"]), (&"body_too_large".into(), &"client".into()));
    assert!(large["instance"].is_null(), "{large:#}");
    let bad = line(400).await;
    assert_eq!((&bad["edge"], &bad["region"]), (&"edge-1".into(), &"ams".into()));
    assert_eq!((&bad["fault"], &bad["client"]), (&"bad_host".into(), &"127.0.0.1".into()));
    edge.send(&Request::get("/elsewhere").host("narrow")).await.expect_status(200);
}

#[tokio::test]
async fn a_client_that_leaves_is_logged_as_499() {
    let origin = RawOrigin::stalling().await;
    let edge = edge("", &instance("one", origin.address(), "")).await;
    let mut client = edge.connect().await;
    client.send(Request::get("/left").bytes()).await.unwrap();
    edge.status_when(SOON, "the request to be on its way", |status| {
        (status["services"][0]["instances"][0]["in_flight"] == 1).then_some(())
    })
    .await;
    drop(client);
    let line = edge.access_line(SOON, "the line", |line| line["path"] == "/left").await;
    assert_eq!((&line["status"], &line["fault"]), (&499.into(), &"client_left".into()));
}

#[tokio::test]
async fn hostile_paths_stay_one_line_of_json() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = edge("", &instance("one", origin.address(), "")).await;
    let long = format!("/{}", "x".repeat(20_000));
    let paths = ["/\"}{\"status\":200", "/\\u0000\\n", "/%0a%0d%00", "/'\\\"", "/\\x1b[31m"];
    for path in paths {
        edge.get(path).await.expect_status(200);
        let line = edge.access_line(SOON, path, |line| line["path"] == path).await;
        assert_eq!(line["status"], 200, "{line:#}");
    }
    edge.get(&long).await.expect_status(200);
    let cut = |line: &serde_json::Value| {
        line["path"].as_str().is_some_and(|path| path.starts_with("/xxx") && path.len() <= 4096)
    };
    edge.access_line(SOON, "a path that is cut", cut).await;
    assert_eq!(edge.access_log().len(), edge.stdout().count(), "every line is JSON");
    assert_eq!(edge.stdout().count(), paths.len() + 1);
}
