//! Plugins that misbehave: the call fails as its policy says, the reason can be seen, and neither the
//! proxy nor another plugin feels it. Plugins that cannot be loaded change nothing.

use crate::settled::{Stamp, at_rest, revision, swaps};
use crate::support::{HITHER, LISTENER, SOON};
use hither_harness::{
    GateOrigin, Hither, Load, OriginProcess, RawOrigin, Request, Response, eventually,
};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// What the guest `mischief` does, and the outcome that the metrics name it.
const MISCHIEF: [(&str, &str); 13] = [
    ("loop", "timeout"),
    ("grow", "memory"),
    ("trap", "trap"),
    ("recurse", "stack"),
    ("host-calls", "host-calls"),
    ("long-line", "invalid-output"),
    ("crlf", "invalid-output"),
    ("bad-name", "invalid-output"),
    ("content-length", "invalid-output"),
    ("transfer-encoding", "invalid-output"),
    ("many-edits", "invalid-output"),
    ("status-99", "invalid-output"),
    ("huge", "memory"),
];

fn compiled(guest: &str) -> Vec<u8> {
    std::fs::read(hither_guests::guest(guest)).unwrap()
}

/// A service of its own host with one plugin of the same name.
fn service(name: &str, origin: SocketAddr) -> String {
    format!(
        "[service.{name}]\nhosts = [\"{name}.example\"]\nplugins = [\"{name}\"]\n\
         [[service.{name}.instance]]\nid = \"i0\"\naddress = \"{origin}\"\nrtt = \"1ms\"\n"
    )
}

fn plugin(name: &str, file: &str, more: &str) -> String {
    format!("[plugin.{name}]\nfile = \"{file}\"\n{more}\n")
}

fn get(service: &str, path: &str) -> Request {
    Request::get(path).host(&format!("{service}.example"))
}

/// The answer that a failed plugin with the policy "reject" makes of a request.
#[track_caller]
fn is_plugin_failure(response: &Response) {
    assert_eq!(response.status(), 503, "{}\n{}", response.headers(), response.text());
    assert_eq!(response.json()["reason"], "plugin_failed");
    let told = response.header("proxy-status").unwrap_or_default();
    assert_eq!(told, "hither; error=proxy_internal_error; details=\"plugin_failed\"");
}

/// What `/status` says of a plugin.
async fn health(edge: &Hither, name: &str) -> Value {
    let status = edge.status().await;
    let plugins = status["plugins"].as_array().unwrap();
    plugins.iter().find(|one| one["name"] == name).cloned().unwrap()
}

/// The load on the service whose plugin is well, while others are not.
fn good_load(edge: &Hither, stamp: &str) -> Load {
    let stamp = stamp.to_owned();
    Load::new(edge.address(0))
        .connections(4)
        .pause(Duration::from_millis(2))
        .request(get("good", "/"))
        .check(move |_, response| match response.header("x-build") {
            Some(found) if found == stamp => Ok(()),
            found => Err(format!("stamped {found:?}")),
        })
}

/// An edge with the service `good`, whose plugin is well, and one service per mischief for each
/// policy, so that no breaker hides anything.
async fn mischievous(origin: SocketAddr, good: &Stamp) -> Hither {
    let mut services = service("good", origin);
    let mut plugins = plugin("good", "good.wasm", "");
    for (what, _) in MISCHIEF {
        for policy in ["reject", "skip"] {
            let name = format!("{what}-{policy}");
            services += &service(&name, origin);
            // Compiled without optimisation, this host needs longer than the default to meet the others.
            let time = if what == "loop" { "5ms" } else { "500ms" };
            let more = format!("on_failure = \"{policy}\"\ntime = \"{time}\"\ngrants = [\"log\"]");
            plugins += &plugin(&name, "mischief.wasm", &more);
        }
    }
    Hither::builder(HITHER)
        .config(format!("{LISTENER}{services}{plugins}"))
        .file("good.wasm", &good.bytes)
        .file("mischief.wasm", compiled("mischief"))
        .start()
        .await
}

/// An origin that answers 200 with `X-Mischief` as it was asked to, and its `X-A`.
async fn mirror() -> RawOrigin {
    RawOrigin::start(|mut connection| async move {
        while let Some(request) = connection.read_request().await? {
            let wish = request.header("x-wish").unwrap_or("none").to_owned();
            let head =
                format!("HTTP/1.1 200 OK\r\nX-Mischief: {wish}\r\nContent-Length: 2\r\n\r\nok");
            connection.write(head).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_failed_call_is_answered_by_policy_and_hurts_no_other_plugin_under_load() {
    let good = Stamp::builds(1).remove(0);
    let origin = mirror().await;
    let edge = mischievous(origin.address(), &good).await;
    let load = good_load(&edge, &good.name).start();
    load.goes_on(20, SOON).await;
    for (what, outcome) in MISCHIEF {
        let name = format!("{what}-reject");
        let path = format!("/{what}");
        is_plugin_failure(&edge.send(&get(&name, &path)).await);
        // The hook for responses fails alike: the origin's answer is not passed on.
        let wish = get(&name, "/").header("x-wish", &path);
        is_plugin_failure(&edge.send(&wish).await);
        told(&edge, &name, &["request-filter", "response-filter"], outcome).await;

        // With the other policy the request goes on as if the plugin were not there.
        let name = format!("{what}-skip");
        let before = origin.received();
        let response = edge.send(&get(&name, &path)).await.expect_status(200);
        assert_eq!(response.text(), "ok", "{what}");
        let wish = get(&name, "/plain").header("x-wish", &path);
        assert_eq!(edge.send(&wish).await.expect_status(200).text(), "ok", "{what}");
        assert!(origin.received() >= before + 2, "{what}: the origin was asked");
        told(&edge, &name, &["request-filter", "routing", "response-filter"], outcome).await;
    }
    load.goes_on(20, SOON).await;
    load.stop().await.assert_clean();
    let good = health(&edge, "good").await;
    assert_eq!((&good["failures"], &good["open"]), (&0.into(), &false.into()), "{good}");
    assert_nothing_malformed_went_out(&origin);
    at_rest(&edge).await;
}

/// The failures of `plugin` are in the metrics, on the status page and in the log.
async fn told(edge: &Hither, plugin: &str, hooks: &[&str], outcome: &str) {
    let metrics = edge.metrics().await;
    for hook in hooks {
        let labels = [("plugin", plugin), ("hook", hook), ("outcome", outcome)];
        let calls = metrics.sum("hither_plugin_calls_total", &labels);
        assert_eq!(
            calls,
            1.0,
            "{plugin}, {hook}, {outcome}: {:?}",
            metrics.matching("hither_plugin_calls_total", &labels[..1]).collect::<Vec<_>>()
        );
    }
    let health = health(edge, plugin).await;
    assert_eq!(health["failures"], hooks.len(), "{health}");
    let last = health["last_failure"].as_str().unwrap();
    assert!(last.starts_with(hooks.last().unwrap()), "{health}");
    let complaint = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        let ours = line["message"] == "a plugin call failed" && line["plugin"] == plugin;
        (ours && line["level"] == "WARN" && line["failure"].is_string()).then_some(())
    };
    edge.stderr().wait_for(SOON, "the failure in the log", complaint).await;
}

fn assert_nothing_malformed_went_out(origin: &RawOrigin) {
    for request in origin.requests() {
        for (name, value) in request.headers.iter() {
            assert!(!name.starts_with("x-a") && name != "set-cookie", "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn the_access_log_names_the_plugin_that_failed() {
    let good = Stamp::builds(1).remove(0);
    let origin = mirror().await;
    let edge = mischievous(origin.address(), &good).await;
    is_plugin_failure(&edge.send(&get("trap-reject", "/trap")).await);
    let line = edge.access_line(SOON, "the failure", |line| line["path"] == "/trap").await;
    assert_eq!(
        (&line["status"], &line["fault"], &line["plugin"], &line["service"]),
        (&503.into(), &"plugin_failed".into(), &"trap-reject".into(), &"trap-reject".into()),
    );
    assert_eq!(origin.received(), 0, "the instance never heard of it");
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_and_tried_again() {
    let origin = mirror().await;
    let config = format!(
        "{LISTENER}{}{}",
        service("moody", origin.address()),
        plugin("moody", "moody.wasm", "grants = [\"log\"]")
    );
    let edge = Hither::builder(HITHER)
        .config(config)
        .file("moody.wasm", compiled("mischief"))
        .start()
        .await;
    let mut client = edge.connect().await;
    for _ in 0..5 {
        is_plugin_failure(&client.request(&get("moody", "/trap")).await.unwrap());
    }
    assert_eq!(health(&edge, "moody").await["open"], true);
    // Not called, whatever the request: nothing can be said of it, so the policy decides.
    is_plugin_failure(&client.request(&get("moody", "/good")).await.unwrap());
    let calls = async |outcome| {
        let labels = [("plugin", "moody"), ("outcome", outcome)];
        edge.metrics().await.sum("hither_plugin_calls_total", &labels)
    };
    assert_eq!((calls("trap").await, calls("open").await), (5.0, 1.0));
    // The probe finds it well.
    eventually(SOON, "the plugin to be tried again", || async {
        let answer = edge.send(&get("moody", "/good")).await;
        if answer.status() == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    assert_eq!(health(&edge, "moody").await["open"], false);
    assert_eq!(calls("trap").await, 5.0, "no call failed but those five");
}

/// Files that must not be loaded in the place of a good one, and a word of the reason.
fn unloadable() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = Stamp::builds(1).remove(0).bytes;
    let half = whole[..whole.len() / 2].to_vec();
    vec![
        ("half a file", half, "cannot be loaded"),
        ("no component", b"This is not WebAssembly.".to_vec(), "cannot be loaded"),
        ("a module without a contract", b"\0asm\x01\0\0\0".to_vec(), "cannot be loaded"),
        ("a missing grant", compiled("capable"), "grants"),
        ("another contract", compiled("other_version"), "0.2"),
        ("describe never returns", compiled("describe_loops"), "time budget"),
        ("describe uses a capability", compiled("describe_logs"), "log"),
        ("configure traps", compiled("configure_traps"), "trap"),
    ]
}

#[tokio::test]
async fn a_plugin_that_cannot_be_loaded_changes_nothing_under_load() {
    let good = Stamp::builds(1).remove(0);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let config = format!(
        "{LISTENER}{}{}",
        service("good", origin.address()),
        // What `capable` lacks is more than this.
        plugin("good", "good.wasm", "grants = [\"log\"]")
    );
    let edge = Hither::builder(HITHER).config(config).file("good.wasm", &good.bytes).start().await;
    let before = (revision(&edge, "good").await, edge.status().await["snapshot"]["id"].clone());
    let load = good_load(&edge, &good.name).start();
    let mut refusals = 0.0;
    for (what, bytes, reason) in unloadable() {
        let answer = edge.swap("good", bytes.clone()).await.expect_status(422);
        let words = answer.text();
        assert!(words.contains(reason) && words.contains("good"), "{what}: {words}");
        refusals += 1.0;

        edge.write_file("good.wasm", &bytes);
        let words = edge.reload().await.expect_status(422).text();
        assert!(words.contains(reason), "{what}, by a reload: {words}");
        refusals += 1.0;

        let now = (revision(&edge, "good").await, edge.status().await["snapshot"]["id"].clone());
        assert_eq!(now, before, "{what}: what ran runs on");
        let last = edge.status().await["swaps"][0].clone();
        assert_eq!((&last["cause"], &last["snapshot"]), (&"rejected".into(), &Value::Null));
        assert!(last["changes"][0].as_str().unwrap().contains(reason), "{what}: {last}");
        load.goes_on(10, SOON).await;
    }
    // The file watcher may have tried, too.
    let metrics = edge.metrics().await;
    assert!(swaps(&metrics, "rejected") >= refusals && swaps(&metrics, "swapped") == 0.0);
    let refused = |line: &str| line.contains("reload rejected; what ran runs on").then_some(());
    edge.stderr().wait_for(SOON, "the refusal in the log", refused).await;
    load.stop().await.assert_clean();
    assert_eq!(health(&edge, "good").await["failures"], 0);
}

#[tokio::test]
async fn a_swap_without_a_body_or_of_an_unknown_plugin_is_refused() {
    let good = Stamp::builds(1).remove(0);
    let gate = GateOrigin::start("gate").await;
    let config =
        format!("{LISTENER}{}{}", service("good", gate.address()), plugin("good", "good.wasm", ""));
    let edge = Hither::builder(HITHER).config(config).file("good.wasm", &good.bytes).start().await;
    edge.swap("good", Vec::new()).await.expect_status(400);
    let words = edge.swap("goood", good.bytes).await.expect_status(422).text();
    assert!(words.contains("goood") && words.contains("configured are: good"), "{words}");
}
