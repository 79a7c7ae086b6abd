//! Hooks that no request waits for: what they do, and that their failures are their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hither_plugin_host::{
    Background, Budget, Failure, Host, KeptInputs, Loaded, RequestVerdict, Revision, Spec, Summary,
};

use crate::scene::{Given, ask, host, load, one_config, spec};

fn loaded(host: &Host) -> Arc<Loaded> {
    let budget = Budget { aside: Duration::from_millis(300), ..spec("watching").budget };
    load(host, Spec { budget, ..spec("watching") })
}

fn watching(host: &Host, config: &str) -> Arc<Revision> {
    loaded(host).configure(one_config(config)).unwrap()
}

pub(crate) fn summary(status: u16, inputs: KeptInputs) -> Summary {
    Summary {
        exchange: 7,
        config: 0,
        memo: 3,
        started_ms: 1_700_000_000_000,
        duration: Duration::from_millis(2),
        upstream: Duration::from_millis(1),
        status,
        request_bytes: 4,
        response_bytes: 5,
        service: "web".into(),
        instance: "ams-1".into(),
        region: "ams".into(),
        cache: "",
        fault: "",
        inputs,
    }
}

fn counts(revision: &Revision) -> String {
    match ask(revision, "/ticks").outcome {
        Ok(RequestVerdict::Respond(reply)) => String::from_utf8(reply.body.clone()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_arrives_whole_with_memo_and_inputs() {
    let (host, world) = host();
    let revision = watching(&host, r#"{"name":"a"}"#);
    let inputs = revision.inputs_of(0, &Given(vec![("header:x-key", "acme")]));
    let done = [summary(200, inputs), summary(502, KeptInputs::default())];
    revision.on_complete(&done).outcome.unwrap();
    let lines = world.lines.lock();
    let field = |line: usize, name: &str| {
        let found = lines[line].2.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    assert_eq!(lines.len(), 2);
    for (name, value) in [
        ("status", "200"),
        ("memo", "3"),
        ("service", "web"),
        ("instance", "ams-1"),
        ("region", "ams"),
        ("bytes", "4/5"),
        ("key", "acme"),
        ("took", "true"),
        ("name", "a"),
    ] {
        assert_eq!(field(0, name), value, "{name}");
    }
    assert_eq!((field(1, "status"), field(1, "key")), ("502".to_owned(), String::new()));
}

#[test]
fn inputs_that_wait_are_bounded() {
    let (host, _) = host();
    let revision = watching(&host, "{}");
    let long: &'static str = "x".repeat(8 << 10).leak();
    let kept = revision.inputs_of(0, &Given(vec![("header:x-key", long), ("query:memo", "1")]));
    // The first fills all there is, so the second is left out.
    assert_eq!(format!("{kept:?}").matches("120, 120").count(), 4096);
    assert!(!format!("{kept:?}").contains("(1, "));
}

#[test]
fn the_background_is_one_instance_that_outlives_its_failures() {
    let (host, _) = host();
    let revision = watching(&host, "{}");
    let mut background = Background::of(&revision).unwrap();
    assert_eq!(background.period(), Duration::from_millis(100));
    let fresh: Vec<bool> = (0..3).map(|_| background.tick(1).fresh).collect();
    assert_eq!(fresh, [true, false, false]);
    assert_eq!(counts(&revision), "3 3 0", "its memory holds from tick to tick");

    let trapping = watching(&host, r#"{"tick":"trap"}"#);
    let mut background = Background::of(&trapping).unwrap();
    let outcomes: Vec<_> = (0..6).map(|_| background.tick(1)).collect();
    assert!(outcomes[..5].iter().all(|one| one.fresh && one.outcome.is_err()), "{outcomes:?}");
    assert_eq!(outcomes[5].outcome, Err(Failure::Open), "it is left alone for a while");
    // Requests do not suffer for it.
    assert!(!trapping.is_open() && ask(&trapping, "/").outcome.is_ok());
}

#[test]
fn endless_loops_aside_end_within_their_budget() {
    let (host, _) = host();
    let begin = Instant::now();
    let revision = watching(&host, r#"{"tick":"loop","log":"loop"}"#);
    let mut background = Background::of(&revision).unwrap();
    assert_eq!(background.tick(1).outcome, Err(Failure::Timeout));
    let done = [summary(200, KeptInputs::default())];
    assert_eq!(revision.on_complete(&done).outcome, Err(Failure::Timeout));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn a_log_that_fails_is_left_alone_and_requests_do_not_suffer() {
    let (host, _) = host();
    let revision = watching(&host, r#"{"log":"trap"}"#);
    let done = [summary(200, KeptInputs::default())];
    let outcomes: Vec<_> = (0..6).map(|_| revision.on_complete(&done).outcome).collect();
    assert!(matches!(outcomes[4], Err(Failure::Trap(_))), "{outcomes:?}");
    assert_eq!(outcomes[5], Err(Failure::Open));
    assert!(!revision.is_open() && ask(&revision, "/").outcome.is_ok());
}
