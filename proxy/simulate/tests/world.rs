//! What a simulated world promises, whatever the policy.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::num::NonZeroU32;
use std::time::Duration;

use hither_balance::{Allowance, Policy, Scope};
use hither_simulate::{
    Arrivals, Check, Edge, Instance, Others, Outage, OutageKind, PolicyKind, PolicyReport, Process,
    Retry, Scenario, ScenarioError, ServiceTime, Step, Timeouts, plot, simulate,
};
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn line(rate: f64, over: Duration) -> Step {
    Step::Line { from: rate, to: rate, over }
}

/// The instances of the worked example: 3 in ams, 2 in maa, 2 in sea, 3 in sin.
fn ten(time: &ServiceTime) -> Vec<Instance> {
    let places = [0, 0, 0, 1, 1, 2, 2, 3, 3, 3].into_iter().enumerate();
    let instance = |(number, region)| Instance {
        id: format!("i{number}"),
        region,
        time: time.clone(),
        workers: NonZeroU32::new(25),
    };
    places.map(instance).collect()
}

fn scenario(steps: Vec<Step>, process: Process, time: Duration) -> Scenario {
    Scenario {
        title: "a test".to_owned(),
        edges: vec![Edge {
            name: "ams".to_owned(),
            arrivals: Arrivals { steps, process },
            rtt: vec![MS, 30 * MS, 80 * MS, 150 * MS],
        }],
        regions: ["ams", "maa", "sea", "sin"].map(str::to_owned).to_vec(),
        instances: ten(&ServiceTime::constant(time)),
        balancing: Policy { soft_limit: 20, hard_limit: Some(25), ..Policy::default() },
        queue_timeout: 10 * SECOND,
        retry: Retry { attempts: NonZeroU32::MIN, budget: Allowance::default() },
        timeouts: Timeouts { connect: 5 * SECOND, first_byte: 600 * SECOND, client: None },
        check: Check { interval: SECOND, timeout: SECOND },
        cancels: false,
        outages: Vec::new(),
        show_after: Vec::new(),
    }
}

fn play(scenario: &Scenario, kind: PolicyKind) -> PolicyReport {
    let report =
        simulate(scenario, &[kind], Others::Bare, 1).expect("a scenario that can be played");
    report.policies.into_iter().next().expect("one policy")
}

#[test]
fn the_worked_example_fills_as_the_platform_says() {
    let counts: [(u32, [u32; 4], [u32; 4], u32); 10] = [
        (30, [30, 0, 0, 0], [30, 0, 0, 0], 0),
        (60, [60, 0, 0, 0], [60, 0, 0, 0], 0),
        (61, [60, 1, 0, 0], [61, 0, 0, 0], 0),
        (100, [60, 40, 0, 0], [75, 25, 0, 0], 0),
        (150, [60, 40, 40, 10], [75, 50, 25, 0], 0),
        (200, [60, 40, 40, 60], [75, 50, 50, 25], 0),
        (201, [61, 40, 40, 60], [75, 50, 50, 26], 0),
        (216, [75, 41, 40, 60], [75, 50, 50, 41], 0),
        (250, [75, 50, 50, 75], [75, 50, 50, 75], 0),
        (251, [75, 50, 50, 75], [75, 50, 50, 75], 1),
    ];
    let steps = vec![line(50.0, Duration::from_millis(5_020))];
    let mut world = scenario(steps, Process::Even, 8 * SECOND);
    world.show_after = counts.iter().map(|(held, ..)| *held).collect();
    for scope in [Scope::Global, Scope::Region] {
        world.balancing.scope = scope;
        let found = play(&world, PolicyKind::Hither);
        assert_eq!(found.looks.len(), counts.len());
        for (look, (held, global, region, waiting)) in found.looks.iter().zip(counts) {
            let meant = if scope == Scope::Global { global } else { region };
            assert_eq!(look.in_flight, meant, "{held} held, {scope:?}");
            assert_eq!(look.waiting, waiting, "{held} held, {scope:?}");
        }
        // The 251st is delayed, not refused: the first one ends three seconds later.
        assert_eq!((found.served, found.faults()), (251, vec![]));
        assert!((2.9..3.1).contains(&found.wait_seconds.max), "{:?}", found.wait_seconds);
        assert_eq!(found.peak_in_flight, 25);
    }
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_one_does_not() {
    let mut world = scenario(vec![line(900.0, 5 * SECOND)], Process::Poisson, 200 * MS);
    world.outages = vec![Outage {
        instances: vec![0, 1, 2],
        time: SECOND..3 * SECOND,
        kind: OutageKind::Refused,
        warm_up: SECOND,
    }];
    let play = |seed| simulate(&world, &PolicyKind::ALL, Others::Bare, seed).expect("playable");
    assert_eq!(play(5), play(5));
    assert_ne!(play(5).policies, play(6).policies);
}

#[test]
fn every_policy_meets_the_same_traffic() {
    let world = scenario(vec![line(300.0, 5 * SECOND)], Process::Poisson, 100 * MS);
    let report = simulate(&world, &PolicyKind::ALL, Others::Bare, 1).expect("playable");
    let counts: Vec<u64> = report.policies.iter().map(|policy| policy.requests).collect();
    assert!(counts.iter().all(|count| *count == counts[0] && *count > 1000), "{counts:?}");
}

#[test]
fn round_robin_deals_evenly_and_least_requests_fills_the_emptiest() {
    let world = scenario(vec![line(100.0, 10 * SECOND)], Process::Even, 60 * SECOND);
    for (kind, most_apart) in [(PolicyKind::RoundRobin, 1), (PolicyKind::LeastRequests, 1)] {
        let peaks = play(&world, kind).instances.into_iter().map(|i| i.peak_in_flight);
        let apart = peaks.clone().max().unwrap_or(0) - peaks.min().unwrap_or(0);
        assert!(apart <= most_apart, "{kind:?} is {apart} apart");
    }
}

#[test]
fn who_is_not_equipped_overruns_instances_and_waits_inside_them() {
    let world = scenario(vec![line(150.0, 4 * SECOND)], Process::Even, 2 * SECOND);
    let bare = play(&world, PolicyKind::Random);
    assert!(bare.peak_in_flight > 25 && bare.wait_seconds.max > 0.1, "{bare:?}");
    let equipped = simulate(&world, &[PolicyKind::Random], Others::Equipped, 1).expect("playable");
    assert_eq!(equipped.policies[0].peak_in_flight, 25);
    assert!(equipped.policies[0].refused.contains_key("all_full"), "{:?}", equipped.policies[0]);
}

/// Where everybody else is full of what never ends, time limits end it.
#[test]
fn a_black_hole_costs_the_connect_timeout_and_a_closed_door_a_round_trip() {
    let mut world = scenario(vec![line(1.0, SECOND)], Process::Even, 10 * MS);
    world.instances.truncate(2);
    world.retry.attempts = NonZeroU32::new(2).expect("two");
    let down = |kind| Outage {
        instances: vec![0, 1],
        time: Duration::ZERO..9 * SECOND,
        kind,
        warm_up: Duration::ZERO,
    };
    for (kind, reason) in
        [(OutageKind::Refused, "connect_refused"), (OutageKind::Blackhole, "connect_timeout")]
    {
        world.outages = vec![down(kind)];
        world.check.interval = 100 * SECOND;
        let found = play(&world, PolicyKind::Random);
        assert_eq!(found.failed.get(reason), Some(&1), "{found:?}");
        assert_eq!(found.served, 0);
    }
}

#[test]
fn a_check_that_fails_spares_those_who_come_later() {
    let mut world = scenario(vec![line(100.0, 20 * SECOND)], Process::Poisson, 50 * MS);
    world.outages = vec![Outage {
        instances: vec![0, 1, 2],
        time: 5 * SECOND..15 * SECOND,
        kind: OutageKind::Refused,
        warm_up: Duration::ZERO,
    }];
    // Ejection would find out, too.
    world.balancing.ejection.failures = 0;
    let found = play(&world, PolicyKind::Hither);
    let lost: u64 = found.failed.values().sum();
    assert!(lost > 0, "nobody met the outage: {found:?}");
    assert!(lost < 150, "{lost} fail although a check a second looks: {:?}", found.failed);
    world.balancing.ejection.failures = 5;
    world.retry.attempts = NonZeroU32::new(4).expect("four");
    let found = play(&world, PolicyKind::Hither);
    assert!(
        found.success > 0.99,
        "with as many tries as ams has instances and one more: {:?}",
        found.faults()
    );
    assert!(found.closest_share.is_some_and(|share| share < 0.9), "{found:?}");
}

#[test]
fn nobody_waits_in_the_queue_for_longer_than_its_timeout() {
    let mut world = scenario(vec![line(400.0, 5 * SECOND)], Process::Poisson, SECOND);
    world.queue_timeout = 500 * MS;
    let found = play(&world, PolicyKind::Hither);
    assert!(found.refused.get("queue_timeout").is_some_and(|count| *count > 100), "{found:?}");
    assert!((0.4..0.501).contains(&found.wait_seconds.max), "{:?}", found.wait_seconds);
}

#[test]
fn places_of_clients_that_left_are_free_again() {
    let mut world = scenario(vec![line(200.0, 10 * SECOND)], Process::Poisson, 20 * MS);
    world.balancing.hard_limit = Some(5);
    world.balancing.soft_limit = 5;
    world.timeouts.client = Some(500 * MS);
    world.check.interval = 100 * SECOND;
    world.outages = vec![Outage {
        instances: (0..10).collect(),
        time: Duration::ZERO..5 * SECOND,
        kind: OutageKind::Blackhole,
        warm_up: Duration::ZERO,
    }];
    for kind in PolicyKind::ALL {
        let others = Others::Equipped;
        let report = simulate(&world, &[kind], others, 1).expect("playable");
        let found = &report.policies[0];
        assert!(found.client_left > 100, "{kind:?}: {:?}", found.faults());
        assert!((900..1100).contains(&found.served), "{kind:?} serves {}", found.served);
    }
}

#[test]
fn what_cannot_be_played_is_said() {
    let mut world = scenario(vec![line(1.0, SECOND)], Process::Even, MS);
    world.instances.clear();
    let refused = simulate(&world, &PolicyKind::ALL, Others::Bare, 1);
    assert_eq!(refused, Err(ScenarioError::Nothing("instance")));
    let world = scenario(vec![line(1e6, 3600 * SECOND)], Process::Even, MS);
    let refused = simulate(&world, &PolicyKind::ALL, Others::Bare, 1);
    assert!(matches!(refused, Err(ScenarioError::TooMany { what: "requests", .. })), "{refused:?}");
}

#[test]
fn a_picture_is_drawn_where_nobody_is_served_and_a_title_is_only_text() {
    let mut world = scenario(vec![Step::Burst(3)], Process::Even, MS);
    world.title = "<script>alert(1)</script> & \"more\"".to_owned();
    world.outages = vec![Outage {
        instances: (0..10).collect(),
        time: Duration::ZERO..SECOND,
        kind: OutageKind::Refused,
        warm_up: Duration::ZERO,
    }];
    let report = simulate(&world, &PolicyKind::ALL, Others::Bare, 1).expect("playable");
    assert!(report.policies.iter().all(|found| found.served == 0), "{report}");
    let picture = plot(&report).expect("a picture");
    assert!(picture.starts_with("<svg") && !picture.contains("<script"), "{picture}");
    assert!(picture.contains("&lt;script&gt;"), "{picture}");
}

fn any_scenario() -> impl Strategy<Value = Scenario> {
    let outage = (0..10_usize, 0..4000_u32, 1..4000_u32, any::<bool>()).prop_map(
        |(instance, from, length, dark)| Outage {
            instances: vec![instance, (instance + 3) % 10],
            time: MS * from..MS * (from + length),
            kind: if dark { OutageKind::Blackhole } else { OutageKind::Refused },
            warm_up: MS * (length % 500),
        },
    );
    (
        1.0..400.0_f64,
        1..400_u32,
        prop::option::of(20..2000_u32),
        1..5_u32,
        prop::collection::vec(outage, 0..4),
        (any::<bool>(), any::<bool>(), 1..400_u32, 1..30_u32),
    )
        .prop_map(
            |(rate, work, patience, attempts, outages, (cancels, region, queue, hard))| {
                let steps = vec![line(rate, 2 * SECOND), Step::Burst(queue), line(rate, SECOND)];
                let mut world = scenario(steps, Process::Poisson, MS * work);
                world.balancing.hard_limit = Some(hard);
                world.balancing.soft_limit = hard.div_ceil(2);
                world.balancing.max_waiting = Some(queue as usize);
                world.balancing.shed_after = SECOND;
                world.balancing.scope = if region { Scope::Region } else { Scope::Global };
                world.queue_timeout = MS * queue;
                world.timeouts.client = patience.map(|patience| MS * patience);
                world.timeouts.connect = 300 * MS;
                world.timeouts.first_byte = SECOND;
                world.retry.attempts = NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN);
                world.cancels = cancels;
                world.outages = outages;
                world
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Each request has exactly one end, Hither's hard limit holds by the simulator's own count, and
    /// at the end nobody is anywhere.
    #[test]
    fn every_request_ends_once_and_no_place_is_lost(world in any_scenario(), equipped in any::<bool>()) {
        let others = if equipped { Others::Equipped } else { Others::Bare };
        let report = simulate(&world, &PolicyKind::ALL, others, 9).expect("playable");
        for found in &report.policies {
            let unserved: u64 = found.faults().iter().map(|(_, count)| count).sum();
            prop_assert_eq!(found.served + unserved, found.requests, "{:?}", found);
            let last = found.timeline.in_flight.last().cloned().unwrap_or_default();
            prop_assert_eq!(last.iter().sum::<u32>(), 0, "{:?}", found);
            prop_assert_eq!(found.timeline.waiting.last(), Some(&0));
            if equipped || found.policy == PolicyKind::Hither {
                prop_assert!(Some(found.peak_in_flight) <= world.balancing.hard_limit);
            }
        }
    }
}
