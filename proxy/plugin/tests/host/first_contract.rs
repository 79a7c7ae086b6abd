//! A component that was built against the first contract, from a copy of it that nobody changes, loads on
//! this host, and each of its hooks is understood. A change of a published shape fails here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hither_plugin_host::{
    Attempt, Background, BodyMode, CacheKey, Charge, Classified, Failover, Freshness, Hook, Host,
    HostOptions, KeptInputs, Lent, Lookup, RequestVerdict, ResponseVerdict, Revision, Routing,
    Side, Storage, WholeVerdict,
};

use crate::aside::summary;
use crate::scene::{Given, World, load, one_config, request, response, spec};

fn first() -> (Host, Arc<World>, Arc<Revision>) {
    let world = Arc::new(World::default());
    let options = HostOptions { caches: true, ..HostOptions::new(world.clone()) };
    let host = Host::new(options).unwrap();
    let lent = Lent { limiters: BTreeSet::from(["plans".to_owned()]), ..Lent::default() };
    let loaded = load(&host, spec("first_contract"));
    let revision = loaded.configure_with(one_config("{}"), lent).unwrap();
    (host, world, revision)
}

#[test]
fn every_hook_of_the_first_contract_is_served() {
    let (_host, _, revision) = first();
    assert!(
        Hook::ALL.iter().all(|hook| revision.hooks().contains(*hook)),
        "{:?}",
        revision.hooks()
    );
}

#[test]
fn what_the_first_contract_says_of_requests_is_understood() {
    let (_host, world, revision) = first();
    let given = Given(vec![("header:x-say", "hello")]);
    let head = request("/", &given);

    let Ok(Routing::Route(target)) = revision.select(&head).outcome else { panic!("no route") };
    assert_eq!(target.require, [("region".to_owned(), "ams".to_owned())]);
    assert_eq!((target.timeout, target.memo), (Some(Duration::from_millis(1500)), 1));

    let Ok(RequestVerdict::Next(patch)) = revision.on_request(&head).outcome else {
        panic!("no patch")
    };
    // A counter of the store, a limiter and a secret that were not lent, a service that is not there.
    assert_eq!(patch.metadata, [("told".to_owned(), "1 true 0 true".to_owned())]);
    assert_eq!((patch.memo, patch.response_hooks), (2, true));
    assert_eq!(patch.body, BodyMode::Buffered(1024));
    assert_eq!(*world.metrics.lock(), [(0, 1.0)]);
    assert_eq!(world.lines.lock()[0].1, "asked");

    let bearer = hither_plugin_host::Bearer { exchange: 1, config: 0, memo: 2 };
    let whole = revision.on_whole(Side::Request, bearer, b"abc").outcome;
    assert!(
        matches!(&whole, Ok(WholeVerdict::Next { body: Some(body), .. }) if body == b"ABC"),
        "{whole:?}"
    );

    let charge = Charge { limiter: "plans".to_owned(), key: b"key".to_vec(), cost: 2 };
    assert_eq!(revision.classify(&head).outcome, Ok(Classified::Charges(vec![charge])));

    let attempt = Attempt {
        number: 1,
        instance: "ams-1",
        status: None,
        error: Some("connect_refused"),
        elapsed: Duration::from_millis(3),
    };
    let again = Failover::Retry(vec![("id".to_owned(), "ams-1".to_owned())]);
    assert_eq!(revision.on_failure(&head, 0, &attempt).outcome, Ok(again));

    let key =
        CacheKey { primary: Some(b"key".to_vec()), vary: vec![http::header::ACCEPT], memo: 3 };
    assert_eq!(revision.on_lookup(&head).outcome, Ok(Lookup::Custom(key)));
}

#[test]
fn what_the_first_contract_says_of_responses_and_ends_is_understood() {
    let (_host, world, revision) = first();
    let given = Given(vec![("edge.region", "ams")]);
    let head = response(&given);

    let Ok(ResponseVerdict::Next(patch)) = revision.on_response(&head, 9).outcome else {
        panic!("no patch")
    };
    assert_eq!(patch.status.map(|status| status.as_u16()), Some(201));
    assert_eq!(patch.metadata, [("memo".to_owned(), "9".to_owned())]);
    assert_eq!(patch.body, BodyMode::Streamed);

    let kept = Freshness {
        ttl: Duration::from_secs(1),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        tags: vec!["first".to_owned()],
    };
    assert_eq!(revision.on_store(&head, 3).outcome, Ok(Storage::Store(kept)));

    revision.on_complete(&[summary(204, KeptInputs::default())]).outcome.unwrap();
    Background::of(&revision).unwrap().tick(7).outcome.unwrap();
    let said: Vec<String> = world.lines.lock().iter().map(|line| line.1.clone()).collect();
    assert_eq!(said, ["web 204", "tick 7"]);
}
