//! In any window of length T, at most `burst + rate x T` units pass: on random schedules, with
//! many threads, and with a clock that steps back.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use hither_limit::{Gcra, KeySeed, KeyedGcra};
use proptest::prelude::*;

use crate::quota;

/// Fails if some window holds more than it may. `passed` are times in nanoseconds and units.
fn assert_never_over(
    passed: &mut [(u64, u32)],
    units: u32,
    per: Duration,
    burst: u32,
    which: impl Fn() -> String,
) {
    passed.sort_unstable();
    // A window that holds too much can be shrunk to begin and end with something that passed.
    // With S the units before, and R the units that the rate allows until a time: the most that
    // S(end) - R(end) exceeds the least S(start) - R(start) by must not pass the burst.
    let allowed = |time: u64| u128::from(time) * u128::from(units);
    let scale = per.as_nanos();
    let (mut sum, mut least) = (0_i128, i128::MAX);
    for (time, cost) in passed {
        let before = sum * scale as i128 - allowed(*time) as i128;
        least = least.min(before);
        sum += i128::from(*cost);
        let after = sum * scale as i128 - allowed(*time) as i128;
        let over = after - least - i128::from(burst) * scale as i128;
        assert!(over <= 0, "{}: {over} / {scale} units too many by {time} ns", which());
    }
}

#[derive(Debug, Clone)]
struct Schedule {
    units: u32,
    per: Duration,
    burst: u32,
    /// Nanoseconds since the one before, and units.
    asks: Vec<(u64, u32)>,
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let pause = prop_oneof![3 => Just(0_u64), 3 => 0_u64..50, 3 => 0_u64..5_000_000, 1 => 0_u64..3_000_000_000];
    let asks = prop::collection::vec((pause, 0_u32..4), 1..250);
    let per = prop_oneof![Just(1_u64), Just(7), Just(1_000), Just(1_000_000), Just(60_000_000)];
    (1_u32..5_000, per, 1_u32..60, asks).prop_map(|(units, per, burst, asks)| Schedule {
        units,
        per: Duration::from_micros(per),
        burst,
        asks,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_window_holds_more_than_it_may(schedule in schedule()) {
        let Schedule { units, per, burst, asks } = schedule;
        let quota = quota(units, per, burst);
        let key = KeySeed::new([3; 16]).client("192.0.2.1".parse().expect("an address"));
        let (direct, keyed) = (Gcra::new(), KeyedGcra::new(1_000));
        let (mut now, mut passed) = (0, Vec::new());
        for (pause, cost) in asks {
            now += pause;
            let looked = (direct.peek(&quota, now, cost), keyed.peek(&quota, &key, now, cost));
            let decision = direct.check(&quota, now, cost);
            prop_assert_eq!((looked.0.allowed, looked.1.allowed), (decision.allowed, decision.allowed));
            prop_assert_eq!(decision, keyed.check(&quota, &key, now, cost));
            if decision.allowed {
                passed.push((now, cost));
            } else {
                // The time that is told is exact: a nanosecond earlier would be too early.
                let wait = decision.retry_after().as_nanos() as u64;
                if cost <= burst {
                    prop_assert!(!direct.peek(&quota, now + wait - 1, cost).allowed);
                    prop_assert!(direct.peek(&quota, now + wait, cost).allowed);
                }
            }
        }
        assert_never_over(&mut passed, units, per, burst, String::new);
    }

    #[test]
    fn a_clock_that_steps_back_lets_nothing_more_pass(
        asks in prop::collection::vec((0_u64..2_000_000_000, 1_u32..3), 1..300),
        addresses in prop::collection::vec(any::<u32>(), 1..40),
    ) {
        let (units, per, burst) = (5, Duration::from_millis(300), 7);
        let quota = quota(units, per, burst);
        // A tiny table, so that keys are forgotten and come back.
        let keyed = KeyedGcra::new(8);
        let seed = KeySeed::new([3; 16]);
        let mut passed = vec![Vec::new(); addresses.len()];
        for (number, (now, cost)) in asks.into_iter().enumerate() {
            let address = number % addresses.len();
            let key = seed.client(std::net::Ipv4Addr::from_bits(addresses[address]).into());
            let looked = keyed.peek(&quota, &key, now, cost).allowed;
            let allowed = keyed.check(&quota, &key, now, cost).allowed;
            prop_assert_eq!(looked, allowed, "a look says what a check does");
            if allowed {
                passed[address].push((now, cost));
            }
        }
        for passed in &mut passed {
            assert_never_over(passed, units, per, burst, String::new);
        }
    }
}

/// Short schedules of all kinds, a million of them: bursts, pauses near an interval, long ones, and a clock that
/// jumps back or far ahead. A failure tells the schedule's number, which is its seed.
#[test]
fn no_window_of_a_million_schedules_holds_more_than_it_may() {
    const SCHEDULES: u64 = 1_000_000;
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let numbers = (thread..SCHEDULES).step_by(threads as usize);
            scope.spawn(move || numbers.for_each(one_schedule));
        }
    });
}

fn one_schedule(number: u64) {
    let mut rng = fastrand::Rng::with_seed(number);
    let (units, burst) = (rng.u32(1..2_000), rng.u32(1..20));
    let per = [7_000, 1_000_000, 1_000_000_000, 60_000_000_000][rng.usize(0..4)];
    let per = Duration::from_nanos(per);
    let quota = quota(units, per, burst);
    let interval = quota.interval().as_nanos() as u64;
    let seed = KeySeed::new(u128::from(number).to_le_bytes());
    let key = seed.client(std::net::Ipv4Addr::from_bits(rng.u32(..)).into());
    let (direct, keyed) = (Gcra::new(), KeyedGcra::new(4));
    let mut now = rng.u64(0..1 << 40);
    let mut passed: [Vec<(u64, u32)>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..rng.u32(2..24) {
        now = match rng.u8(0..12) {
            0..5 => now,
            5..8 => now + rng.u64(0..=2 * interval),
            8..10 => now + rng.u64(0..=interval * u64::from(burst)),
            10 => now + rng.u64(0..1 << 42),
            _ => now.saturating_sub(rng.u64(0..=interval * 4)),
        };
        let cost = rng.u32(0..3);
        if direct.check(&quota, now, cost).allowed {
            passed[0].push((now, cost));
        }
        if keyed.check(&quota, &key, now, cost).allowed {
            passed[1].push((now, cost));
        }
        // Others come and go, so that the key may be forgotten.
        keyed.check(
            &quota,
            &seed.client(std::net::Ipv4Addr::from_bits(rng.u32(..)).into()),
            now,
            1,
        );
    }
    for passed in &mut passed {
        assert_never_over(passed, units, per, burst, || format!("schedule {number}"));
    }
}

#[test]
fn what_is_due_passes() {
    let quota = quota(10, Duration::from_secs(1), 3);
    let bucket = Gcra::new();
    let passes = |now: u64| bucket.check(&quota, now, 1).allowed;
    assert!((0..3).all(|_| passes(0)), "the burst");
    assert!(!passes(0));
    let tenth = 100_000_000;
    assert!((1..50).all(|n| passes(n * tenth)), "one in each tenth of a second");
    assert!(!passes(49 * tenth + 1));
    assert!((0..3).all(|_| passes(60 * tenth)), "the burst is back");
}

#[test]
fn more_than_the_burst_never_passes_and_costs_nothing() {
    let quota = quota(10, Duration::from_secs(1), 3);
    let bucket = Gcra::new();
    assert!(!bucket.check(&quota, 0, 4).allowed);
    assert_eq!(bucket.peek(&quota, 0, 0).remaining(), 3);
    assert!(!bucket.check(&quota, u64::MAX, u32::MAX).allowed);
}

/// Each thread's clock lags by its own little, as clocks read on other processors may.
#[test]
fn thirty_two_threads_on_one_key_get_no_more_than_one() {
    let (units, per, burst) = (1, Duration::from_micros(3), 50);
    let quota = quota(units, per, burst);
    let key = KeySeed::new([3; 16]).client("2001:db8::1".parse().expect("an address"));
    let (direct, keyed) = (Gcra::new(), KeyedGcra::new(100));
    let clock = AtomicU64::new(1_000);
    let (by_direct, by_keyed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for thread in 0..32 {
            let (clock, direct, keyed, key, quota) = (&clock, &direct, &keyed, &key, &quota);
            let (by_direct, by_keyed) = (&by_direct, &by_keyed);
            threads.spawn(move || {
                let mut passed = (Vec::new(), Vec::new());
                for _ in 0..5_000 {
                    let now = clock.fetch_add(17, SeqCst) - thread;
                    if direct.check(quota, now, 1).allowed {
                        passed.0.push((now, 1));
                    }
                    if keyed.check(quota, key, now, 1).allowed {
                        passed.1.push((now, 1));
                    }
                }
                by_direct.lock().expect("no panic").extend(passed.0);
                by_keyed.lock().expect("no panic").extend(passed.1);
            });
        }
    });
    let time = 32 * 5_000 * 17;
    for passed in [by_direct, by_keyed] {
        let mut passed = passed.into_inner().expect("no panic");
        assert!(passed.len() > time / 3_000 * 9 / 10, "{} passed", passed.len());
        assert_never_over(&mut passed, units, per, burst, String::new);
    }
}
