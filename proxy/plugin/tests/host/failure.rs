//! Whatever a guest does wrong, the call fails with the reason, the instance is gone, the next call gets
//! a fresh one, and every other plugin works on.

use std::time::{Duration, Instant};

use hither_plugin_host::{Budget, Failure, GRACE, RequestVerdict, Revision, Spec};

use crate::scene::{Given, ask, host, request, response, revision, spec};

/// Every way to fail, in each hook, with what must come of it.
fn expected(path: &str) -> fn(&Failure) -> bool {
    match path {
        "/loop" => |failure| *failure == Failure::Timeout,
        "/grow" => |failure| *failure == Failure::Memory,
        "/trap" => |failure| matches!(failure, Failure::Trap(_)),
        "/recurse" => |failure| *failure == Failure::Stack,
        "/host-calls" => |failure| *failure == Failure::HostCalls,
        "/huge" => |failure| *failure == Failure::Memory,
        _ => |failure| matches!(failure, Failure::InvalidOutput(_)),
    }
}

const WRONGS: [&str; 14] = [
    "/loop",
    "/grow",
    "/trap",
    "/recurse",
    "/host-calls",
    "/huge",
    "/big",
    "/long-line",
    "/crlf",
    "/bad-name",
    "/content-length",
    "/transfer-encoding",
    "/many-edits",
    "/status-99",
];

#[test]
fn every_wrong_ends_the_call_and_nothing_else() {
    let (host, _) = host();
    let other = revision(&host, spec("remembers"));
    ask(&other, "/");
    for (number, path) in WRONGS.into_iter().enumerate() {
        // A revision of its own, so that no breaker opens.
        let bad = revision(&host, spec("mischief"));
        let good = expected(path);
        for (hook, failure) in in_every_hook(&bad, path) {
            assert!(good(&failure), "{path} in {hook}: {failure:?}");
        }
        assert_eq!(bad.instances(), 0, "an instance that failed with {path} is kept");
        let fresh = ask(&bad, "/good");
        assert!(fresh.fresh && fresh.outcome.is_ok(), "after {path}: {fresh:?}");
        // The other plugin did not even lose its memory.
        let calls = crate::scene::metadata(&ask(&other, "/"), "calls");
        assert_eq!(calls, (number + 2).to_string(), "{path}");
    }
}

fn in_every_hook(revision: &Revision, path: &'static str) -> Vec<(&'static str, Failure)> {
    let none = Given::default();
    let mischief = Given(vec![("header:x-mischief", path)]);
    let passed = |hook| panic!("{path} passed in {hook}");
    vec![
        ("select", revision.select(&request(path, &none)).outcome.err()),
        ("on-request", revision.on_request(&request(path, &none)).outcome.err()),
        ("on-response", revision.on_response(&response(&mischief), 0).outcome.err()),
    ]
    .into_iter()
    .map(|(hook, failure)| (hook, failure.unwrap_or_else(|| passed(hook))))
    .collect()
}

#[test]
fn an_endless_loop_ends_within_its_budget() {
    let (host, _) = host();
    let budget = Budget { time: Duration::from_millis(5), ..Budget::default() };
    let mut times = Vec::new();
    // What is measured is the host, not how busy this machine is: one try in time is enough, but none
    // may be early. Five failures open the breaker, so each revision gets four.
    for _ in 0..20 {
        let revision = revision(&host, Spec { budget: budget.clone(), ..spec("mischief") });
        for _ in 0..4 {
            let begin = Instant::now();
            assert_eq!(ask(&revision, "/loop").outcome, Err(Failure::Timeout));
            let time = begin.elapsed();
            assert!(time >= Duration::from_millis(5), "ended early: {time:?}");
            if time <= budget.time + GRACE {
                return;
            }
            times.push(time);
        }
    }
    panic!("it always ended late: {times:?}");
}

#[test]
fn a_budget_counts_again_for_each_call() {
    let (host, _) = host();
    let revision = revision(&host, spec("mischief"));
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(500) {
        let outcome = ask(&revision, "/").outcome;
        assert_eq!(outcome, Ok(RequestVerdict::Pass), "after {:?}", begin.elapsed());
    }
}

#[test]
fn a_failing_plugin_is_left_alone_and_tried_again() {
    let (host, _) = host();
    let revision = revision(&host, spec("mischief"));
    for _ in 0..5 {
        assert!(ask(&revision, "/trap").outcome.is_err());
    }
    assert!(revision.is_open());
    let begin = Instant::now();
    let report = ask(&revision, "/good");
    assert_eq!(report.outcome, Err(Failure::Open));
    assert_eq!(report.time, Duration::ZERO);
    crate::scene::eventually("the probe call is made", || {
        let outcome = ask(&revision, "/good").outcome;
        (outcome.is_ok(), outcome)
    });
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    assert!(!revision.is_open());
}

#[test]
fn a_new_revision_of_a_failing_plugin_is_called() {
    let (host, _) = host();
    let first = revision(&host, spec("mischief"));
    for _ in 0..5 {
        assert!(ask(&first, "/trap").outcome.is_err());
    }
    let second = first.loaded().configure(crate::scene::one_config("{}")).unwrap();
    assert!(ask(&second, "/good").outcome.is_ok());
    assert!(second.id() > first.id());
}

#[test]
fn a_rehearsal_neither_opens_nor_closes_the_breaker() {
    let (host, _) = host();
    let revision = revision(&host, spec("mischief"));
    let none = Given::default();
    let rehearse = |path| {
        let head = hither_plugin_host::RequestHead { rehearsal: true, ..request(path, &none) };
        revision.on_request(&head).outcome
    };
    for _ in 0..20 {
        assert!(matches!(rehearse("/trap"), Err(Failure::Trap(_))));
    }
    assert!(!revision.is_open());
    for _ in 0..5 {
        assert!(ask(&revision, "/trap").outcome.is_err());
    }
    assert!(revision.is_open());
    // Even when a probe is due it is traffic's to make.
    let begin = Instant::now();
    crate::scene::eventually("a probe is due", || (begin.elapsed() > Duration::from_secs(1), ()));
    assert_eq!(rehearse("/good"), Err(Failure::Open));
    assert!(revision.is_open());
    assert!(ask(&revision, "/good").outcome.is_ok());
    assert!(!revision.is_open());
}
