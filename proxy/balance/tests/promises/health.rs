//! Whose requests fail gets less, and then nothing for a while; who is back starts slowly.

use std::time::Duration;

use hither_balance::{Ejection, Policy, Wanted};

use crate::service::{Service, spec};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// As many that are equally close.
fn service(policy: Policy, count: usize) -> Service {
    let rtt = Some(Duration::from_millis(1));
    Service::of(policy, (0..count).map(|n| spec(&n.to_string(), "ams", rtt)).collect())
}

/// Holds a place on one instance and tells what becomes of its requests.
fn fail(service: &mut Service, id: &str, times: u32) {
    let require = [("id", id)];
    let wanted = Wanted { require: &require, ..Wanted::default() };
    service.arrive(&wanted).expect("it is eligible");
    let permit = service.permits.pop().expect("it has room");
    (0..times).for_each(|_| permit.failed(service.now));
}

fn ejected(service: &Service) -> Vec<String> {
    let status = service.balancer.instances();
    status.iter().filter(|i| i.ejected_until.is_some()).map(|i| i.id.to_string()).collect()
}

#[test]
fn five_failures_in_a_row_eject_and_time_brings_it_back() {
    for count in [3, 100] {
        let mut service = service(Policy::default(), count);
        fail(&mut service, "1", 4);
        assert!(ejected(&service).is_empty());
        fail(&mut service, "1", 1);
        assert_eq!(ejected(&service), ["1"]);
        assert!(service.balancer.next_advance().is_some_and(|next| next <= seconds(30)));
        service.hold(count * 20 + 1);
        assert!(service.permits.iter().all(|permit| permit.id() != "1"));
        // No thread is needed: the pick that comes after the time sees that it is over.
        service.now = seconds(30);
        service.hold(count * 20 + 2);
        assert_eq!(service.permits.last().expect("held").id(), "1");
        assert!(ejected(&service).is_empty());
    }
}

#[test]
fn what_runs_on_an_ejected_instance_finishes_and_changes_nothing() {
    let mut service = service(Policy::default(), 3);
    let wanted = Wanted { require: &[("id", "1")], ..Wanted::default() };
    service.arrive(&wanted).expect("it is open");
    fail(&mut service, "1", 5);
    let before = service.balancer.instances();
    service.permits[0].failed(seconds(20));
    service.permits[0].succeeded();
    assert_eq!(service.balancer.instances(), before);
    assert_eq!(service.permits[0].in_flight(), 1);
    service.permits.clear();
    assert!(service.balancer.instances().iter().all(|i| i.in_flight == 0));
}

#[test]
fn at_most_a_tenth_is_ejected_and_never_the_last() {
    let mut service = service(Policy::default(), 40);
    (0..40).for_each(|n| fail(&mut service, &n.to_string(), 9));
    assert_eq!(ejected(&service).len(), 4);

    let mut alone = self::service(Policy::default(), 1);
    fail(&mut alone, "0", 100);
    assert!(ejected(&alone).is_empty());

    let mut pair = self::service(Policy::default(), 2);
    fail(&mut pair, "0", 5);
    fail(&mut pair, "1", 100);
    assert_eq!(ejected(&pair), ["0"]);
    // Now its checks fail, too: the ejected one is better than none.
    pair.balancer.set_healthy("1", false);
    assert!(ejected(&pair).is_empty());
    assert_eq!(pair.arrive(&Wanted::default()), Ok(true));
}

#[test]
fn checks_and_ejections_are_independent() {
    let mut service = service(Policy::default(), 3);
    fail(&mut service, "1", 5);
    service.balancer.set_healthy("1", false);
    service.balancer.set_healthy("1", true);
    assert_eq!(ejected(&service), ["1"]);
    service.balancer.set_healthy("1", false);
    service.balancer.advance(seconds(30));
    assert!(ejected(&service).is_empty());
    assert!(!service.balancer.instances().iter().all(|i| i.healthy));
}

#[test]
fn waiters_get_the_place_of_an_ejected_instance_that_is_back() {
    for count in [2, 100] {
        let policy = Policy { soft_limit: 1, hard_limit: Some(1), ..Policy::default() };
        let mut service = service(policy, count);
        fail(&mut service, "1", 5);
        service.hold(count);
        assert!(service.answered().is_none());
        service.balancer.advance(seconds(29));
        assert!(service.answered().is_none());
        service.balancer.advance(seconds(30));
        assert_eq!(service.answered().expect("woken").expect("a place").id(), "1");
    }
}

/// It answers errors at once, so it always looks idle.
#[test]
fn an_instance_that_fails_fast_gets_less_than_its_share_even_before_it_is_ejected() {
    for count in [3, 100] {
        // A threshold that is never reached: only the ranking protects.
        let ejection = Ejection { failures: 1_000, ..Ejection::default() };
        let mut service = service(Policy { ejection, ..Policy::default() }, count);
        let mut failed = 0;
        for _ in 0..count * 20 {
            service.arrive(&Wanted::default()).expect("open");
            if service.permits.last().expect("held").id() == "1" {
                let permit = service.permits.pop().expect("held");
                permit.failed(service.now);
                failed += 1;
            }
        }
        // Twenty would be its share.
        assert!((1..=7).contains(&failed), "{failed} requests were lost to it");
    }
}

#[test]
fn successes_bring_it_back_into_its_place() {
    for count in [3, 100] {
        let mut service = service(Policy::default(), count);
        let wanted = Wanted { require: &[("id", "1")], ..Wanted::default() };
        service.arrive(&wanted).expect("open");
        service.permits[0].failed(service.now);
        service.hold(count * 3);
        assert_eq!(service.permits.iter().filter(|permit| permit.id() == "1").count(), 1);
        (0..5).for_each(|_| service.permits[0].succeeded());
        service.hold(count * 3 + 1);
        assert_eq!(service.permits.last().expect("held").id(), "1", "it is the least loaded");
    }
}

/// It fails every second request, so it never fails five times in a row.
#[test]
fn an_instance_that_fails_half_the_time_is_chosen_last() {
    let mut service = service(Policy::default(), 3);
    let (mut picks, mut failed) = ([0, 0, 0], 0);
    for round in 0..3_000_u64 {
        // A hundred requests a second, and each runs for a tenth of a second unless it fails.
        service.now = Duration::from_millis(round * 10);
        service.arrive(&Wanted::default()).expect("open");
        let permit = service.permits.last().expect("held");
        let number = usize::from(permit.id().as_bytes()[0] - b'0');
        picks[number] += 1;
        if number == 1 && picks[1] % 2 == 0 {
            permit.failed(service.now);
            service.permits.pop();
            failed += 1;
        } else if service.permits.len() > 10 {
            service.permits.remove(0).succeeded();
        }
    }
    assert!(picks[1] < 300, "{picks:?}, {failed} failed");
}

#[test]
fn a_failure_in_a_hundred_moves_little_under_load() {
    let mut service = service(Policy::default(), 4);
    let mut picks = [0_usize; 4];
    for round in 0..8_000_u64 {
        service.now = Duration::from_millis(round);
        service.arrive(&Wanted::default()).expect("open");
        let permit = service.permits.last().expect("held");
        picks[usize::from(permit.id().as_bytes()[0] - b'0')] += 1;
        if service.permits.len() > 40 {
            let ended = service.permits.remove(0);
            if round % 100 == 7 { ended.failed(service.now) } else { ended.succeeded() }
        }
    }
    assert!(picks.iter().all(|picks| (1_800..2_200).contains(picks)), "{picks:?}");
    assert!(ejected(&service).is_empty());
}

fn slow(span: u64) -> Policy {
    Policy { slow_start: Some(seconds(span)), hard_limit: Some(25), ..Policy::default() }
}

#[test]
fn a_recovered_instance_gets_its_share_step_by_step() {
    for count in [3, 100] {
        let mut service = service(slow(20), count);
        assert!(service.balancer.instances().iter().all(|i| i.soft_limit == 20), "not at birth");
        service.balancer.set_healthy("1", false);
        service.hold((count - 1) * 10);
        service.balancer.set_healthy("1", true);
        let soft = |service: &Service| {
            let status = service.balancer.instances();
            status.iter().find(|i| &*i.id == "1").expect("there").soft_limit
        };
        assert_eq!(soft(&service), 1);
        for (second, limit) in [(100, 1), (105, 5), (110, 10), (119, 19)] {
            service.now = seconds(second);
            let held = service.permits.len();
            // It is chosen until it is as loaded as the others, each in parts of its limit.
            while service.permits.last().is_none_or(|last| last.id() == "1")
                || held == service.permits.len()
            {
                service.arrive(&Wanted::default()).expect("open");
            }
            assert_eq!(soft(&service), limit, "after {} s", second - 100);
            let status = service.balancer.instances();
            let most = status.iter().filter(|i| &*i.id != "1").map(|i| i.in_flight).max();
            let on_it = service.permits.iter().filter(|permit| permit.id() == "1").count() as u32;
            // At most the one that made it so was one too many.
            assert!(
                on_it * 20 <= most.unwrap_or(0) * limit + 20,
                "{on_it} of {limit} after {} s, of 20 at most {most:?}",
                second - 100
            );
        }
        service.balancer.advance(seconds(120));
        assert_eq!(soft(&service), 20);
        assert_eq!(service.balancer.next_advance(), None);
    }
}

#[test]
fn a_newcomer_and_an_instance_that_was_ejected_start_slowly() {
    for count in [3, 100] {
        let mut service = service(slow(20), count);
        let limits = |service: &Service| -> Vec<String> {
            let status = service.balancer.instances();
            status.iter().filter(|i| i.soft_limit == 1).map(|i| i.id.to_string()).collect()
        };
        fail(&mut service, "1", 5);
        service.balancer.advance(seconds(30));
        assert_eq!(limits(&service), ["1"]);
        service.balancer.advance(seconds(60));
        assert!(limits(&service).is_empty());
        let new = spec("new", "ams", Some(Duration::from_millis(1)));
        service.balancer.put(new).expect("not too many");
        assert_eq!(limits(&service), ["new"]);
    }
}
