//! A call delivers what was declared, takes back what was decided, and shares nothing between calls
//! that the contract does not share.

use std::time::Duration;

use hither_plugin_host::{
    Budget, Config, Failure, Isolation, RequestVerdict, ResponseVerdict, Routing, Spec,
};
use http::StatusCode;

use crate::scene::{
    Given, ask, host, load, metadata, one_config, request, response, revision, spec,
};

#[test]
fn a_router_sees_its_inputs_and_narrows() {
    let (host, _) = host();
    let revision = revision(&host, spec("route2"));
    let given = Given(vec![("header:x-tenant", "acme"), ("header:x-tier", "gold")]);
    let Ok(Routing::Route(target)) = revision.select(&request("/", &given)).outcome else {
        panic!("it did not route");
    };
    assert_eq!(target.require, [("tier".to_owned(), "gold".to_owned())]);
    assert_eq!(revision.select(&request("/", &Given::default())).outcome, Ok(Routing::Pass));
}

#[test]
fn a_plugin_without_a_hook_passes() {
    let (host, _) = host();
    let revision = revision(&host, spec("route2"));
    assert_eq!(ask(&revision, "/").outcome, Ok(RequestVerdict::Pass));
    let report = revision.on_response(&response(&Given::default()), 0);
    assert_eq!(report.outcome, Ok(ResponseVerdict::Pass));
}

#[test]
fn edits_replies_and_memos_come_through() {
    let (host, _) = host();
    let revision = revision(&host, spec("mischief"));
    let Ok(RequestVerdict::Next(patch)) = ask(&revision, "/good").outcome else {
        panic!("no patch");
    };
    assert_eq!(patch.edits.set[0].0, "x-good");
    assert!(patch.response_hooks);
    let Ok(RequestVerdict::Respond(reply)) = ask(&revision, "/reply").outcome else {
        panic!("no reply");
    };
    assert_eq!((reply.status, &*reply.body), (StatusCode::FORBIDDEN, b"no".as_slice()));
    let given = Given(vec![("header:x-mischief", "/memo")]);
    let Ok(ResponseVerdict::Next(patch)) = revision.on_response(&response(&given), 42).outcome
    else {
        panic!("no patch");
    };
    assert_eq!(patch.metadata, [("memo".to_owned(), "42".to_owned())]);
}

#[test]
fn each_call_gets_the_configuration_that_it_names() {
    let (host, _) = host();
    let config = |id, json: &str| Config { id, json: json.as_bytes().to_vec() };
    let configs = vec![
        config(9, r#"{"greeting":"hi","header":"X-Org"}"#),
        config(4, r#"{"greeting":"hello"}"#),
    ];
    let revision = load(&host, spec("capable")).configure(configs).unwrap();
    let given = Given(vec![
        ("header:x-tenant", "acme"),
        ("header:x-tenant", "again"),
        ("header:x-org", "corp"),
        ("query:q", "1"),
        ("header:cookie", "never declared"),
    ]);
    for (config, said) in [(9, "hi corp 1 1"), (4, "hello acme 2 1")] {
        let head = hither_plugin_host::RequestHead { config, ..request("/inputs", &given) };
        let report = revision.on_request(&head);
        assert_eq!(metadata(&report, "said"), said);
    }
    let head = hither_plugin_host::RequestHead { config: 5, ..request("/inputs", &given) };
    let outcome = revision.on_request(&head).outcome;
    assert!(matches!(outcome, Err(Failure::Unconfigured { config: 5, .. })), "{outcome:?}");
}

#[test]
fn pooled_instances_are_reused_up_to_their_age() {
    let (host, _) = host();
    let budget = Budget { calls_per_instance: 3, ..spec("remembers").budget };
    let revision = revision(&host, Spec { budget, ..spec("remembers") });
    let seen: Vec<_> = (0..7).map(|_| metadata(&ask(&revision, "/"), "calls")).collect();
    assert_eq!(seen, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[test]
fn per_request_isolation_never_shows_one_call_to_another() {
    let (host, _) = host();
    let isolated = Spec { isolation: Isolation::PerRequest, ..spec("remembers") };
    let revision = revision(&host, isolated);
    for _ in 0..5 {
        let report = ask(&revision, "/");
        assert_eq!(metadata(&report, "calls"), "1");
        assert!(report.fresh);
    }
    assert_eq!(revision.instances(), 0);
}

#[test]
fn the_first_call_finds_a_warm_instance() {
    let (host, _) = host();
    let budget = Budget { warm: 3, ..spec("noop").budget };
    let revision = revision(&host, Spec { budget, ..spec("noop") });
    assert_eq!(revision.instances(), 3);
    let report = revision.select(&request("/", &Given::default()));
    assert!(!report.fresh);
    assert!(report.memory > 0);
    assert!(report.time > Duration::ZERO);
}

#[test]
fn a_call_beyond_the_instances_fails_and_blames_nobody() {
    let (host, _) = host();
    let budget = Budget { instances: 1, time: Duration::from_millis(500), ..Budget::default() };
    let revision = revision(&host, Spec { budget, ..spec("mischief") });
    std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            // The only instance may be with the other thread just then.
            let mut outcomes = std::iter::repeat_with(|| ask(&revision, "/loop").outcome);
            outcomes.find(|outcome| !matches!(outcome, Err(Failure::NoInstance(_))))
        });
        crate::scene::eventually("one call finds no instance", || {
            let outcome = ask(&revision, "/").outcome;
            (matches!(outcome, Err(Failure::NoInstance(_))), outcome)
        });
        assert_eq!(busy.join().unwrap(), Some(Err(Failure::Timeout)));
    });
    assert!(ask(&revision, "/").outcome.is_ok());
}

#[test]
fn many_threads_share_a_revision() {
    let (host, _) = host();
    let revision = load(&host, spec("route5")).configure(one_config("{}")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let given = Given(vec![("header:x-tenant", "acme"), ("header:x-tier", "gold")]);
                for _ in 0..500 {
                    let outcome = revision.select(&request("/", &given)).outcome;
                    assert!(matches!(outcome, Ok(Routing::Route(_))), "{outcome:?}");
                }
            });
        }
    });
    assert!(revision.instances() <= 9, "{}", revision.instances());
}
