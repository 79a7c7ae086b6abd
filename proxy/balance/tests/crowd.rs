//! A hundred thousand requests wait: what that costs in memory and in turns. In a binary of its
//! own, since it counts every allocation.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as its tests do")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use hither_balance::{Balancer, InstanceSpec, Permit, Picked, Policy, Waiter, Wanted};

const WAITERS: usize = 100_000;

/// What one waiter may cost, with its share of the queue's own structures. The document of the
/// policy says some 200 bytes; a service of ten thousand waiters is then 2 MB.
const MOST_PER_WAITER: usize = 256;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// Counting takes an allocator, and an allocator takes `unsafe`: both calls go through unchanged.
#[allow(unsafe_code, reason = "GlobalAlloc is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn service() -> Balancer {
    let spec = InstanceSpec {
        id: "only".into(),
        address: "10.0.0.1:80".into(),
        region: "ams".into(),
        labels: Vec::new(),
        rtt: None,
        payload: (),
    };
    let policy = Policy {
        soft_limit: 1,
        hard_limit: Some(1),
        max_waiting: Some(WAITERS),
        ..Policy::default()
    };
    Balancer::new(policy, vec![spec], 1).expect("unique ids")
}

fn poll(waiter: &mut Waiter<()>) -> Option<Permit<()>> {
    match Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.expect("not refused")),
        Poll::Pending => None,
    }
}

#[test]
fn a_hundred_thousand_waiters_cost_little_and_are_served_in_their_order() {
    let (balancer, mut rng) = (service(), Rng::with_seed(1));
    let mut pick = || balancer.pick(&Wanted::default(), &mut rng, Duration::ZERO);
    let Picked::Permit(mut permit) = pick() else { panic!("it has room") };
    let mut waiters: Vec<Waiter<()>> = Vec::with_capacity(WAITERS);
    let before = HELD.load(Relaxed);
    while let Picked::Wait(mut waiter) = pick() {
        assert!(poll(&mut waiter).is_none());
        waiters.push(waiter);
    }
    let each = (HELD.load(Relaxed) - before) / WAITERS;
    println!("{each} bytes and {} of its own for each waiter", size_of::<Waiter<()>>());
    assert_eq!(waiters.len(), WAITERS);
    assert!(each <= MOST_PER_WAITER, "{each} bytes for each waiter");

    // Every third gives up, in no order. The others are served one by one, first come first.
    let mut turn = 0;
    let mut staying: Vec<Waiter<()>> = Vec::with_capacity(WAITERS);
    for waiter in waiters {
        turn += 1;
        if turn % 3 != 0 {
            staying.push(waiter);
        }
    }
    for number in 0..staying.len() {
        if let Some(later) = staying.get_mut(number + 1) {
            assert!(poll(later).is_none(), "{number} was overtaken");
        }
        drop(permit);
        permit = poll(&mut staying[number]).expect("its turn");
    }
    drop((permit, staying));
    let left = HELD.load(Relaxed).saturating_sub(before);
    assert!(left < 64 * 1024, "{left} bytes are left behind");
}
