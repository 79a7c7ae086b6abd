//! Health checks: who fails them gets nothing new, what runs there goes on, and who passes again is
//! back.

use crate::support::{HITHER, LISTENER, SOON, edge, instance};
use hither_harness::{
    GateOrigin, Hither, OriginProcess, RawOrigin, RefusingOrigin, Request, eventually,
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";

/// The checks that these tests use, quick and without grace.
const CHECK: &str = "[[service.web.check]]\nhttp = { path = \"/health\", headers = { host = \"check.example\" } }\n\
     interval = \"100ms\"\ntimeout = \"1s\"\ngrace_period = \"0s\"\n";

/// An origin whose health page says what the test wants, and which counts who asked.
struct Patient {
    origin: RawOrigin,
    well: Arc<AtomicBool>,
    checks: Arc<AtomicUsize>,
}

impl Patient {
    async fn start(ill: &'static str) -> Patient {
        let (well, checks) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (says, counts) = (well.clone(), checks.clone());
        let origin = RawOrigin::start(move |mut connection| {
            let (says, counts) = (says.clone(), counts.clone());
            async move {
                while let Some(request) = connection.read_request().await? {
                    let checked = request.target == "/health";
                    counts.fetch_add(usize::from(checked), Ordering::SeqCst);
                    let fine = !checked || says.load(Ordering::SeqCst);
                    connection.write(if fine { FINE } else { ill }).await?;
                }
                Ok(())
            }
        })
        .await;
        Patient { origin, well, checks }
    }

    fn set(&self, well: bool) {
        self.well.store(well, Ordering::SeqCst);
    }

    fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }
}

pub(crate) fn member<'a>(status: &'a Value, id: &str) -> Option<&'a Value> {
    status["services"][0]["instances"].as_array()?.iter().find(|one| one["id"] == id)
}

async fn is_healthy(edge: &Hither, id: &str, healthy: bool) {
    edge.status_when(SOON, &format!("{id}'s health to be {healthy}"), |status| {
        (member(status, id)?["healthy"] == healthy).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_fails_its_check_gets_nothing_until_it_passes_again() {
    let ill = "HTTP/1.1 503 Unwell\r\nContent-Length: 0\r\n\r\n";
    let (near, far) = (Patient::start(ill).await, RawOrigin::answering(FINE).await);
    let tables = instance("near", near.origin.address(), "rtt = \"0.5ms\"")
        + &instance("far", far.address(), "rtt = \"90ms\"");
    let edge = edge(CHECK, &tables).await;
    edge.get("/near").await.expect_status(200);
    near.set(false);
    is_healthy(&edge, "near", false).await;
    let event = edge.wait_for_event(SOON, "instance is unhealthy").await;
    assert_eq!(event.text("instance"), Some("near"));
    assert!(event.text("why").is_some_and(|why| why.contains("503")), "{event:?}");
    let metrics = edge.metrics().await;
    assert_eq!(metrics.value("hither_instance_healthy", &[("instance", "near")]), Some(0.0));
    assert_eq!(metrics.value("hither_instance_healthy", &[("instance", "far")]), Some(1.0));
    assert_eq!(metrics.sum("hither_health_changes_total", &[("to", "unhealthy")]), 1.0);
    for _ in 0..5 {
        edge.get("/far").await.expect_status(200);
    }
    let asked = |origin: &RawOrigin, target: &str| {
        origin.requests().iter().filter(|request| request.target == target).count()
    };
    assert_eq!((asked(&near.origin, "/far"), asked(&far, "/far")), (0, 5));
    near.set(true);
    is_healthy(&edge, "near", true).await;
    edge.wait_for_event(SOON, "instance is healthy").await;
    edge.get("/near").await.expect_status(200);
    assert_eq!(asked(&near.origin, "/near"), 2);
    let check = near.origin.requests().into_iter().find(|request| request.target == "/health");
    let check = check.expect("it was checked");
    assert_eq!(check.header("host"), Some("check.example"));
    assert!(check.header("user-agent").is_some_and(|agent| agent.starts_with("hither/")));
}

#[tokio::test]
async fn a_redirect_is_no_health_and_is_not_followed() {
    let elsewhere = RawOrigin::answering(FINE).await;
    let moved: &'static str = Box::leak(
        format!(
            "HTTP/1.1 302 Found\r\nLocation: http://{}/health\r\nContent-Length: 0\r\n\r\n",
            elsewhere.address()
        )
        .into_boxed_str(),
    );
    let origin = Patient::start(moved).await;
    origin.set(false);
    let tables = instance("one", origin.origin.address(), "");
    let edge = edge(CHECK, &tables).await;
    is_healthy(&edge, "one", false).await;
    assert_eq!(elsewhere.received(), 0);
    let answer = edge.get("/").await;
    assert_eq!((answer.status(), &answer.json()["reason"]), (503, &"no_instance".into()));
}

#[tokio::test]
async fn all_checks_must_pass_and_a_closed_port_passes_none() {
    let refusing = RefusingOrigin::start();
    let tcp = "[[service.web.check]]\ntcp = true\ninterval = \"100ms\"\ngrace_period = \"0s\"\n";
    let well = Patient::start(FINE).await;
    let tables = instance("closed", refusing.address(), "rtt = \"1ms\"")
        + &instance("open", well.origin.address(), "rtt = \"1ms\"");
    let edge = edge(&format!("{tcp}{CHECK}"), &tables).await;
    is_healthy(&edge, "closed", false).await;
    assert_eq!(member(&edge.status().await, "open").unwrap()["healthy"], true);
}

#[tokio::test]
async fn an_instance_that_speaks_http2_is_checked_in_http2() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let check = |path: &str| CHECK.replace("/health", path);
    let tables = instance("one", origin.address(), "rtt = \"1ms\"\nhttp2 = true");
    let bad = edge(&check("/status/500"), &tables).await;
    is_healthy(&bad, "one", false).await;
    let event = bad.wait_for_event(SOON, "instance is unhealthy").await;
    assert_eq!(event.text("why"), Some("status 500"));
    let before = origin.health().await["total"].as_u64().unwrap();
    let good = edge(&check("/bytes/9"), &tables).await;
    eventually(SOON, "three checks", || async {
        let total = origin.health().await["total"].as_u64().unwrap();
        if total >= before + 3 { Ok(()) } else { Err(format!("{before}, then {total}")) }
    })
    .await;
    assert_eq!(member(&good.status().await, "one").unwrap()["healthy"], true);
}

#[tokio::test]
async fn a_flip_lets_what_runs_finish() {
    // The gate answers no check: it holds them all.
    let gate = GateOrigin::start("held").await;
    let check = CHECK.replace("\"1s\"", "\"200ms\"").replace("interval", "failures = 3\ninterval");
    let edge = edge(&check, &instance("held", gate.address(), "rtt = \"1ms\"")).await;
    let mut client = edge.connect().await;
    client.send(Request::get("/").bytes()).await.unwrap();
    is_healthy(&edge, "held", false).await;
    let status = edge.status().await;
    assert_eq!(
        member(&status, "held").unwrap()["in_flight"],
        1,
        "the request is held, and checks do not count"
    );
    gate.open();
    let answer = client.read_response().await.unwrap();
    assert_eq!((answer.status(), answer.text()), (200, "held".to_owned()));
}

#[tokio::test]
async fn health_outlives_a_reload_that_leaves_the_instance_and_its_checks() {
    let origin = Patient::start("HTTP/1.1 500 Ill\r\nContent-Length: 0\r\n\r\n").await;
    origin.set(false);
    let config = |check: &str, more: &str| {
        let tables = instance("one", origin.origin.address(), "rtt = \"1ms\"");
        format!("{LISTENER}[service.web]\n{more}\n{check}{tables}")
    };
    // After the verdict no further check comes during this test.
    let rare = CHECK.replace("100ms", "1h").replace("interval", "failures = 1\ninterval");
    let edge = Hither::builder(HITHER).config(config(&rare, "")).start().await;
    is_healthy(&edge, "one", false).await;
    let checks = origin.checks();
    edge.write_config(&config(&rare, "max_body = \"1MiB\""));
    edge.ask(&Request::post("/reload", "")).await.expect_status(200);
    assert_eq!(member(&edge.status().await, "one").unwrap()["healthy"], false);
    assert_eq!(origin.checks(), checks, "nobody asked anew");
    origin.set(true);
    edge.write_config(&config(&rare.replace("1h", "59m"), "max_body = \"1MiB\""));
    edge.ask(&Request::post("/reload", "")).await.expect_status(200);
    assert_eq!(member(&edge.status().await, "one").unwrap()["healthy"], true, "another check");
    assert!(origin.checks() <= checks + 1);
}
