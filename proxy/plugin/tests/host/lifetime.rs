//! Loading, swapping and dropping leaves nothing behind, also while calls run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hither_plugin_host::{Host, HostOptions};
use parking_lot::RwLock;

use crate::scene::{Given, World, host, load, one_config, request, revision, spec};

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn fifty_swaps_under_calls_leave_memory_flat() {
    // With the cache, since fifty compilations would be most of the test's time.
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(HostOptions {
        cache_dir: Some(home.path().join("compiled")),
        ..HostOptions::new(Arc::new(World::default()))
    })
    .unwrap();
    let current = RwLock::new(revision(&host, spec("route2")));
    let done = AtomicBool::new(false);
    let swap = || {
        let next = revision(&host, spec("route2"));
        let old = std::mem::replace(&mut *current.write(), next);
        let gone = Arc::downgrade(&old);
        drop(old);
        crate::scene::eventually("the old revision drains", || {
            (gone.strong_count() == 0, gone.strong_count())
        });
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let given = Given(vec![("header:x-tenant", "acme"), ("header:x-tier", "gold")]);
                while !done.load(Ordering::Relaxed) {
                    let revision = Arc::clone(&current.read());
                    let outcome = revision.select(&request("/", &given)).outcome;
                    assert!(outcome.is_ok(), "{outcome:?}");
                    std::thread::yield_now();
                }
            });
        }
        (0..10).for_each(|_| swap());
        let early = resident_kib();
        (0..40).for_each(|_| swap());
        let late = resident_kib();
        done.store(true, Ordering::Relaxed);
        assert!(late <= early + early / 10 + 4096, "from {early} KiB to {late} KiB");
    });
}

#[test]
fn a_host_can_be_dropped_before_its_revisions() {
    let (host, _) = host();
    let revision = revision(&host, spec("noop"));
    drop(host);
    assert!(revision.select(&request("/", &Given::default())).outcome.is_ok());
}

#[test]
fn an_idle_host_wakes_for_the_next_call() {
    let (host, _) = host();
    let mut quick = spec("mischief");
    quick.budget.time = Duration::from_millis(5);
    quick.budget.startup = Duration::from_millis(500);
    let revision = load(&host, quick).configure(one_config("{}")).unwrap();
    // After some seconds without calls the clock sleeps; a call must still be ended.
    for pause in [0, 3_500] {
        std::thread::sleep(Duration::from_millis(pause));
        let outcome = revision.on_request(&request("/loop", &Given::default())).outcome;
        assert_eq!(outcome, Err(hither_plugin_host::Failure::Timeout), "after {pause} ms");
    }
}
