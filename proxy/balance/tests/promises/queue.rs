//! Waiting: in order, bounded, given up without a trace, and shed when it has gone on for too long.

use std::time::Duration;

use hither_balance::{Picked, Policy, Refusal, Wanted};

use crate::service::{Service, poll, spec};

fn policy() -> Policy {
    Policy { soft_limit: 1, hard_limit: Some(1), max_waiting: Some(3), ..Policy::default() }
}

/// One instance of version `old`, one of `new`, both full.
fn full() -> Service {
    let labelled = |id: &str, version: &str| {
        let mut spec = spec(id, "ams", Some(Duration::from_millis(1)));
        spec.labels.push(("version".into(), version.into()));
        spec
    };
    let mut service = Service::of(policy(), vec![labelled("a", "old"), labelled("b", "new")]);
    service.hold(2);
    service
}

fn version(version: &str) -> [(&str, &str); 1] {
    [("version", version)]
}

#[test]
fn waiters_are_served_in_the_order_of_their_arrival() {
    let mut service = full();
    service.hold(5);
    for turn in 0..3 {
        service.end_one(0);
        for waiter in 1..service.waiters.len() {
            assert!(poll(&mut service.waiters[waiter]).is_none(), "turn {turn}");
        }
        let permit = poll(&mut service.waiters[0]).expect("its turn").expect("not refused");
        drop(service.waiters.remove(0));
        service.permits.push(permit);
    }
}

#[test]
fn a_newcomer_does_not_overtake() {
    let mut service = full();
    service.hold(3);
    service.end_one(0);
    // The place is the waiter's, although it has not looked yet.
    assert_eq!(service.arrive(&Wanted::default()), Ok(false));
    assert!(service.answered().is_some());
}

#[test]
fn a_waiter_that_leaves_gives_its_turn_to_the_next() {
    let mut service = full();
    service.hold(4);
    drop(service.waiters.remove(0));
    assert_eq!(service.balancer.queue(service.now).waiting, 1);
    service.end_one(0);
    assert!(service.answered().is_some());
}

#[test]
fn a_permit_handed_to_a_waiter_that_leaves_goes_to_the_next() {
    let mut service = full();
    service.hold(4);
    service.end_one(0);
    drop(service.waiters.remove(0));
    let permit = service.answered().expect("the next one's turn").expect("not refused");
    drop(permit);
    assert!(service.balancer.instances().iter().map(|i| i.in_flight).sum::<u32>() == 1);
}

#[test]
fn different_requirements_do_not_block_each_other() {
    let mut service = full();
    let new = version("new");
    let wants_new = Wanted { require: &new, ..Wanted::default() };
    assert_eq!(service.arrive(&wants_new), Ok(false));
    assert_eq!(service.arrive(&Wanted::default()), Ok(false));
    let of_old = service.permits.iter().position(|p| p.bears("version", "old")).expect("held");
    service.end_one(of_old);
    let served = service.answered().expect("the second needs nothing").expect("not refused");
    assert_eq!(served.id(), "a");
    service.permits.clear();
    assert_eq!(service.answered().expect("its turn").expect("not refused").id(), "b");
}

#[test]
fn the_queue_is_bounded() {
    let mut service = full();
    service.hold(5);
    let refused = service.arrive(&Wanted::default());
    let Err(Refusal::QueueFull { retry_after }) = refused else { panic!("{refused:?}") };
    assert!(retry_after >= Duration::from_secs(1));
}

#[test]
fn by_default_as_many_may_wait_as_can_be_served_and_at_least_128() {
    let places = |instances: usize, hard_limit| {
        let specs = (0..instances).map(|n| spec(&n.to_string(), "ams", None)).collect();
        let service = Service::of(Policy { hard_limit, ..Policy::default() }, specs);
        service.balancer.queue(service.now).places
    };
    assert_eq!(places(2, Some(25)), 128);
    assert_eq!(places(10, Some(25)), 250);
}

#[test]
fn an_empty_or_unhealthy_service_does_not_queue() {
    let mut empty = Service::of(policy(), Vec::new());
    assert_eq!(empty.arrive(&Wanted::default()), Err(Refusal::NoInstance));
    let mut service = full();
    service.hold(4);
    service.balancer.set_healthy("a", false);
    assert!(service.answered().is_none(), "the other one is left to wait for");
    service.balancer.set_draining("b", true);
    for _ in 0..2 {
        let answer = service.answered().expect("nothing is left to wait for");
        assert_eq!(answer.expect_err("no permit"), Refusal::NoInstance);
    }
    assert_eq!(service.arrive(&Wanted::default()), Err(Refusal::NoInstance));
}

#[test]
fn a_label_that_nobody_bears_is_no_reason_to_wait() {
    let mut service = full();
    let none = version("none");
    let wanted = Wanted { require: &none, ..Wanted::default() };
    assert_eq!(service.arrive(&wanted), Err(Refusal::NoInstance));
    let wanted = Wanted { exclude: &["a", "b"], ..Wanted::default() };
    assert_eq!(service.arrive(&wanted), Err(Refusal::NoInstance));
}

#[test]
fn what_frees_capacity_serves_waiters_at_once() {
    type Change = fn(&mut Service);
    let raise: Change = |service| {
        let specs = ["a", "b"].map(|id| spec(id, "ams", None)).into();
        let raised = Policy { hard_limit: Some(2), ..policy() };
        service.balancer.reconfigure(raised, specs).expect("unique ids");
    };
    let add: Change = |service| {
        let specs = ["a", "b", "c", "d"].map(|id| spec(id, "ams", None)).into();
        service.balancer.reconfigure(policy(), specs).expect("unique ids");
    };
    for change in [raise, add] {
        let mut service = full();
        service.hold(4);
        change(&mut service);
        for _ in 0..2 {
            service.hold_answered();
        }
    }
    let mut service = full();
    service.balancer.set_healthy("a", false);
    let old = service.permits.iter().position(|p| p.id() == "a").expect("held");
    service.end_one(old);
    service.hold(2);
    assert!(service.answered().is_none());
    service.balancer.set_healthy("a", true);
    assert_eq!(service.answered().expect("it is back").expect("not refused").id(), "a");
}

#[test]
fn what_has_been_full_for_too_long_sheds_until_the_queue_has_been_empty() {
    let mut service = full();
    service.hold(3);
    service.now += Duration::from_secs(29);
    assert_eq!(service.arrive(&Wanted::default()), Ok(false));
    service.now += Duration::from_secs(1);
    let shed = service.arrive(&Wanted::default());
    let Err(Refusal::Overloaded { retry_after }) = shed else { panic!("{shed:?}") };
    assert!(retry_after >= Duration::from_secs(1));
    assert!(service.balancer.queue(service.now).shedding);
    // One is served, but one still waits.
    service.end_one(0);
    service.hold_answered();
    assert!(matches!(service.arrive(&Wanted::default()), Err(Refusal::Overloaded { .. })));
    service.end_one(0);
    service.hold_answered();
    assert_eq!(service.arrive(&Wanted::default()), Ok(false), "the queue has been empty");
    assert!(!service.balancer.queue(service.now).shedding);
}

#[test]
fn retry_after_follows_the_pace_of_the_queue() {
    let mut service = full();
    service.hold(5);
    // Two served in ten seconds, and again three wait: fifteen more seconds.
    service.now += Duration::from_secs(10);
    for _ in 0..2 {
        service.end_one(0);
        service.hold_answered();
        service.arrive(&Wanted::default()).expect("a place in the queue");
    }
    let Err(Refusal::QueueFull { retry_after }) = service.arrive(&Wanted::default()) else {
        panic!("the queue is full")
    };
    assert_eq!(retry_after, Duration::from_secs(15));
}

#[test]
fn distinct_requirements_are_bounded() {
    let policy = Policy { max_waiting: Some(100_000), ..policy() };
    let mut service = Service::of(policy, vec![spec("a", "ams", None)]);
    service.hold(1);
    let mut waiting = 0;
    for other in 0..2_000 {
        let id = other.to_string();
        let wanted = Wanted { exclude: &[&id], ..Wanted::default() };
        waiting += usize::from(service.arrive(&wanted) == Ok(false));
    }
    assert!((100..1_000).contains(&waiting), "{waiting} lines");
}

#[test]
fn waiters_end_with_the_balancer_and_permits_outlive_it() {
    let service = full();
    let mut rng = fastrand::Rng::with_seed(1);
    let Picked::Wait(mut waiter) = service.balancer.pick(&Wanted::default(), &mut rng, service.now)
    else {
        panic!("both are full")
    };
    drop(service.balancer);
    assert_eq!(poll(&mut waiter).expect("told").expect_err("no permit"), Refusal::NoInstance);
    assert_eq!(service.permits[0].in_flight(), 1);
    drop(service.permits);
}

/// The deadline of the second and the release fall together: whichever is seen first, the place
/// is somebody's and nobody is told twice.
#[test]
fn a_deadline_at_the_same_moment_as_a_release_loses_no_place() {
    for deadline_first in [true, false] {
        let mut service = full();
        service.hold(5);
        if deadline_first {
            drop(service.waiters.remove(0));
            service.end_one(0);
        } else {
            service.end_one(0);
            drop(service.waiters.remove(0));
        }
        service.hold_answered();
        assert_eq!(service.waiters.len(), 1);
        assert_eq!(service.balancer.queue(service.now).waiting, 1);
        let status = service.balancer.instances();
        assert_eq!(status.iter().map(|i| i.in_flight).sum::<u32>(), 2);
    }
}

#[test]
fn a_hundred_thousand_may_wait() {
    let policy = Policy { max_waiting: Some(100_000), ..policy() };
    let mut service = Service::of(policy, vec![spec("a", "ams", None)]);
    service.hold(100_001);
    assert_eq!(service.balancer.queue(service.now).waiting, 100_000);
    // Every second one gives up; the others are served, one by one.
    let mut number = 0;
    service.waiters.retain(|_| {
        number += 1;
        number % 2 == 0
    });
    for waiter in &mut service.waiters {
        service.permits.clear();
        service.permits.push(poll(waiter).expect("its turn").expect("not refused"));
    }
    assert_eq!(service.balancer.queue(service.now).waiting, 0);
}
