//! Places are neither passed over the limit nor lost, whatever the order of steps: Shuttle runs
//! each story with thousands of them.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as its tests do")]

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use hither_balance_interleavings::{
    Balancer, InstanceSpec, Permit, Picked, Policy, Refusal, Waiter, Wanted,
};
use shuttle::thread;

const NEAR: Option<Duration> = Some(Duration::from_millis(1));
const FAR: Option<Duration> = Some(Duration::from_millis(120));

/// As many instances with one place each; above 64 there is an index. The last is measured.
fn service(count: usize) -> Arc<Balancer> {
    let policy = Policy { soft_limit: 1, hard_limit: Some(1), ..Policy::default() };
    let spec = |number: usize| InstanceSpec {
        id: number.to_string(),
        address: String::new(),
        region: String::new(),
        labels: Vec::new(),
        rtt: (number + 1 < count).then_some(NEAR).flatten(),
        payload: (),
    };
    Arc::new(Balancer::new(policy, (0..count).map(spec).collect(), 1).expect("unique ids"))
}

fn pick(balancer: &Balancer, seed: u64) -> Picked<()> {
    balancer.pick(&Wanted::default(), &mut Rng::with_seed(seed), Duration::ZERO)
}

fn permit(balancer: &Balancer) -> Permit<()> {
    match pick(balancer, 3) {
        Picked::Permit(permit) => permit,
        other => panic!("it has room: {other:?}"),
    }
}

fn waiter(balancer: &Balancer) -> Waiter<()> {
    match pick(balancer, 3) {
        Picked::Wait(waiter) => waiter,
        other => panic!("it is full: {other:?}"),
    }
}

fn poll(waiter: &mut Waiter<()>) -> Option<Result<Permit<()>, Refusal>> {
    match Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// The one place that is free is the first one's, and the last one's after it.
fn served_in_turn(mut first: Waiter<()>, mut last: Waiter<()>) {
    let served = poll(&mut first).expect("its turn").expect("not refused");
    assert!(poll(&mut last).is_none(), "one place for two");
    drop(served);
    assert!(poll(&mut last).expect("its turn").is_ok());
}

fn held(balancer: &Balancer) -> u32 {
    balancer.instances().iter().map(|i| i.in_flight).sum()
}

/// Full but for nothing: all places are held.
fn full(count: usize) -> (Arc<Balancer>, Vec<Permit<()>>) {
    let balancer = service(count);
    let permits = (0..count).map(|_| permit(&balancer)).collect();
    (balancer, permits)
}

fn small_and_indexed(story: impl Fn(usize) + Clone + Send + Sync + 'static) {
    let indexed = story.clone();
    shuttle::check_random(move || story(2), 2_000);
    shuttle::check_random(move || indexed(66), 200);
}

#[test]
fn a_waiter_that_leaves_as_a_place_is_given_back_passes_it_on() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let (first, mut second) = (waiter(&balancer), waiter(&balancer));
        let permit = permits.pop();
        let release = thread::spawn(move || drop(permit));
        let leave = thread::spawn(move || drop(first));
        release.join().expect("it ends");
        leave.join().expect("it ends");
        let next = poll(&mut second).expect("the place came to the second").expect("not refused");
        assert_eq!(held(&balancer), count as u32);
        drop((next, permits));
        assert_eq!(held(&balancer), 0);
    });
}

#[test]
fn a_request_that_comes_as_a_place_is_given_back_gets_it() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let permit = permits.pop();
        let release = thread::spawn(move || drop(permit));
        let come = {
            let balancer = balancer.clone();
            thread::spawn(move || pick(&balancer, 5))
        };
        release.join().expect("it ends");
        let got = match come.join().expect("it ends") {
            Picked::Permit(permit) => permit,
            Picked::Wait(mut waiter) => poll(&mut waiter).expect("told").expect("not refused"),
            Picked::Refused(refusal) => panic!("{refusal}"),
        };
        assert_eq!(held(&balancer), count as u32);
        drop(got);
    });
}

#[test]
fn a_request_that_comes_as_a_place_is_given_back_stands_behind_who_waits() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let first = waiter(&balancer);
        let permit = permits.pop();
        let release = thread::spawn(move || drop(permit));
        let come = {
            let balancer = balancer.clone();
            thread::spawn(move || pick(&balancer, 5))
        };
        release.join().expect("it ends");
        let last = match come.join().expect("it ends") {
            Picked::Wait(waiter) => waiter,
            other => panic!("it overtook who waits: {other:?}"),
        };
        served_in_turn(first, last);
    });
}

#[test]
fn who_wants_any_instance_and_waits_longest_is_served_before_who_wants_the_one_that_is_free() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let first = waiter(&balancer);
        let permit = permits.pop().expect("held");
        let wanted = Wanted { require: &[("id", permit.id())], ..Wanted::default() };
        let second = match balancer.pick(&wanted, &mut Rng::with_seed(3), Duration::ZERO) {
            Picked::Wait(waiter) => waiter,
            other => panic!("it is full: {other:?}"),
        };
        let release = thread::spawn(move || drop(permit));
        // Comes and goes, and looks for those who wait on its way.
        let come = {
            let balancer = balancer.clone();
            thread::spawn(move || drop(pick(&balancer, 5)))
        };
        release.join().expect("it ends");
        come.join().expect("it ends");
        served_in_turn(first, second);
    });
}

#[test]
fn two_requests_never_share_a_place() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        drop(permits.pop());
        let both = [1, 2].map(|seed| {
            let balancer = balancer.clone();
            thread::spawn(move || pick(&balancer, seed))
        });
        let both = both.map(|one| one.join().expect("it ends"));
        let got = both.iter().filter(|one| matches!(one, Picked::Permit(_))).count();
        assert_eq!(got, 1, "{both:?}");
        assert!(balancer.instances().iter().all(|i| i.in_flight <= 1));
        drop((both, permits));
        assert_eq!(held(&balancer), 0);
    });
}

/// As many equally close instances that are idle, with two places each, after a first request.
fn idle(count: usize) -> Arc<Balancer> {
    let policy = Policy { soft_limit: 2, hard_limit: Some(2), ..Policy::default() };
    let spec = |number: usize| InstanceSpec {
        id: number.to_string(),
        address: String::new(),
        region: String::new(),
        labels: Vec::new(),
        rtt: NEAR,
        payload: (),
    };
    let specs = (0..count).map(spec).collect();
    let balancer = Arc::new(Balancer::new(policy, specs, 1).expect("unique ids"));
    drop(permit(&balancer));
    balancer
}

#[test]
fn requests_that_come_at_once_each_get_an_idle_instance() {
    let story = |count: usize, others: usize| {
        let balancer = idle(count);
        // All of them draw the same, so all want the same one first.
        let picked: Vec<_> = (0..others)
            .map(|_| {
                let balancer = balancer.clone();
                thread::spawn(move || pick(&balancer, 7))
            })
            .collect();
        let picked: Vec<_> = picked.into_iter().map(|one| one.join().expect("it ends")).collect();
        assert!(balancer.instances().iter().all(|i| i.in_flight <= 1), "{picked:?}");
        drop(picked);
        assert_eq!(held(&balancer), 0);
    };
    shuttle::check_random(move || story(3, 3), 2_000);
    shuttle::check_random(move || story(66, 3), 200);
}

#[test]
fn nobody_gets_an_instance_after_it_was_found_unhealthy() {
    small_and_indexed(|count| {
        let balancer = idle(count);
        let before = {
            let balancer = balancer.clone();
            thread::spawn(move || drop(pick(&balancer, 1)))
        };
        let after = {
            let balancer = balancer.clone();
            thread::spawn(move || {
                (1..count).for_each(|number| {
                    balancer.set_healthy(&number.to_string(), false);
                });
                permit(&balancer).id().to_owned()
            })
        };
        before.join().expect("it ends");
        assert_eq!(after.join().expect("it ends"), "0");
    });
}

#[test]
fn a_place_given_back_while_its_instance_moves_is_not_lost_from_sight() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let last = (count - 1).to_string();
        let place = permits.iter().position(|permit| permit.id() == last).expect("all are held");
        let permit = permits.swap_remove(place);
        let mut waiter = waiter(&balancer);
        let release = thread::spawn(move || drop(permit));
        let probe = {
            let balancer = balancer.clone();
            thread::spawn(move || {
                balancer.measured([(last.as_str(), NEAR)], Duration::from_secs(2));
                balancer.measured([(last.as_str(), FAR)], Duration::from_secs(4));
            })
        };
        release.join().expect("it ends");
        probe.join().expect("it ends");
        let served = poll(&mut waiter).expect("its turn").expect("not refused");
        drop(served);
        let again = self::permit(&balancer);
        assert_eq!(held(&balancer), count as u32);
        drop(again);
    });
}

#[test]
fn an_ejection_that_ends_as_a_place_is_given_back_wakes_who_waits() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let permit = permits.pop().expect("held");
        (0..5).for_each(|_| permit.failed(Duration::ZERO));
        let mut waiter = waiter(&balancer);
        let release = thread::spawn(move || drop(permit));
        let clock = {
            let balancer = balancer.clone();
            thread::spawn(move || balancer.advance(Duration::from_secs(30)))
        };
        release.join().expect("it ends");
        clock.join().expect("it ends");
        assert!(poll(&mut waiter).expect("its turn").is_ok());
    });
}

#[test]
fn an_instance_that_is_replaced_while_a_place_is_given_back_keeps_its_count() {
    small_and_indexed(|count| {
        let (balancer, mut permits) = full(count);
        let permit = permits.pop().expect("held");
        let again = InstanceSpec {
            id: permit.id().into(),
            address: String::new(),
            region: String::new(),
            labels: vec![("version".into(), "2".into())],
            rtt: FAR,
            payload: (),
        };
        let mut waiter = waiter(&balancer);
        let release = thread::spawn(move || drop(permit));
        let change = {
            let balancer = balancer.clone();
            thread::spawn(move || balancer.put(again).expect("not too many"))
        };
        release.join().expect("it ends");
        change.join().expect("it ends");
        let served = poll(&mut waiter).expect("its turn").expect("not refused");
        assert_eq!(held(&balancer), count as u32);
        drop((served, permits));
        assert_eq!(held(&balancer), 0);
    });
}
