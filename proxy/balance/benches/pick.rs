//! What a pick and its release cost: at several sizes, nearly full, and with two threads at it.

#![allow(clippy::expect_used, clippy::panic, missing_docs, reason = "a bench fails loudly")]

use std::cell::LazyCell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fastrand::Rng;
use hither_balance::{Balancer, InstanceSpec, Permit, Picked, Policy, Scope, Wanted};

const SOFT: u32 = 20;
const HARD: u32 = 25;
const SIZES: [usize; 4] = [10, 64, 10_000, 1_000_000];

fn spec(number: usize) -> InstanceSpec {
    InstanceSpec {
        id: format!("i{number}"),
        address: String::new(),
        region: ["ams", "maa", "sea", "sin"][number % 4].into(),
        labels: Vec::new(),
        rtt: Some(Duration::from_millis([1, 9, 120, 250][number % 4])),
        payload: (),
    }
}

/// Instances of four regions, each in a round-trip class of its own.
fn service(size: usize) -> Balancer {
    service_of(size, Scope::Global)
}

fn service_of(size: usize, scope: Scope) -> Balancer {
    let policy = Policy { soft_limit: SOFT, hard_limit: Some(HARD), scope, ..Policy::default() };
    Balancer::new(policy, (0..size).map(spec).collect(), 1).expect("unique ids")
}

fn permit(service: &Balancer, rng: &mut Rng) -> Permit<()> {
    match service.pick(&Wanted::default(), rng, Duration::ZERO) {
        Picked::Permit(permit) => permit,
        other => panic!("the service has room: {other:?}"),
    }
}

fn pick_and_release(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pick_and_release");
    for size in SIZES {
        // Made when they are first needed: what a filter leaves out costs nothing.
        let service = LazyCell::new(|| service(size));
        let mut rng = Rng::with_seed(2);
        group.bench_function(BenchmarkId::new("idle", size), |bencher| {
            let service = &*service;
            bencher.iter(|| drop(black_box(permit(service, &mut rng))));
        });
        // 95 % of all places up to the hard limit are taken; each round ends an old request and
        // starts a new one, at places that have nothing to do with each other.
        let mut held: Vec<Permit<()>> = Vec::new();
        group.bench_function(BenchmarkId::new("95_percent_full", size), |bencher| {
            let service = &*service;
            held.resize_with(size * HARD as usize * 95 / 100, || permit(service, &mut rng));
            bencher.iter(|| {
                let place = rng.usize(0..held.len());
                held[place] = permit(service, &mut rng);
            });
        });
    }
    group.finish();
}

/// Apart from what a thread writes on its stack, as a service is in the proxy.
#[repr(align(128))]
struct Apart<T>(T);

/// A service at which another thread picks and releases as fast as it can.
struct Rival {
    service: Arc<Apart<Balancer>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rival {
    fn start(size: usize) -> Self {
        let service = Arc::new(Apart(service(size)));
        let stop = Arc::new(AtomicBool::new(false));
        let (its_service, its_stop) = (service.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut rng = Rng::with_seed(3);
            while !its_stop.load(Relaxed) {
                drop(black_box(permit(&its_service.0, &mut rng)));
            }
        });
        Self { service, stop, thread: Some(thread) }
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()), "the other thread failed");
    }
}

fn contended(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two_threads");
    for size in SIZES {
        let rival = LazyCell::new(|| Rival::start(size));
        let mut rng = Rng::with_seed(4);
        group.bench_function(BenchmarkId::new("pick_and_release", size), |bencher| {
            let service = &rival.service.0;
            bencher.iter(|| drop(black_box(permit(service, &mut rng))));
        });
    }
    group.finish();
}

fn labelled(criterion: &mut Criterion) {
    let service = service(10);
    let mut rng = Rng::with_seed(5);
    criterion.bench_function("require_a_region_of_10", |bencher| {
        let wanted = Wanted { require: &[("region", "maa")], ..Wanted::default() };
        bencher.iter(|| drop(black_box(service.pick(&wanted, &mut rng, Duration::ZERO))));
    });
}

/// One instance changes its class and back again, comes and goes, fails and recovers.
fn changes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one_change");
    for (size, scope) in
        [(10_000, Scope::Global), (10_000, Scope::Region), (1_000_000, Scope::Global)]
    {
        let service = service_of(size, scope);
        let size = match scope {
            Scope::Global => size.to_string(),
            Scope::Region => format!("{size}_by_region"),
        };
        let mut new = spec(1_000_001);
        new.rtt = None;
        service.put(new.clone()).expect("not too many");
        let id = new.id.clone();
        let mut now = Duration::ZERO;
        let mut near = false;
        group.bench_function(BenchmarkId::new("class", &size), |bencher| {
            bencher.iter(|| {
                now += Duration::from_secs(2);
                near = !near;
                let rtt = Duration::from_millis(if near { 9 } else { 120 });
                service.measured([(id.as_str(), Some(rtt))], now);
            });
        });
        group.bench_function(BenchmarkId::new("health", &size), |bencher| {
            bencher.iter(|| {
                near = !near;
                service.set_healthy(&id, near)
            });
        });
        // Averaged over the tables that must be made when free seats run out.
        group.sample_size(10).measurement_time(Duration::from_secs(20));
        group.bench_function(BenchmarkId::new("remove_and_put", &size), |bencher| {
            bencher.iter(|| {
                service.remove(&id);
                service.put(new.clone()).expect("not too many");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pick_and_release, contended, labelled, changes);
criterion_main!(benches);
