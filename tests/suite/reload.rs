//! Changes while it runs: taken over whole or not at all, by whoever asks; and an orderly end.

use crate::support::{HITHER, LISTENER, SOON, instance, shipped};
use hither_harness::{GateOrigin, H2, Hither, Http1, RawOrigin, Request, Signal, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

fn answering(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// Two origins, and a configuration for each.
struct Scene {
    edge: Hither,
    old: RawOrigin,
    new: RawOrigin,
}

fn config(origin: &RawOrigin) -> String {
    format!("{LISTENER}[service.web]\n{}", instance("one", origin.address(), ""))
}

impl Scene {
    async fn start() -> Self {
        let old = RawOrigin::answering(answering("old")).await;
        let new = RawOrigin::answering(answering("new")).await;
        let edge = Hither::builder(HITHER).config(config(&old)).start().await;
        assert_eq!(edge.get("/").await.text(), "old");
        Self { edge, old, new }
    }

    /// The latest swap that status tells.
    async fn last_swap(&self) -> Value {
        self.edge.status().await["swaps"][0].clone()
    }
}

async fn answers(edge: &Hither, text: &str) {
    eventually(SOON, &format!("the answer {text:?}"), || async {
        let answer = edge.get("/").await.text();
        if answer == text { Ok(()) } else { Err(answer) }
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_is_taken_over_by_itself() {
    let scene = Scene::start().await;
    scene.edge.write_config(&config(&scene.new));
    answers(&scene.edge, "new").await;
    assert_eq!(scene.last_swap().await["cause"], "file");
}

#[tokio::test]
async fn a_file_that_a_refused_configuration_names_is_waited_for() {
    let scene = Scene::start().await;
    let with_plugin = format!("{}[plugin.late]\nfile = \"late.wasm\"\n", config(&scene.new));
    let rejected = || async {
        scene.edge.metrics().await.sum("hither_swaps_total", &[("result", "rejected")])
    };
    let refusals = async |count: f64| {
        eventually(SOON, "the refusal", || async {
            let seen = rejected().await;
            if seen == count { Ok(()) } else { Err(seen.to_string()) }
        })
        .await;
    };
    scene.edge.write_config(&with_plugin);
    refusals(1.0).await;
    scene.edge.write_file("late.wasm", "no WebAssembly");
    refusals(2.0).await;
    assert_eq!(scene.edge.get("/").await.text(), "old");
    scene.edge.write_file("late.wasm", shipped("headers"));
    answers(&scene.edge, "new").await;
    assert_eq!(rejected().await, 2.0, "nothing was tried that had not changed");
}

#[tokio::test]
async fn sighup_reloads_and_tells_what_changed() {
    let scene = Scene::start().await;
    scene.edge.signal(Signal::HUP);
    // Nothing has changed, so that it was not the watcher.
    let event = scene.edge.wait_for_event(SOON, "reload").await;
    assert_eq!(event.text("result"), Some("unchanged"));
    scene.edge.write_config(&config(&scene.new));
    scene.edge.signal(Signal::HUP);
    answers(&scene.edge, "new").await;
}

#[tokio::test]
async fn post_reload_answers_with_the_changes() {
    let scene = Scene::start().await;
    let unchanged = scene.edge.reload().await.expect_status(200).json();
    assert_eq!(
        (&unchanged["result"], &unchanged["changes"]),
        (&"unchanged".into(), &serde_json::json!([]))
    );
    scene.edge.write_config(&config(&scene.new));
    let swapped = scene.edge.reload().await.expect_status(200).json();
    assert_eq!(swapped["result"], "swapped");
    assert_eq!(swapped["changes"], serde_json::json!(["service.web.instance changed"]));
    assert!(swapped["snapshot"].as_u64() > unchanged["snapshot"].as_u64());
    assert_eq!(scene.edge.get("/").await.text(), "new");
    let metrics = scene.edge.metrics().await;
    assert_eq!(metrics.value("hither_swaps_total", &[("result", "swapped")]), Some(1.0));
    assert_eq!(scene.edge.ask(&Request::get("/reload")).await.status(), 405);
    assert_eq!(scene.edge.ask(&Request::new("POST", "/reload?what")).await.status(), 400);
}

#[tokio::test]
async fn a_connection_lives_on_across_a_reload() {
    let scene = Scene::start().await;
    let mut client = scene.edge.connect().await;
    assert_eq!(client.get("/").await.unwrap().text(), "old");
    let over_http2 = H2::connect(scene.edge.address(0)).await.unwrap();
    assert_eq!(over_http2.get("/").await.unwrap().text(), "old");
    scene.edge.write_config(&config(&scene.new));
    scene.edge.reload().await.expect_status(200);
    assert_eq!(client.get("/").await.unwrap().text(), "new");
    assert_eq!(over_http2.get("/").await.unwrap().text(), "new");
}

#[tokio::test]
async fn the_command_reloads_tries_out_and_goes_back() {
    let scene = Scene::start().await;
    let admin = scene.edge.admin().to_string();
    let reload = async |more: &[&str]| {
        let arguments = [&["reload", "--admin", &admin], more].concat();
        scene.edge.command(&arguments).await
    };
    let nothing = reload(&["--back"]).await;
    assert_eq!(nothing.status.code(), Some(3), "{nothing:?}");
    // Behind the watcher's back: it looks twice before it acts, and a dry run changes nothing.
    scene.edge.write_config(&config(&scene.new));
    let tried = reload(&["--dry-run"]).await;
    assert_eq!(tried.status.code(), Some(0), "{tried:?}");
    assert!(tried.stdout.starts_with("checked: snapshot 1"), "{tried:?}");
    assert!(tried.stdout.contains("service.web.instance changed"), "{tried:?}");
    let done = reload(&[]).await;
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert_eq!(scene.edge.get("/").await.text(), "new");
    let back = reload(&["--back"]).await;
    assert_eq!(back.status.code(), Some(0), "{back:?}");
    assert!(back.stdout.starts_with("swapped: snapshot "), "{back:?}");
    assert_eq!(scene.edge.get("/").await.text(), "old");
    assert_eq!(scene.last_swap().await["cause"], "back");
    assert_eq!(reload(&["--back", "--dry-run"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let scene = Scene::start().await;
    let before = scene.edge.status().await["snapshot"]["id"].clone();
    let dry =
        scene.edge.ask(&Request::new("POST", "/reload?dry-run")).await.expect_status(200).json();
    assert_eq!((&dry["result"], &dry["snapshot"]), (&"checked".into(), &before));
    assert_eq!(scene.edge.status().await["snapshot"]["id"], before);
}

const BROKEN: &str = "[[listener]]\naddress = \"127.0.0.1:0\"\n[service.web]\nhost = [\"a\"]\n\
     [[service.web.instance]]\nid = \"one\"\naddress = \"nonsense\"\n";

#[tokio::test]
async fn a_broken_file_leaves_what_runs_and_says_every_problem() {
    let scene = Scene::start().await;
    scene.edge.write_config(BROKEN);
    let refused = scene.edge.reload().await.expect_status(422).json();
    let problems = refused["report"]["problems"].as_array().unwrap();
    let lines: Vec<_> = problems.iter().filter_map(|problem| problem["line"].as_u64()).collect();
    assert_eq!(lines, [4, 7], "{refused:#}");
    let admin = scene.edge.admin().to_string();
    let command = scene.edge.command(&["reload", "--admin", &admin]).await;
    assert_eq!(command.status.code(), Some(3), "{command:?}");
    for words in ["what ran runs on", "line 4: ", "line 7: ", "hosts"] {
        assert!(command.stderr.contains(words), "{words}: {}", command.stderr);
    }
    assert_eq!(scene.edge.get("/").await.text(), "old");
    assert_eq!(scene.last_swap().await["cause"], "rejected");
    let rejected =
        scene.edge.metrics().await.value("hither_swaps_total", &[("result", "rejected")]);
    assert!(rejected >= Some(2.0), "{rejected:?}");
    // And the way back is open.
    scene.edge.write_config(&config(&scene.new));
    scene.edge.reload().await.expect_status(200);
    assert_eq!(scene.edge.get("/").await.text(), "new");
}

#[tokio::test]
async fn a_broken_file_is_refused_by_the_watcher_as_well() {
    let scene = Scene::start().await;
    scene.edge.write_config(BROKEN);
    let told = |line: &str| line.contains("reload rejected").then_some(());
    scene.edge.stderr().wait_for(SOON, "the refusal in the log", told).await;
    assert_eq!(scene.edge.get("/").await.text(), "old");
}

/// A plugin with the same behaviour and another digest: one more custom section (core specification, 5.5.3).
fn touched(plugin: &[u8]) -> Vec<u8> {
    [plugin, &[0, 6, 4], b"note", b"x"].concat()
}

async fn with_plugin() -> (Hither, Vec<u8>) {
    let bytes = shipped("headers");
    let origin = RawOrigin::answering(answering("fine")).await;
    let config = format!(
        "{LISTENER}[service.web]\nplugins = [\"headers\"]\n{}[plugin.headers]\nfile = \"headers.wasm\"\n\
         [plugin.headers.config.set]\nx-a = \"b\"\n",
        instance("one", origin.address(), "")
    );
    let edge = Hither::builder(HITHER).file("headers.wasm", &bytes).config(config).start().await;
    assert_eq!(edge.get("/").await.header("x-a"), Some("b"));
    // It must outlive this function.
    std::mem::forget(origin);
    (edge, bytes)
}

fn digest(status: &Value) -> String {
    status["plugins"][0]["digest"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_changed_plugin_file_is_taken_over_by_itself() {
    let (edge, bytes) = with_plugin().await;
    let before = edge.status().await;
    edge.write_file("headers.wasm", touched(&bytes));
    let after = edge
        .status_when(SOON, "another digest", |status| {
            (digest(status) != digest(&before)).then(|| status.clone())
        })
        .await;
    assert!(after["plugins"][0]["revision"].as_u64() > before["plugins"][0]["revision"].as_u64());
    assert_eq!(edge.get("/").await.expect_status(200).header("x-a"), Some("b"));
}

#[tokio::test]
async fn a_half_written_plugin_is_refused() {
    let (edge, bytes) = with_plugin().await;
    let before = digest(&edge.status().await);
    for half in [&bytes[..bytes.len() / 2], &bytes[..4], b"", b"no wasm at all"] {
        edge.write_file("headers.wasm", half);
        let refused = edge.reload().await;
        assert_eq!(refused.status(), 422, "{} bytes: {}", half.len(), refused.text());
        assert_eq!(digest(&edge.status().await), before);
        assert_eq!(edge.get("/").await.expect_status(200).header("x-a"), Some("b"));
    }
    edge.write_file("headers.wasm", touched(&bytes));
    edge.reload().await.expect_status(200);
}

#[tokio::test]
async fn listeners_come_and_go_at_run_time() {
    let scene = Scene::start().await;
    let first = scene.edge.address(0);
    let mut kept = scene.edge.connect().await;
    kept.get("/").await.unwrap().expect_status(200);
    let second = free_port();
    let listener = format!("[[listener]]\naddress = \"{second}\"\n");
    scene.edge.write_config(&(listener.clone() + &config(&scene.old)));
    scene.edge.reload().await.expect_status(200);
    for address in [first, second] {
        let mut client = Http1::connect(address).await.unwrap();
        client.get("/").await.unwrap().expect_status(200);
    }
    let without = config(&scene.old).replace(LISTENER, "");
    scene.edge.write_config(&(listener + &without));
    scene.edge.reload().await.expect_status(200);
    eventually(SOON, "the removed listener to refuse", || async {
        match Http1::connect(first).await {
            Err(_) => Ok(()),
            Ok(_) => Err("it accepts".to_owned()),
        }
    })
    .await;
    Http1::connect(second).await.unwrap().get("/").await.unwrap().expect_status(200);
    // Who came in by it stays.
    kept.get("/").await.unwrap().expect_status(200);
}

/// A port that is free now, for a listener that must be named before it is bound.
fn free_port() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_address_that_is_taken_rejects_the_whole_change() {
    let scene = Scene::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = format!("[[listener]]\naddress = \"{}\"\n", taken.local_addr().unwrap());
    scene.edge.write_config(&(listener + &config(&scene.new)));
    let refused = scene.edge.reload().await.expect_status(422);
    assert!(refused.text().contains("cannot be bound"), "{}", refused.text());
    assert_eq!(scene.edge.get("/").await.text(), "old");
}

async fn draining(settings: &str) -> (Hither, GateOrigin, Http1) {
    let origin = GateOrigin::start("gate").await;
    let config =
        format!("{settings}{LISTENER}[service.web]\n{}", instance("one", origin.address(), ""));
    let edge = Hither::builder(HITHER).config(config).start().await;
    let mut client = edge.connect().await;
    client.send(Request::get("/").bytes()).await.unwrap();
    origin.holds(1, SOON).await;
    (edge, origin, client)
}

#[tokio::test]
async fn sigterm_lets_what_runs_finish_and_closes_what_is_idle() {
    let (edge, origin, mut busy) = draining("").await;
    let mut idle = edge.connect().await;
    let over_http2 = H2::connect(edge.address(0)).await.unwrap();
    let stream = over_http2.open(&Request::get("/"), true).await.unwrap();
    origin.holds(2, SOON).await;
    edge.signal(Signal::TERM);
    assert_eq!(idle.read_until_close().await.unwrap(), b"");
    eventually(SOON, "/ready to tell", || async {
        let ready = edge.ask(&Request::get("/ready")).await.status();
        if ready == 503 { Ok(()) } else { Err(ready.to_string()) }
    })
    .await;
    edge.ask(&Request::get("/live")).await.expect_status(200);
    assert_eq!(edge.status().await["stage"], "draining");
    eventually(SOON, "new connections to be refused", || async {
        match Http1::connect(edge.address(0)).await {
            Err(_) => Ok(()),
            Ok(_) => Err("it accepts".to_owned()),
        }
    })
    .await;
    assert!(edge.exited().is_none(), "two requests still run");
    origin.open();
    let answer = busy.read_response().await.unwrap().expect_status(200);
    assert!(answer.closes(), "{}", answer.head.headers);
    assert_eq!(busy.read_until_close().await.unwrap(), b"");
    stream.response().await.unwrap().expect_status(200);
    assert_eq!(edge.wait_exit(SOON).await.code(), Some(0));
}

#[tokio::test]
async fn what_outlasts_the_drain_timeout_is_cut() {
    let (edge, _origin, mut busy) = draining("[edge]\ndrain_timeout = \"500ms\"\n").await;
    let began = Instant::now();
    edge.signal(Signal::TERM);
    assert_eq!(edge.wait_exit(SOON).await.code(), Some(0));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(480) && took < Duration::from_secs(5), "{took:?}");
    assert!(busy.read_response().await.unwrap_err().is_closed());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (edge, _origin, _busy) = draining("").await;
    edge.signal(Signal::TERM);
    edge.wait_for_event(SOON, "draining").await;
    edge.signal(Signal::INT);
    assert_eq!(edge.wait_exit(Duration::from_secs(10)).await.code(), Some(0));
}
