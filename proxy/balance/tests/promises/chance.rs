//! P4, P7, P8: ties are uniform, names do not matter, and a seed determines everything.

use std::collections::BTreeMap;
use std::time::Duration;

use hither_balance::{Policy, Wanted};

use crate::service::{Service, spec};

const PICKS: usize = 100_000;

/// How often each instance is picked, one request after the other.
fn shares(service: &mut Service) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    for _ in 0..PICKS {
        service.arrive(&Wanted::default()).expect("an idle service");
        *shares.entry(service.end_one(0)).or_default() += 1;
    }
    shares
}

fn ties(count: usize) -> Service {
    let rtt = Some(Duration::from_millis(3));
    let specs = (0..count).map(|n| spec(&n.to_string(), "ams", rtt)).collect();
    Service::of(Policy::default(), specs)
}

fn assert_even(shares: &BTreeMap<String, usize>, among: usize) {
    assert_eq!(shares.len(), among, "everyone gets something");
    for (id, picks) in shares {
        let share = *picks as f64 / PICKS as f64;
        assert!((share - 1.0 / among as f64).abs() < 0.01, "{id} got {share}");
    }
}

#[test]
fn a_serial_client_spreads_over_equally_close_instances() {
    assert_even(&shares(&mut ties(7)), 7);
}

/// Whoever guesses and is wrong must not favour the neighbours of those that are taken.
#[test]
fn ties_are_uniform_among_the_idle_while_others_are_not() {
    for held in [1, 3, 5] {
        let mut service = ties(7);
        service.hold(held);
        let taken: Vec<String> = service.permits.iter().map(|p| p.id().to_owned()).collect();
        let mut shares: BTreeMap<String, usize> = BTreeMap::new();
        for _ in 0..PICKS {
            service.arrive(&Wanted::default()).expect("some are idle");
            *shares.entry(service.end_one(held)).or_default() += 1;
        }
        assert!(taken.iter().all(|id| !shares.contains_key(id)), "an idle one comes first");
        assert_even(&shares, 7 - held);
    }
}

#[test]
fn ties_are_uniform_among_those_that_a_request_may_have() {
    let mut service = ties(7);
    let wanted = Wanted { exclude: &["1", "4"], ..Wanted::default() };
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..PICKS {
        service.arrive(&wanted).expect("an idle service");
        *shares.entry(service.end_one(0)).or_default() += 1;
    }
    assert_even(&shares, 5);
}

#[test]
fn who_starts_slowly_ties_with_the_other_idle_ones() {
    let rtt = Some(Duration::from_millis(3));
    let specs = (0..3).map(|n| spec(&n.to_string(), "ams", rtt)).collect();
    let policy = Policy { slow_start: Some(Duration::from_secs(20)), ..Policy::default() };
    let mut service = Service::of(policy, specs);
    service.balancer.set_healthy("1", false);
    service.balancer.set_healthy("1", true);
    assert_even(&shares(&mut service), 3);
}

#[test]
fn ties_are_uniform_in_a_service_with_an_index() {
    assert_even(&shares(&mut ties(80)), 80);
}

/// Among many, a guess may be wrong more often.
#[test]
fn ties_are_uniform_among_the_idle_in_a_service_with_an_index() {
    let mut service = ties(80);
    service.hold(30);
    let taken: Vec<String> = service.permits.iter().map(|p| p.id().to_owned()).collect();
    let mut shares: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..PICKS {
        service.arrive(&Wanted::default()).expect("some are idle");
        *shares.entry(service.end_one(30)).or_default() += 1;
    }
    assert!(taken.iter().all(|id| !shares.contains_key(id)), "an idle one comes first");
    assert_eq!(shares.len(), 50);
    let even = PICKS as f64 / 50.0;
    let far = shares.values().find(|picks| (**picks as f64 / even - 1.0).abs() > 0.15);
    assert_eq!(far, None, "2,000 each, whose deviation is 44");
}

/// Few are left at the end of a long row: without counts, the first of them would get nearly all.
#[test]
fn ties_are_uniform_in_a_service_with_an_index_and_gaps() {
    let mut service = ties(2_000);
    for id in 0..1_991 {
        service.balancer.set_draining(&id.to_string(), true);
    }
    assert_even(&shares(&mut service), 9);
}

/// The places in the list of everyone who is picked while requests pile up.
fn trace(prefix: &str, count: usize) -> Vec<usize> {
    let name = |n: usize| format!("{prefix}{}", (n * 7_919) % 10_007);
    let specs = (0..count).map(|n| {
        let rtt = Some(Duration::from_millis([1, 9, 120][n % 3]));
        spec(&name(n), &format!("{prefix}{}", n % 3), rtt)
    });
    let mut service = Service::of(Policy::default(), specs.collect());
    service.hold(300);
    let places: BTreeMap<String, usize> = (0..count).map(|n| (name(n), n)).collect();
    service.permits.iter().map(|permit| places[permit.id()]).collect()
}

#[test]
fn names_change_nothing_and_the_same_seed_gives_the_same_trace() {
    for count in [10, 300] {
        let first = trace("a", count);
        assert_eq!(first, trace("a", count), "P8");
        assert_eq!(first, trace("zz", count), "P7");
    }
}
