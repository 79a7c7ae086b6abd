//! Plugins are told of every exchange that has ended, and tick in the background: off the way of requests,
//! over swaps, and without anybody feeling it when they fail.

use crate::support::{HITHER, LISTENER, SOON, instance};
use hither_harness::{Hither, Load, RawOrigin, Request, Signal};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

fn compiled() -> Vec<u8> {
    std::fs::read(hither_guests::guest("watching")).unwrap()
}

fn config(origin: SocketAddr, settings: &str, own: &str) -> String {
    format!(
        "{LISTENER}[service.web]\nplugins = [\"watching\"]\n{settings}\n{}[plugin.watching]\n\
         file = \"watching.wasm\"\ngrants = [\"log\", \"store\"]\n[plugin.watching.config]\n{own}\n",
        instance("one", origin, "region = \"ams\"")
    )
}

async fn start(origin: &RawOrigin, settings: &str, own: &str) -> Hither {
    Hither::builder(HITHER)
        .file("watching.wasm", compiled())
        .config(config(origin.address(), settings, own))
        .start()
        .await
}

/// An origin that is well, but slow for `/slow` and rude for `/break`.
async fn moody() -> RawOrigin {
    RawOrigin::start(|mut connection| async move {
        while let Some(request) = connection.read_request().await? {
            if request.target.starts_with("/break") {
                return Ok(());
            }
            if request.target.starts_with("/slow") {
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            connection.write(FINE).await?;
        }
        Ok(())
    })
    .await
}

/// The fields of a line that the plugin wrote about an exchange.
fn told(line: &str) -> Option<Value> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?.as_str()?;
    (line["message"] == "done").then(|| serde_json::from_str(fields).unwrap())
}

/// Waits for the line about an exchange with this key.
async fn told_of(edge: &Hither, key: &str) -> Value {
    let wanted = |line: &str| told(line).filter(|fields| fields["key"] == key);
    edge.stderr().wait_for(SOON, key, wanted).await
}

/// How often it ticked, what its own memory counted, and of how many exchanges it was told.
async fn counts(edge: &Hither) -> [u64; 3] {
    let text = edge.get("/ticks").await.expect_status(200).text();
    let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

async fn ticks_reach(edge: &Hither, least: u64) -> [u64; 3] {
    hither_harness::eventually(SOON, "more ticks", || async {
        let counts = counts(edge).await;
        if counts[0] >= least { Ok(counts) } else { Err(format!("{counts:?}")) }
    })
    .await
}

#[tokio::test]
async fn every_exchange_that_ended_is_told_with_the_memo_of_its_request() {
    let origin = moody().await;
    let limit = "[[service.web.limit]]\nname = \"all\"\nrate = \"1/h\"\nburst = 3\n";
    let edge = start(&origin, limit, "name = \"first\"").await;
    edge.send(&Request::post("/a?memo=42", "four").header("x-key", "good"))
        .await
        .expect_status(200);
    let good = told_of(&edge, "good").await;
    for (name, value) in [
        ("name", "first"),
        ("status", "200"),
        ("memo", "42"),
        ("service", "web"),
        ("instance", "one"),
        ("region", "ams"),
        ("cache", ""),
        ("fault", ""),
        ("bytes", "4/4"),
        ("took", "true"),
    ] {
        assert_eq!(good[name], value, "{name}: {good}");
    }
    // Answered by the plugin itself; then refused before any plugin was asked.
    edge.send(&Request::get("/ticks").header("x-key", "answered")).await.expect_status(200);
    assert_eq!(told_of(&edge, "answered").await["instance"], "");
    edge.send(&Request::get("/break?memo=7").header("x-key", "broken")).await.expect_status(502);
    let broken = told_of(&edge, "broken").await;
    assert_eq!((&broken["status"], &broken["memo"]), (&"502".into(), &"7".into()), "{broken}");
    assert_ne!(broken["fault"], "", "{broken}");
    edge.send(&Request::get("/a").header("x-key", "limited")).await.expect_status(429);
    let limited = told_of(&edge, "limited").await;
    let said = (&limited["status"], &limited["fault"], &limited["memo"]);
    assert_eq!(said, (&"429".into(), &"rate_limited".into(), &"0".into()), "{limited}");
}

#[tokio::test]
async fn plugins_are_told_what_the_cache_did() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin, "", "[service.web.cache]\ndefault_ttl = \"1h\"").await;
    for (key, cache) in [("first", "fwd=uri-miss"), ("second", "hit")] {
        let request = Request::get("/kept").header("x-key", key);
        edge.send(&request).await.expect_status(200);
        assert_eq!(told_of(&edge, key).await["cache"], cache);
    }
    edge.send(&Request::post("/kept", "four").header("x-key", "posted")).await.expect_status(200);
    assert_eq!(told_of(&edge, "posted").await["cache"], "fwd=method");
}

#[tokio::test]
async fn an_exchange_is_told_to_the_revision_that_it_began_on_and_what_waits_is_told_at_the_end() {
    let origin = moody().await;
    let edge = start(&origin, "", "name = \"old\"").await;
    let mut client = edge.connect().await;
    let slow = Request::get("/slow").header("x-key", "slow");
    let (slow, ()) = tokio::join!(client.request(&slow), async {
        // It is there before the swap.
        hither_harness::eventually(SOON, "the request at the origin", || async {
            if origin.received() == 1 { Ok(()) } else { Err(origin.received().to_string()) }
        })
        .await;
        edge.write_config(&config(origin.address(), "", "name = \"new\""));
        edge.reload().await.expect_status(200);
        edge.send(&Request::get("/").header("x-key", "fast")).await.expect_status(200);
    });
    slow.unwrap().expect_status(200);
    assert_eq!(told_of(&edge, "slow").await["name"], "old");
    assert_eq!(told_of(&edge, "fast").await["name"], "new");

    edge.send(&Request::get("/").header("x-key", "last")).await.expect_status(200);
    edge.signal(Signal::TERM);
    assert_eq!(told_of(&edge, "last").await["name"], "new", "told while it ends");
}

#[tokio::test]
async fn a_background_ticks_in_one_instance_and_ends_when_the_next_revision_begins() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin, "", "").await;
    let [ticks, own, _] = ticks_reach(&edge, 3).await;
    assert!(own + 1 >= ticks, "one instance counts as the store does: {own} of {ticks}");
    edge.write_config(&config(origin.address(), "", "name = \"new\""));
    edge.reload().await.expect_status(200);
    // The store survives, the instance does not: were the old one still there, they would take turns.
    let [ticks, own, _] = ticks_reach(&edge, ticks + 3).await;
    assert!(own < ticks, "{own} of {ticks}");
    let [later, own_later, _] = ticks_reach(&edge, ticks + 5).await;
    assert!(own_later - own + 1 >= later - ticks, "{own_later} - {own} of {later} - {ticks}");
}

#[tokio::test]
async fn what_fails_aside_is_counted_and_no_request_feels_it() {
    let origin = RawOrigin::answering(FINE).await;
    let edge = start(&origin, "", "tick = \"trap\"\nlog = \"loop\"").await;
    let load = Load::new(edge.address(0)).connections(4).start();
    load.goes_on(3000, SOON).await;
    let value = |name: &'static str, hook: &'static str, outcome: &'static str| {
        let edge = &edge;
        async move {
            let labels = [("plugin", "watching"), ("hook", hook), ("outcome", outcome)];
            edge.metrics().await.value(name, &labels).unwrap_or(0.0)
        }
    };
    for (hook, outcome) in
        [("background", "trap"), ("background", "open"), ("access-log", "timeout")]
    {
        hither_harness::eventually(SOON, "the failures in the metrics", || async {
            let found = value("hither_plugin_calls_total", hook, outcome).await;
            if found > 0.0 { Ok(()) } else { Err(format!("{hook} {outcome}: {found}")) }
        })
        .await;
    }
    load.goes_on(1000, SOON).await;
    load.stop().await.assert_clean();
    // More than fits waited while it looped.
    hither_harness::eventually(SOON, "the dropped summaries", || async {
        let labels = [("plugin", "watching")];
        let metrics = edge.metrics().await;
        let dropped = metrics.value("hither_plugin_summaries_dropped_total", &labels);
        if dropped > Some(500.0) { Ok(()) } else { Err(format!("{dropped:?}")) }
    })
    .await;
}
