//! Round trips are measured: by probes that stay few, over real distance.

use crate::support::{HITHER, LISTENER, SOON, edge, instance, measured};
use hither_harness::{
    FarNetwork, Hither, Http1, Load, OriginProcess, RawOrigin, RefusingOrigin, Request, eventually,
};
use serde_json::Value;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Instances that are measured over a link, by region: how many, the round trip in ms, and the
/// classes that it may be in. The last byte of an address is the region's place in this list times
/// 16, and the instance's in it.
const FAR: [(&str, u8, u64, &[&str]); 4] = [
    ("ams", 3, 0, &["0-1ms", "1-2ms"]),
    ("maa", 2, 8, &["6-15ms"]),
    ("sea", 2, 24, &["15-50ms"]),
    ("sin", 3, 70, &["50-100ms"]),
];

fn round_trip(last: u8) -> Duration {
    let region = usize::from(last / 16).checked_sub(1).and_then(|place| FAR.get(place));
    Duration::from_millis(region.map_or(0, |(_, _, ms, _)| *ms))
}

fn sum(status: &Value, region: &str, key: &str) -> u64 {
    let all = status["services"][0]["instances"].as_array().unwrap();
    let here = all.iter().filter(|one| one["region"] == region);
    here.map(|one| one[key].as_u64().unwrap()).sum()
}

async fn hold(edge: &Hither) -> Http1 {
    let mut client = edge.connect().await;
    client.send(&Request::get("/delay/600000").bytes()).await.unwrap();
    client
}

async fn in_flight(edge: &Hither, count: u64) -> Value {
    edge.status_when(SOON, &format!("{count} requests in flight"), |status| {
        let now: u64 = FAR.iter().map(|(region, ..)| sum(status, region, "in_flight")).sum();
        (now == count).then(|| status.clone())
    })
    .await
}

/// The worked example, with round trips that nobody told the edge.
#[tokio::test]
async fn sixty_stay_near_and_the_next_goes_to_the_next_closest_by_measured_round_trips_under_load()
{
    let network = match FarNetwork::build(round_trip) {
        Ok(network) => network,
        Err(why) => {
            println!("SKIPPED: this machine has no distant networks to test with: {why}");
            return;
        }
    };
    let (mut origins, mut tables) = (Vec::new(), String::new());
    // The file names the far ones first: its order must not matter.
    for (place, (region, count, ..)) in (1..=FAR.len() as u8).zip(FAR).rev() {
        for number in 0..count {
            let address = SocketAddr::from((network.add(place * 16 + number), 9000));
            origins.push(OriginProcess::start_far(HITHER, region, &network, address).await);
            let id = format!("{region}-{number}");
            tables += &measured(&id, address, &format!("region = \"{region}\""));
        }
    }
    let edge = edge("[service.web.concurrency]\nsoft_limit = 20\nhard_limit = 25\n", &tables).await;
    // A busy machine may spoil the first probes; a class follows the later ones within a second or two.
    edge.status_when(SOON, "round trips and classes as they are", |status| {
        let all = status["services"][0]["instances"].as_array()?;
        let right = |one: &Value| {
            let (_, _, least, classes) =
                FAR.iter().find(|(region, ..)| one["region"] == *region)?;
            let (least, rtt) = (*least as f64 / 1000.0, one["rtt_seconds"].as_f64()?);
            let near = rtt >= least && rtt < least * 1.3 + 0.002;
            (near && classes.contains(&one["class"].as_str()?)).then_some(())
        };
        (all.len() == 10 && all.iter().all(|one| right(one).is_some())).then_some(())
    })
    .await;
    let mut held = Vec::new();
    for count in 1..=60 {
        held.push(hold(&edge).await);
        in_flight(&edge, count).await;
    }
    let status = in_flight(&edge, 60).await;
    assert_eq!(sum(&status, "ams", "in_flight"), 60, "{status:#}");
    held.push(hold(&edge).await);
    let status = in_flight(&edge, 61).await;
    assert_eq!(sum(&status, "ams", "in_flight"), 60, "{status:#}");
    assert_eq!(sum(&status, "maa", "in_flight"), 1, "{status:#}");
    let metrics = edge.metrics().await;
    let sin = metrics.value("hither_instance_rtt_seconds", &[("instance", "sin-0")]).unwrap();
    assert!((0.070..0.095).contains(&sin), "{sin}");
}

#[tokio::test]
async fn what_is_fixed_is_not_probed_and_what_does_not_answer_is_unknown() {
    let (fixed, probed) = (RawOrigin::answering("").await, RawOrigin::answering("").await);
    let refusing = RefusingOrigin::start();
    let tables = instance("fixed", fixed.address(), "rtt = \"9ms\"")
        + &measured("probed", probed.address(), "")
        + &measured("gone", refusing.address(), "");
    let edge = edge("", &tables).await;
    eventually(SOON, "three probes that reach and three that do not", || async {
        let metrics = edge.metrics().await;
        let of = |result| metrics.sum("hither_probes_total", &[("result", result)]);
        let (ok, failed) = (of("ok"), of("failed"));
        if ok >= 3.0 && failed >= 3.0 { Ok(()) } else { Err(format!("{ok} ok, {failed} failed")) }
    })
    .await;
    let status = edge.status().await;
    let one = |id: &str| crate::health::member(&status, id).unwrap().clone();
    assert_eq!(one("fixed")["rtt_seconds"], 0.009);
    assert!(one("probed")["rtt_seconds"].as_f64().unwrap() < 0.5, "{}", one("probed"));
    assert_eq!(one("gone")["class"], "unknown");
    assert!(one("gone")["rtt_seconds"].is_null());
    assert_eq!(fixed.accepted(), 0, "a fixed round trip needs no probe");
}

/// Ten thousand instances, all of them this machine's: 127.1.0.0 and on, at one port.
#[tokio::test]
async fn ten_thousand_instances_are_served_and_probed_within_bounds_under_load() {
    const INSTANCES: usize = 10_000;
    let any = SocketAddr::from(([0, 0, 0, 0], 0));
    let origin = OriginProcess::start_at(HITHER, "ams", any, &[]).await;
    let port = origin.address().port();
    // Descriptors are for probes, then: what is kept for requests is another bound.
    let mut config = format!("[edge]\nupstream_keepalive = 64\n{LISTENER}[service.web]\n");
    for number in 0..INSTANCES {
        let (high, low) = (number / 250, number % 250 + 1);
        let _ = write!(
            config,
            "[[service.web.instance]]\nid = \"i{number}\"\naddress = \"127.1.{high}.{low}:{port}\"\n"
        );
    }
    let edge = Hither::builder(HITHER).config(config).start().await;
    let probes = || async { edge.metrics().await.sum("hither_probes_total", &[]) };
    let load = Load::new(edge.address(0)).connections(8).start();
    let (before, began) = (probes().await, Instant::now());
    load.goes_on(2000, Duration::from_secs(60)).await;
    let descriptors = edge.open_fds();
    let probed = eventually(Duration::from_secs(60), "thousands of probes", || async {
        let now = probes().await;
        if now > before + 3000.0 { Ok(now - before) } else { Err(format!("{now}")) }
    })
    .await;
    let rate = probed / began.elapsed().as_secs_f64();
    let asked = Instant::now();
    let status = edge.status().await;
    let answered = asked.elapsed();
    let asked = Instant::now();
    let put = Request::new("PUT", "/services/web/instances/i77").body("{\"draining\": true}");
    edge.ask(&put).await.expect_status(200);
    let changed = asked.elapsed();
    let report = load.stop().await;
    println!(
        "{rate:.0} probes/s, {descriptors} descriptors, /status in {answered:?}, one changed in {changed:?}, \
         {:.0} requests/s, p50 {:?}, p99 {:?}",
        report.rate(),
        report.latency(0.5),
        report.latency(0.99)
    );
    report.assert_clean();
    let all = status["services"][0]["instances"].as_array().unwrap();
    assert_eq!(all.len(), INSTANCES);
    let known = all.iter().filter(|one| one["rtt_seconds"].is_number()).count();
    assert!(known >= 3000, "{known} of them were measured");
    assert!(rate <= 1100.0, "{rate:.0} probes in a second");
    assert!(descriptors < 400, "{descriptors} descriptors");
}
