//! A revision that only watches changes nothing that others see, and a copy says what the original said.

use std::collections::BTreeSet;

use hither_plugin_host::{Failure, Lent, RequestVerdict, Shadow};

use crate::scene::{Given, ask, host, load, metadata, one_config, request, response, spec};

fn said(shadow: &Shadow, path: &str, given: &Given) -> String {
    let copy = shadow.revision().keep_request(&request(path, given));
    match shadow.revision().on_request(&copy.head()).outcome {
        Ok(RequestVerdict::Respond(reply)) => String::from_utf8(reply.body.clone()).unwrap(),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_shadow_counts_in_a_copy_of_the_store_and_measures_nowhere() {
    let (host, world) = host();
    let loaded = load(&host, spec("capable"));
    let serving = loaded.configure(one_config("{}")).unwrap();
    let count = |revision| metadata(&ask(revision, "/count"), "said");
    assert_eq!(count(&serving), "1");
    let shadow = loaded.configure_shadow(one_config("{}"), Lent::default()).unwrap();
    // It goes on from what was there, step by step with the one that serves.
    assert_eq!([count(shadow.revision()), count(shadow.revision())], ["2", "3"]);
    assert_eq!(count(&serving), "2", "the shadow wrote into the store of the one that serves");
    ask(shadow.revision(), "/metrics");
    assert!(world.metrics.lock().is_empty(), "a shadow measured");
}

#[test]
fn a_shadow_takes_nothing_of_a_limiter() {
    let (host, world) = host();
    world.limiters.lock().insert(("per-key".to_owned(), b"acme".to_vec()), 3);
    let lent = Lent { limiters: BTreeSet::from(["per-key".to_owned()]), ..Lent::default() };
    let shadow = load(&host, spec("limiting")).configure_shadow(one_config("{}"), lent).unwrap();
    let given = Given(vec![("header:x-key", "acme")]);
    for _ in 0..3 {
        assert_eq!(said(&shadow, "/take/per-key/3", &given), "allowed, 3 left, 0 ms");
    }
    assert_eq!(said(&shadow, "/take/per-key/4", &given), "refused, 3 left, 2 ms");
    assert_eq!(shadow.refused(), 0);
}

#[test]
fn a_shadow_calls_nobody_and_says_that_it_wanted_to() {
    let (host, world) = host();
    let lent = Lent { services: BTreeSet::from(["auth".to_owned()]), ..Lent::default() };
    let shadow = load(&host, spec("calling")).configure_shadow(one_config("{}"), lent).unwrap();
    let told = said(&shadow, "/call/auth/a", &Given::default());
    assert_eq!(told, "unavailable: a shadow calls nobody");
    assert_eq!((shadow.refused(), world.called.lock().len()), (1, 0));
}

#[test]
fn a_shadow_purges_nothing_and_says_that_it_wanted_to() {
    let (host, world) = host();
    let loaded = load(&host, spec("purging"));
    let shadow = loaded.configure_shadow(one_config("{}"), Lent::default()).unwrap();
    assert_eq!(said(&shadow, "/purge-tag?news", &Given::default()), "0");
    assert_eq!(said(&shadow, "/purge-url?http://a/", &Given::default()), "false");
    assert_eq!((shadow.refused(), world.purged.lock().len()), (2, 0));
}

#[test]
fn a_shadow_that_fails_is_asked_again_each_time() {
    let (host, _) = host();
    let loaded = load(&host, spec("mischief"));
    let shadow = loaded.configure_shadow(one_config("{}"), Lent::default()).unwrap();
    for turn in 0..20 {
        let outcome = ask(shadow.revision(), "/trap").outcome;
        assert!(matches!(outcome, Err(Failure::Trap(_))), "{turn}: {outcome:?}");
    }
    assert!(!shadow.revision().is_open());
}

#[test]
fn a_copy_says_what_the_original_says() {
    let (host, _) = host();
    let given = Given(vec![("header:x-tenant", "a"), ("header:x-tenant", "b"), ("query:q", "c")]);
    let revision = crate::scene::revision(&host, spec("capable"));
    let original = request("/inputs", &given);
    let copy = revision.keep_request(&original);
    let told = metadata(&revision.on_request(&original), "said");
    assert_eq!(told, " a 2 c");
    assert_eq!(metadata(&revision.on_request(&copy.head()), "said"), told);
    assert!(copy.size() > "example.com/inputsabc".len());

    let revision = crate::scene::revision(&host, spec("mischief"));
    let given = Given(vec![("header:x-mischief", "/good")]);
    let original = response(&given);
    let copy = revision.keep_response(&original);
    let said = |head| revision.on_response(&head, 0).outcome;
    assert_eq!(said(copy.head()), said(original));
}
