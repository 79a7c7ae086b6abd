//! Many threads at once, with aborts, flips, probes, failures, single changes and reloads: never over the limit, nothing leaked, nobody
//! forgotten.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use fastrand::Rng;
use hither_balance::{
    Balancer, InstanceSpec, Permit, Picked, Policy, Scope, Spread, Waiter, Wanted,
};

const HARD: u32 = 3;
const THREADS: u64 = 64;
const REQUESTS: usize = 400;

/// Each instance's own count of requests that it really sees, shared by all configurations.
type Seen = Arc<AtomicU32>;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn specs(seen: &[Seen], present: impl Fn(usize) -> bool) -> Vec<InstanceSpec<Seen>> {
    let spec = |(number, seen): (usize, &Seen)| InstanceSpec {
        id: number.to_string(),
        address: String::new(),
        region: (number % 3).to_string(),
        labels: vec![("parity".into(), (number % 2).to_string())],
        rtt: [Some(1), None, Some(120)][number % 3].map(Duration::from_millis),
        payload: seen.clone(),
    };
    seen.iter().enumerate().filter(|(number, _)| present(*number)).map(spec).collect()
}

/// Waits as an async task would; gives up after some wake-ups if `patience` ends.
fn wait(mut waiter: Waiter<Seen>, patience: usize) -> Option<Permit<Seen>> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut polls = 0;
    loop {
        match std::pin::Pin::new(&mut waiter).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer.ok(),
            Poll::Pending if polls >= patience => return None,
            Poll::Pending if patience == usize::MAX => std::thread::park(),
            Poll::Pending => std::thread::yield_now(),
        }
        polls += 1;
    }
}

fn requests(balancer: &Balancer<Seen>, thread: u64, served: &AtomicUsize) {
    let mut rng = Rng::with_seed(thread);
    let parities = [[("parity", "0")], [("parity", "1")]];
    for _ in 0..REQUESTS {
        let require = match rng.u8(0..4) {
            0 => &parities[0][..],
            1 => &parities[1][..],
            _ => &[],
        };
        let wanted = Wanted { require, ..Wanted::default() };
        let picked = balancer.pick(&wanted, &mut rng, Duration::ZERO);
        let permit = match picked {
            Picked::Permit(permit) => Some(permit),
            Picked::Wait(waiter) if rng.u8(0..5) == 0 => wait(waiter, rng.usize(0..3)),
            Picked::Wait(waiter) => wait(waiter, usize::MAX),
            Picked::Refused(refusal) => panic!("{refusal}"),
        };
        let Some(permit) = permit else { continue };
        let seen = permit.payload().clone();
        assert!(seen.fetch_add(1, SeqCst) < HARD, "over the hard limit on {}", permit.id());
        if rng.bool() {
            std::thread::yield_now();
        }
        seen.fetch_sub(1, SeqCst);
        if rng.u8(0..3) == 0 {
            permit.failed(Duration::ZERO);
        } else {
            permit.succeeded();
        }
        served.fetch_add(1, SeqCst);
    }
}

/// The instances that are always there and only failures put out of traffic: of each parity more
/// than may be ejected at a time, so that nobody is refused.
fn steady(instances: usize) -> usize {
    let most_ejected = (instances / 10).max(1);
    2 * (most_ejected + 1)
}

/// Flips and reloads until the requests are done.
fn unrest(balancer: &Balancer<Seen>, seen: &[Seen], policy: &Policy, done: &AtomicBool) {
    let (mut rng, mut now) = (Rng::with_seed(99), Duration::ZERO);
    let steady = steady(seen.len());
    while !done.load(SeqCst) {
        let id = rng.usize(steady..seen.len()).to_string();
        now += Duration::from_millis(700);
        balancer.advance(now);
        match rng.u8(0..8) {
            4 | 5 => {
                let rtt = Some(Duration::from_millis([1, 3, 30][rng.usize(0..3)]));
                balancer.measured([(id.as_str(), rtt)], now);
                true
            }
            6 => balancer.remove(&id),
            7 => {
                let mut all = specs(seen, |_| true);
                balancer.put(all.swap_remove(rng.usize(0..seen.len()))).expect("not too many");
                true
            }
            0 => balancer.set_healthy(&id, false),
            1 => balancer.set_healthy(&id, true),
            2 => balancer.set_draining(&id, rng.bool()),
            _ => {
                let odd = rng.usize(2..5);
                let specs = specs(seen, |number| number < steady || number % odd != 0);
                balancer.reconfigure(policy.clone(), specs).expect("unique ids");
                true
            }
        };
        std::thread::yield_now();
    }
}

fn run(instances: usize, scope: Scope, spread: Spread) {
    let seen: Vec<Seen> = (0..instances).map(|_| Seen::default()).collect();
    let policy = Policy {
        soft_limit: 2,
        hard_limit: Some(HARD),
        max_waiting: Some(1_000),
        scope,
        spread,
        ..Policy::default()
    };
    let balancer = Balancer::new(policy.clone(), specs(&seen, |_| true), 1).expect("unique ids");
    let (done, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        let unrest = threads.spawn(|| unrest(&balancer, &seen, &policy, &done));
        let clients: Vec<_> = (0..THREADS)
            .map(|thread| {
                threads.spawn({
                    let (balancer, served) = (&balancer, &served);
                    move || requests(balancer, thread, served)
                })
            })
            .collect();
        let failed = clients.into_iter().filter_map(|client| client.join().err()).count();
        done.store(true, SeqCst);
        unrest.join().expect("flips and reloads do not fail");
        assert_eq!(failed, 0);
    });
    assert!(served.load(SeqCst) > THREADS as usize * REQUESTS / 2);
    balancer.reconfigure(policy, specs(&seen, |_| true)).expect("unique ids");
    assert!(balancer.instances().iter().all(|i| i.in_flight == 0), "a permit leaked");
    assert_eq!(balancer.queue(Duration::ZERO).waiting, 0, "somebody was forgotten");
}

#[test]
fn sixty_four_threads_never_exceed_the_hard_limit_of_a_few_instances() {
    run(7, Scope::Global, Spread::Class);
}

#[test]
fn nor_that_of_a_service_with_an_index() {
    run(90, Scope::Global, Spread::Class);
}

#[test]
fn nor_that_of_one_whose_regions_come_first_or_whose_order_is_strict() {
    run(90, Scope::Region, Spread::Class);
    run(90, Scope::Region, Spread::Strict);
}
