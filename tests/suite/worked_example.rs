//! The platform's worked example: ten instances in four regions, soft limit 20, hard limit 25, one
//! edge in ams, requests that stay. Where does the n-th go?

use crate::support::{SOON, edge, origins};
use hither_harness::{Hither, Http1, OriginProcess, Request, eventually};
use std::time::Duration;

/// Held requests, and how many each region then has: ams, maa, sea, sin.
const GLOBAL: [(usize, [usize; 4]); 9] = [
    (30, [30, 0, 0, 0]),
    (60, [60, 0, 0, 0]),
    (61, [60, 1, 0, 0]),
    (100, [60, 40, 0, 0]),
    (150, [60, 40, 40, 10]),
    (200, [60, 40, 40, 60]),
    (201, [61, 40, 40, 60]),
    (216, [75, 41, 40, 60]),
    (250, [75, 50, 50, 75]),
];

const REGION: [(usize, [usize; 4]); 9] = [
    (30, [30, 0, 0, 0]),
    (60, [60, 0, 0, 0]),
    (61, [61, 0, 0, 0]),
    (100, [75, 25, 0, 0]),
    (150, [75, 50, 25, 0]),
    (200, [75, 50, 50, 25]),
    (201, [75, 50, 50, 26]),
    (216, [75, 50, 50, 41]),
    (250, [75, 50, 50, 75]),
];

const INSTANCES: [usize; 4] = [3, 2, 2, 3];

/// Longer than the test: a request is held until its client leaves.
const HOLD: &str = "/delay/600000";

async fn hold(edge: &Hither) -> Http1 {
    let mut client = edge.connect().await;
    client.send(&Request::get(HOLD).bytes()).await.unwrap();
    client
}

/// Requests in flight at each origin, by the origins' own count.
async fn counts(origins: &[OriginProcess]) -> Vec<usize> {
    let mut counts = Vec::new();
    for origin in origins {
        counts.push(origin.in_flight().await as usize);
    }
    counts
}

fn by_region(counts: &[usize]) -> [usize; 4] {
    let mut rest = counts;
    INSTANCES.map(|n| {
        let (here, others) = rest.split_at(n);
        rest = others;
        here.iter().sum()
    })
}

async fn fills_as(scope: &str, table: &[(usize, [usize; 4])]) {
    let (origins, tables) = origins(INSTANCES).await;
    let settings = format!(
        "[service.web.concurrency]\nsoft_limit = 20\nhard_limit = 25\nsoft_limit_scope = \"{scope}\"\n\
         [service.web.queue]\ntimeout = \"60s\"\n"
    );
    let edge = edge(&settings, &tables).await;
    let mut held: Vec<Http1> = Vec::new();
    for (number, expected) in table {
        while held.len() < *number {
            held.push(hold(&edge).await);
            // One after the other: the example says where each next one goes.
            let arrived = held.len();
            eventually(SOON, "the request to arrive", || async {
                let sum: usize = counts(&origins).await.iter().sum();
                if sum == arrived { Ok(()) } else { Err(format!("{sum} of {arrived}")) }
            })
            .await;
        }
        let now = counts(&origins).await;
        assert_eq!(by_region(&now), *expected, "{number} held, {scope}: {now:?}");
        if *number == 30 || (*number == 60) {
            let even = number / 3;
            assert_eq!(&now[..3], [even; 3], "the load is even inside ams");
        }
    }
    the_next_one_waits_until_one_ends(&edge, &origins, &mut held).await;
}

async fn the_next_one_waits_until_one_ends(
    edge: &Hither,
    origins: &[OriginProcess],
    held: &mut Vec<Http1>,
) {
    let mut late = edge.connect().await;
    late.send(&Request::get("/").bytes()).await.unwrap();
    edge.status_when(SOON, "one to wait", |status| {
        (status["services"][0]["queue"]["waiting"] == 1).then_some(())
    })
    .await;
    assert_eq!(by_region(&counts(origins).await), [75, 50, 50, 75], "the 251st reached nobody");
    // One of the held ones ends: its client leaves.
    drop(held.pop());
    let response = late.within(Duration::from_secs(10)).read_response().await.unwrap();
    assert_eq!(response.status(), 200, "delayed, not refused");
}

#[tokio::test]
async fn the_worked_example_holds_with_global_soft_limits_under_load() {
    fills_as("global", &GLOBAL).await;
}

#[tokio::test]
async fn the_worked_example_holds_with_regional_soft_limits_under_load() {
    fills_as("region", &REGION).await;
}
