//! Which limiters count a request is the plugin's to say, among those that it was lent.

use std::collections::BTreeSet;
use std::sync::Arc;

use hither_plugin_host::{Charge, Classified, Failure, Host, Lent, RequestVerdict, Revision};

use crate::scene::{Given, host, load, one_config, request, spec};

fn lent(host: &Host) -> Arc<Revision> {
    let limiters = BTreeSet::from(["per-key".to_owned(), "gone".to_owned()]);
    let lent = Lent { limiters, ..Lent::default() };
    load(host, spec("limiting")).configure_with(one_config("{}"), lent).unwrap()
}

fn classify(revision: &Revision, path: &str) -> Result<Classified, Failure> {
    revision.classify(&request(path, &Given(vec![("header:x-key", "acme")]))).outcome
}

#[test]
fn a_request_is_classified_by_what_the_plugin_says() {
    let (host, _) = host();
    let revision = lent(&host);
    assert_eq!(classify(&revision, "/"), Ok(Classified::Allow));
    let charge = |key: &str, cost| Charge {
        limiter: "per-key".to_owned(),
        key: key.as_bytes().to_vec(),
        cost,
    };
    assert_eq!(classify(&revision, "/one"), Ok(Classified::Charges(vec![charge("acme", 1)])));
    let two = Classified::Charges(vec![charge("acme", 1), charge("all", 5)]);
    assert_eq!(classify(&revision, "/two"), Ok(two));
    let denied = classify(&revision, "/deny");
    assert!(matches!(&denied, Ok(Classified::Deny(reply)) if reply.status == 403), "{denied:?}");
}

#[test]
fn a_limiter_that_was_not_lent_and_too_many_checks_are_failed_calls() {
    let (host, _) = host();
    let revision = lent(&host);
    for (path, part) in [
        ("/unknown", "`other` was not lent to this plugin; add `limiters = [\"other\"]`"),
        ("/many", "17 checks, at most 16"),
        ("/long", "longer than 1024 bytes"),
    ] {
        match classify(&revision, path) {
            Err(Failure::InvalidOutput(text)) => assert!(text.contains(part), "{path}: {text}"),
            other => panic!("{path}: {other:?}"),
        }
    }
    assert_eq!(classify(&revision, "/"), Ok(Classified::Allow), "the next call is served");
}

#[test]
fn the_capability_charges_what_was_lent_and_nothing_else() {
    let (host, world) = host();
    world.limiters.lock().insert(("per-key".to_owned(), b"acme".to_vec()), 3);
    let revision = lent(&host);
    let say = |path: &str| {
        let given = Given(vec![("header:x-key", "acme")]);
        match revision.on_request(&request(path, &given)).outcome {
            Ok(RequestVerdict::Respond(reply)) => String::from_utf8(reply.body.clone()).unwrap(),
            other => panic!("{path}: {other:?}"),
        }
    };
    assert_eq!(say("/take/per-key/2"), "allowed, 1 left, 0 ms");
    assert_eq!(say("/take/per-key/2"), "refused, 1 left, 2 ms");
    assert_eq!(say("/peek/per-key/"), "allowed, 1 left, 0 ms");
    assert_eq!(say("/take/other/1"), "this plugin was lent no limiter of this name");
    assert_eq!(say("/peek/gone/"), "this limiter is not there now");
}
