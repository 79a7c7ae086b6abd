//! Plugins that call services wait on fibers: within their time, without holding the thread, and gone at once
//! when nobody wants the answer any more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hither_plugin_host::{
    Background, Budget, Capability, Classified, Failure, Host, Lent, Report, RequestVerdict,
    Revision, Routing, Spec,
};

use crate::scene::{Given, host, load, one_config, refused, request, spec};

fn budget() -> Budget {
    Budget { wait: Duration::from_millis(600), http_calls: 2, ..spec("calling").budget }
}

fn with(host: &Host, budget: Budget) -> Arc<Revision> {
    let services = BTreeSet::from(["auth".to_owned(), "audit".to_owned()]);
    let lent = Lent { services, ..Lent::default() };
    let loaded = load(host, Spec { budget, ..spec("calling") });
    loaded.configure_with(one_config("{}"), lent).unwrap()
}

fn calling(host: &Host) -> Arc<Revision> {
    with(host, budget())
}

async fn ask(revision: &Revision, path: &str) -> Report<RequestVerdict> {
    revision.on_request_waiting(&request(path, &Given::default())).await
}

async fn say(revision: &Revision, path: &str) -> String {
    match ask(revision, path).await.outcome {
        Ok(RequestVerdict::Respond(reply)) => String::from_utf8(reply.body.clone()).unwrap(),
        other => panic!("{path}: {other:?}"),
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_call_is_sent_as_it_was_judged_and_answered_whole() {
    let (host, world) = host();
    let revision = calling(&host);
    assert!(revision.waits());
    assert_eq!(is_send(say(&revision, "/call/auth/a?b=c")).await, "200 kind /a?b=c");
    assert_eq!(say(&revision, "/post/auth/x").await, "200 kind /x");
    let called = world.called.lock();
    assert_eq!((called[0].service.as_str(), called[0].method.as_str()), ("auth", "GET"));
    assert_eq!((called[1].method.as_str(), &*called[1].body), ("POST", b"four".as_slice()));
    assert_eq!(called[1].headers[0].0, "x-kind");
    assert_eq!(called[0].most, 1 << 20);
    assert!(called[0].timeout <= Duration::from_millis(600), "{:?}", called[0].timeout);
}

#[tokio::test]
async fn what_may_not_be_called_is_not() {
    let (host, world) = host();
    let revision = calling(&host);
    assert_eq!(say(&revision, "/call/other/x").await, "Error::Denied");
    let framed = say(&revision, "/framed/auth/x").await;
    assert_eq!(framed, "unavailable: the header `content-length` is the host's to write");
    let said = say(&revision, "/configured/").await;
    assert_eq!(said, "unavailable: nobody may wait while a plugin is configured");
    assert_eq!(say(&revision, "/call/auth/large").await, "Error::TooLarge");
    assert_eq!(say(&revision, "/call/auth/gone").await, "unavailable: nobody is there");
    let called = world.called.lock();
    assert_eq!(called.len(), 2, "only what may be called was: {called:?}");
}

#[tokio::test]
async fn waits_end_with_the_call_s_time_and_do_not_count_as_the_guest_s() {
    let (host, _) = host();
    let time = Duration::from_millis(200);
    let revision = with(&host, Budget { time, ..budget() });
    let begin = Instant::now();
    assert_eq!(say(&revision, "/short/auth/never").await, "Error::Timeout");
    assert!(begin.elapsed() < Duration::from_millis(400), "{:?}", begin.elapsed());
    // Longer than the guest may run, shorter than it may wait.
    let begin = Instant::now();
    assert_eq!(say(&revision, "/twice/auth/never").await, "Error::Timeout Error::Timeout");
    let took = begin.elapsed();
    assert!((550..2000).contains(&took.as_millis()), "both together have one time: {took:?}");
    let spun = ask(&revision, "/spin/auth/slow").await.outcome;
    assert_eq!(spun, Err(Failure::Timeout), "after a wait it is timed as before");
}

#[tokio::test]
async fn a_thread_serves_others_while_a_call_waits_and_calls_are_bounded() {
    let (host, world) = host();
    let revision = calling(&host);
    let begin = Instant::now();
    let (a, b, c) = tokio::join!(
        say(&revision, "/call/auth/never"),
        say(&revision, "/call/auth/never"),
        async {
            while world.waiting.load(Ordering::SeqCst) < 2 {
                tokio::task::yield_now().await;
            }
            say(&revision, "/call/auth/x").await
        },
    );
    assert_eq!((a.as_str(), b.as_str()), ("Error::Timeout", "Error::Timeout"));
    assert_eq!(c, "unavailable: too many calls of this plugin are under way");
    assert!(begin.elapsed() < Duration::from_millis(1100), "{:?}", begin.elapsed());
    assert_eq!(say(&revision, "/call/auth/x").await, "200 kind /x", "places are given back");
}

/// GHSA-xjhv-v822-pf94: a call that waits in the host is dropped.
#[tokio::test]
async fn a_dropped_call_is_over_at_once_and_the_next_one_gets_another_instance() {
    let (host, world) = host();
    let revision = calling(&host);
    assert_eq!(say(&revision, "/calls/").await, "1");
    for round in 0..20 {
        let dropped = ask(&revision, "/call/auth/never");
        let waits = async {
            while world.waiting.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            report = dropped => panic!("it ended: {report:?}"),
            () = waits => {}
        }
        assert_eq!(world.waiting.load(Ordering::SeqCst), 0, "round {round}: the call goes with it");
        assert_eq!(revision.instances(), 0, "round {round}: and the instance with the call");
    }
    assert!(!revision.is_open(), "nobody is to blame");
    assert_eq!(say(&revision, "/calls/").await, "1", "a fresh instance");
    assert_eq!(say(&revision, "/calls/").await, "2", "which is kept");
}

#[tokio::test]
async fn every_hook_that_may_wait_does() {
    let (host, world) = host();
    let revision = calling(&host);
    let given = Given::default();
    let routed = revision.select_waiting(&request("/hooks", &given)).await.outcome;
    assert!(matches!(&routed, Ok(Routing::Route(t)) if t.path.is_some()), "{routed:?}");
    let denied = revision.classify_waiting(&request("/deny", &given)).await.outcome;
    assert!(
        matches!(&denied, Ok(Classified::Deny(r)) if r.body == b"200 kind /deny"),
        "{denied:?}"
    );
    let done = [crate::aside::summary(502, revision.inputs_of(0, &given))];
    revision.on_complete_waiting(&done).await.outcome.unwrap();
    let mut background = Background::of(&revision).unwrap();
    for fresh in [true, false] {
        let ticked = background.tick_waiting(1).await;
        assert_eq!((ticked.outcome, ticked.fresh), (Ok(()), fresh));
    }
    let called: Vec<_> = world.called.lock().iter().map(|call| call.path.to_string()).collect();
    assert_eq!(called, ["/routing", "/deny", "/log", "/tick", "/tick"]);
}

#[test]
fn it_needs_its_grant_and_a_grant_alone_makes_nobody_wait() {
    let (host, _) = host();
    let grants = vec![Capability::Log];
    let text = refused(&host, Spec { grants, ..spec("calling") }).to_string();
    assert!(text.contains("not granted: http"), "{text}");
    // Whoever calls it as others are called waits with his thread; here for nothing, as nothing is lent.
    let calling = load(&host, spec("calling")).configure(one_config("{}")).unwrap();
    let given = Given::default();
    match calling.on_request(&request("/call/auth/x", &given)).outcome {
        Ok(RequestVerdict::Respond(reply)) => assert_eq!(reply.body, b"Error::Denied"),
        other => panic!("{other:?}"),
    }
    // Every capability is granted, but this one imports none.
    let plain = load(&host, spec("noop")).configure(one_config("{}")).unwrap();
    assert!(!plain.waits());
    assert!(plain.select(&request("/", &Given::default())).outcome.is_ok());
}
