//! A plugin whose verdicts follow from its inputs is asked once for the same inputs, and never shown
//! anything else that its verdict could follow from.

use hither_plugin_host::{Config, Failure, Isolation, RequestHead, ResponseVerdict, Routing, Spec};
use http::StatusCode;

use crate::scene::{Given, host, load, metadata, refused, request, response, revision, spec};

fn tenant(name: &'static str) -> Given {
    Given(vec![("header:x-tenant", name), ("header:never-declared", "x")])
}

#[test]
fn the_same_inputs_are_asked_once() {
    let (host, _) = host();
    let revision = revision(&host, spec("by_inputs"));
    let ask = |given: &Given, path| {
        let report = revision.on_request(&request(path, given));
        (metadata(&report, "calls"), metadata(&report, "tenant"), report.remembered)
    };
    let said = |calls: &str, tenant: &str, remembered| (calls.into(), tenant.into(), remembered);
    assert_eq!(ask(&tenant("a"), "/1"), said("1", "a", false));
    assert_eq!(ask(&tenant("a"), "/2"), said("1", "a", true));
    assert_eq!(ask(&tenant("b"), "/1"), said("2", "b", false));
    assert_eq!(ask(&Given::default(), "/1"), said("3", "none", false));
    assert_eq!(ask(&tenant("b"), "/3"), said("2", "b", true));
    let twice = Given(vec![("header:x-tenant", "a"), ("header:x-tenant", "a")]);
    assert_eq!(ask(&twice, "/1"), said("4", "a", false));
    let other = Given(vec![("header:x-tier", "a")]);
    assert_eq!(ask(&other, "/1"), said("5", "none", false));
}

#[test]
fn nothing_but_the_inputs_is_shown() {
    let (host, _) = host();
    let revision = revision(&host, spec("by_inputs"));
    let given = Given::default();
    let head = RequestHead { method: &http::Method::PUT, ..request("/secret", &given) };
    assert_eq!(metadata(&revision.on_request(&head), "beside"), "00Method::Get");
}

#[test]
fn a_response_is_known_by_its_status_and_memo() {
    let (host, _) = host();
    let revision = revision(&host, spec("by_inputs"));
    let given = Given::default();
    let ask = |status, memo| {
        let head = hither_plugin_host::ResponseHead { status, ..response(&given) };
        match revision.on_response(&head, memo).outcome {
            Ok(ResponseVerdict::Next(patch)) => patch.metadata[0].1.clone(),
            other => panic!("no patch: {other:?}"),
        }
    };
    assert_eq!(ask(StatusCode::OK, 7), "1 200 7");
    assert_eq!(ask(StatusCode::OK, 7), "1 200 7");
    assert_eq!(ask(StatusCode::NOT_FOUND, 7), "2 404 7");
    assert_eq!(ask(StatusCode::OK, 8), "3 200 8");
}

#[test]
fn another_configuration_and_another_revision_are_asked_anew() {
    let (host, _) = host();
    let loaded = load(&host, spec("by_inputs"));
    let configs = || [1, 2].map(|id| Config { id, json: b"{}".to_vec() }).to_vec();
    let given = tenant("a");
    for _ in 0..2 {
        let revision = loaded.configure(configs()).unwrap();
        for config in [1, 2] {
            let head = RequestHead { config, ..request("/", &given) };
            assert!(!revision.on_request(&head).remembered);
            assert!(revision.on_request(&head).remembered);
        }
        let unknown = RequestHead { config: 3, ..request("/", &given) };
        let outcome = revision.on_request(&unknown).outcome;
        assert!(matches!(outcome, Err(Failure::Unconfigured { config: 3, .. })), "{outcome:?}");
    }
}

#[test]
fn a_failure_is_not_remembered() {
    let (host, _) = host();
    let isolated = Spec { isolation: Isolation::PerRequest, ..spec("by_inputs") };
    let revision = revision(&host, isolated);
    let given = tenant("trap");
    for _ in 0..3 {
        let report = revision.on_request(&request("/", &given));
        assert!(matches!(report.outcome, Err(Failure::Trap(_))), "{:?}", report.outcome);
        assert!(!report.remembered);
    }
}

#[test]
fn a_rehearsal_is_really_asked_and_leaves_nothing_behind() {
    let (host, _) = host();
    let revision = revision(&host, spec("by_inputs"));
    let given = tenant("a");
    let rehearsal = RequestHead { rehearsal: true, ..request("/", &given) };
    assert!(!revision.on_request(&rehearsal).remembered);
    assert!(!revision.on_request(&request("/", &given)).remembered);
    assert!(!revision.on_request(&rehearsal).remembered);
    assert!(revision.on_request(&request("/", &given)).remembered);
}

#[test]
fn a_plugin_that_talks_to_the_host_cannot_promise_it() {
    let (host, _) = host();
    let error = refused(&host, spec("by_inputs_logs")).to_string();
    assert!(error.contains("by-inputs") && error.contains("`log`"), "{error}");
}

#[test]
fn threads_agree() {
    let (host, _) = host();
    let revision = revision(&host, spec("route2_by_inputs"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for tier in ["gold", "silver"].into_iter().cycle().take(200) {
                    let given = Given(vec![("header:x-tenant", "acme"), ("header:x-tier", tier)]);
                    match revision.select(&request("/", &given)).outcome {
                        Ok(Routing::Route(target)) => assert_eq!(target.require[0].1, tier),
                        other => panic!("not routed: {other:?}"),
                    }
                }
            });
        }
    });
}
