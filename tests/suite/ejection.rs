//! Instances that fail while they serve: ejected, tried again, and never attractive for failing fast.

use crate::health::member;
use crate::support::{HITHER, SOON, edge, instance};
use hither_harness::{Load, OriginProcess, RawOrigin, Request, Signal};
use std::time::{Duration, Instant};

const FINE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
const BROKEN: &str = "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n";

/// Equally close, so that load alone decides.
const HERE: &str = "rtt = \"1ms\"";

#[tokio::test]
async fn a_killed_instance_costs_only_what_it_held_and_is_back_when_it_recovers_under_load() {
    const HELD: u64 = 4;
    let mut origins = OriginProcess::start_all(HITHER, &["ams"; 3]).await;
    let tables: String = (0..).zip(&origins).fold(String::new(), |tables, (number, origin)| {
        tables + &instance(&format!("i{number}"), origin.address(), HERE)
    });
    let settings = format!(
        "[service.web.concurrency]\nsoft_limit = {HELD}\nhard_limit = {HELD}\n\
         [service.web.ejection]\ntime = \"2s\"\n"
    );
    let edge = edge(&settings, &tables).await;
    let load = Load::new(edge.address(0))
        .connections(9)
        .request(Request::post("/delay/5", "a body"))
        .start();
    load.goes_on(300, SOON).await;
    assert_eq!(load.failed(), 0);
    let killed = origins.remove(1);
    let address = killed.address();
    killed.signal(Signal::KILL);
    let at = Instant::now();
    edge.status_when(SOON, "the killed one to be ejected", |status| {
        member(status, "i1")?["ejected_seconds"].as_f64()
    })
    .await;
    let took = at.elapsed();
    drop(killed);
    let failed = load.failed();
    load.goes_on(500, SOON).await;
    assert!(failed <= HELD, "{failed} failed of at most {HELD} that it held");
    assert_eq!(load.failed(), failed, "every later one succeeds");
    assert!(took < Duration::from_secs(1), "ejected after {took:?}");
    let metrics = edge.metrics().await;
    assert_eq!(metrics.value("hither_instance_ejected", &[("instance", "i1")]), Some(1.0));
    let event = edge.wait_for_event(SOON, "instance is ejected: its requests failed").await;
    assert_eq!(event.text("instance"), Some("i1"));
    let back = OriginProcess::start_at(HITHER, "ams", address, &[]).await;
    edge.status_when(SOON, "the recovered one to serve", |status| {
        let it = member(status, "i1")?;
        (it["ejected_seconds"].is_null() && it["in_flight"].as_u64()? > 0).then_some(())
    })
    .await;
    edge.wait_for_event(SOON, "instance is no longer ejected").await;
    assert!(edge.metrics().await.sum("hither_ejections_total", &[]) >= 1.0);
    load.goes_on(300, SOON).await;
    let report = load.stop().await;
    assert_eq!(report.failed, failed, "{:#?}", report.failures);
    assert!(back.health().await["total"].as_u64() > Some(10));
}

#[tokio::test]
async fn an_instance_that_fails_fast_attracts_no_load() {
    let (broken, fine) = (RawOrigin::answering(BROKEN).await, RawOrigin::answering(FINE).await);
    let tables =
        instance("broken", broken.address(), HERE) + &instance("fine", fine.address(), HERE);
    let edge = edge("", &tables).await;
    let mut client = edge.connect().await;
    let mut failed = 0;
    for _ in 0..100 {
        failed += usize::from(client.get("/").await.unwrap().status() == 500);
    }
    assert!(failed <= 5, "{failed} of 100 went to the one that fails");
    assert_eq!(broken.received(), failed, "a 5xx is not tried again");
}

#[tokio::test]
async fn the_last_instance_is_never_ejected_and_a_share_of_nothing_is_one() {
    let broken = RawOrigin::answering(BROKEN).await;
    let edge = edge("", &instance("one", broken.address(), HERE)).await;
    let mut client = edge.connect().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.unwrap().status(), 500, "no other could answer");
    }
    assert!(member(&edge.status().await, "one").unwrap()["ejected_seconds"].is_null());
}

#[tokio::test]
async fn failures_can_be_told_to_count_for_nothing() {
    let (broken, fine) = (RawOrigin::answering(BROKEN).await, RawOrigin::answering(FINE).await);
    let tables = instance("broken", broken.address(), "rtt = \"0.5ms\"")
        + &instance("fine", fine.address(), "rtt = \"90ms\"");
    let edge = edge("[service.web.ejection]\nfailures = 0", &tables).await;
    let mut client = edge.connect().await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.unwrap().status(), 500);
    }
}

/// Linkerd's experiment of 2016: eleven servers, one takes two seconds, clients wait for one.
#[tokio::test]
async fn one_slow_server_of_eleven_fails_few_under_load() {
    let fast = OriginProcess::start_all(HITHER, &["ams"; 10]).await;
    let slow = OriginProcess::start_with(HITHER, "ams", &["--delay", "2s"]).await;
    let all = fast.iter().chain([&slow]);
    let tables: String = (0..).zip(all).fold(String::new(), |tables, (number, origin)| {
        tables + &instance(&format!("i{number}"), origin.address(), HERE)
    });
    let edge = edge("", &tables).await;
    let load = Load::new(edge.address(0)).connections(20).within(Duration::from_secs(1));
    let report = load.run_requests(10_000, Duration::from_secs(60)).await;
    let share = report.completed as f64 / (report.completed + report.failed) as f64;
    println!(
        "{} completed, {} failed in {:?}: {:.2} %",
        report.completed,
        report.failed,
        report.elapsed,
        share * 100.0
    );
    assert!(share >= 0.995, "{:.2} %: {:#?}", share * 100.0, report.failures.first());
}
