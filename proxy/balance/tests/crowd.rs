//! What a hundred thousand waiting requests cost, in memory and in turns, and what an instance
//! costs. In a binary of its own, since it counts every allocation.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as its tests do")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};
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

/// One test at a time, where they share a process.
static ALONE: Mutex<()> = Mutex::new(());

fn spec(id: &str) -> InstanceSpec {
    InstanceSpec {
        id: id.into(),
        address: String::new(),
        region: String::new(),
        labels: Vec::new(),
        rtt: None,
        payload: (),
    }
}

fn service() -> Balancer {
    let policy = Policy {
        soft_limit: 1,
        hard_limit: Some(1),
        max_waiting: Some(WAITERS),
        ..Policy::default()
    };
    Balancer::new(policy, vec![spec("only")], 1).expect("unique ids")
}

fn poll(waiter: &mut Waiter<()>) -> Option<Permit<()>> {
    match Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.expect("not refused")),
        Poll::Pending => None,
    }
}

#[test]
fn a_hundred_thousand_waiters_cost_little_and_are_served_in_their_order() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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

/// What counting, finding and ordering cost for an instance, without its description.
const MOST_PER_INSTANCE: usize = 128;

/// What a description costs besides its text: where id, address, region and labels are, and how
/// many hold the id and the address.
const DESCRIPTION: usize = 4 * 16 + 2 * 16;

#[test]
fn an_instance_costs_little() {
    const INSTANCES: usize = 10_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let specs: Vec<InstanceSpec> = (0..INSTANCES).map(|n| spec(&n.to_string())).collect();
    let text: usize = specs.iter().map(|spec| spec.id.capacity()).sum();
    let before = HELD.load(Relaxed);
    let policy = Policy { hard_limit: Some(25), ..Policy::default() };
    let balancer = Balancer::new(policy, specs, 1).expect("unique ids");
    // The descriptions were counted before and are gone; what is left is the balancer's. Eight
    // bytes are for the text of an id.
    let described = INSTANCES * size_of::<InstanceSpec>() + text;
    let all = (HELD.load(Relaxed) + described - before) / INSTANCES;
    let each = all - DESCRIPTION - 8;
    println!("{each} bytes for each instance, {all} with its description");
    assert!(each <= MOST_PER_INSTANCE, "{each} bytes for each instance");
    drop(balancer);
}
