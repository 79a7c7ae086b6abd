//! One instance changes, and nobody else notices: large services keep their table.

use std::sync::Arc;
use std::time::Duration;

use hither_balance::{InstanceSpec, Policy, Refusal, Wanted};

use crate::service::{Service, spec};

const NEAR: Option<Duration> = Some(Duration::from_millis(1));
const FAR: Option<Duration> = Some(Duration::from_millis(120));

/// As many that are fixed far away, and two whose round trips are measured.
fn large(far: usize) -> Service {
    let mut specs: Vec<InstanceSpec> = (0..far).map(|n| spec(&n.to_string(), "sea", FAR)).collect();
    specs.push(spec("a", "ams", None));
    specs.push(spec("b", "ams", None));
    let policy = Policy { soft_limit: 1, hard_limit: Some(2), ..Policy::default() };
    Service::of(policy, specs)
}

fn measure(service: &mut Service, id: &str, rtt: Option<Duration>) {
    service.now += Duration::from_secs(2);
    service.balancer.measured([(id, rtt)], service.now);
}

/// Who gets the next request, which ends at once.
fn next(service: &mut Service, wanted: &Wanted<'_>) -> Result<String, Refusal> {
    let at_once = service.arrive(wanted)?;
    assert!(at_once, "it has room");
    Ok(service.end_one(service.permits.len() - 1))
}

#[test]
fn traffic_follows_a_class_that_wavers_and_the_table_stays() {
    let mut service = large(200);
    let far = Wanted { require: &[("id", "7")], ..Wanted::default() };
    service.arrive(&far).expect("it is open");
    for _ in 0..500 {
        measure(&mut service, "a", NEAR);
        assert_eq!(next(&mut service, &Wanted::default()).as_deref(), Ok("a"));
        measure(&mut service, "a", FAR);
        measure(&mut service, "b", NEAR);
        assert_eq!(next(&mut service, &Wanted::default()).as_deref(), Ok("b"));
        measure(&mut service, "b", None);
        assert_ne!(next(&mut service, &Wanted::default()).as_deref(), Ok("b"));
    }
    service.arrive(&far).expect("it has room");
    let same = Arc::ptr_eq(service.permits[0].instance(), service.permits[1].instance());
    assert!(same, "a thousand changes of class made a new table");
}

#[test]
fn a_place_that_is_held_while_the_class_changes_is_counted_where_the_instance_is() {
    let mut service = large(200);
    measure(&mut service, "a", NEAR);
    service.hold(1);
    assert_eq!(service.permits[0].id(), "a");
    measure(&mut service, "a", Some(Duration::from_millis(10)));
    measure(&mut service, "b", NEAR);
    service.hold(2);
    assert_eq!(service.permits[1].id(), "b");
    service.hold(3);
    assert_ne!(service.permits[2].id(), "a", "it is busy, others are open");
    drop(service.permits.remove(0));
    service.hold(3);
    assert_eq!(service.permits[2].id(), "a", "it is open again, and closer than the others");
}

#[test]
fn instances_come_and_go_one_by_one() {
    for far in [3, 200] {
        let mut service = large(far);
        let mut new = spec("new", "ams", NEAR);
        new.labels.push(("version".into(), "1".into()));
        service.balancer.put(new.clone()).expect("not too many");
        let first = Wanted { require: &[("version", "1")], ..Wanted::default() };
        assert_eq!(next(&mut service, &first).as_deref(), Ok("new"));
        assert_eq!(next(&mut service, &Wanted::default()).as_deref(), Ok("new"));
        service.hold(1);
        new.labels[0].1 = "2".into();
        service.balancer.put(new).expect("not too many");
        let second = Wanted { require: &[("version", "2")], ..Wanted::default() };
        assert_eq!(next(&mut service, &first), Err(Refusal::NoInstance));
        assert_eq!(next(&mut service, &second).as_deref(), Ok("new"));
        assert_eq!(service.permits[0].in_flight(), 1, "the count goes on");
        assert!(service.balancer.remove("new"));
        assert!(!service.balancer.remove("new"));
        assert_eq!(next(&mut service, &second), Err(Refusal::NoInstance));
        assert_eq!(service.balancer.instances().len(), far + 2);
        assert_eq!(service.permits[0].in_flight(), 1, "what runs goes on");
    }
}

#[test]
fn more_newcomers_than_there_are_free_seats_find_room() {
    let mut service = large(100);
    for number in 0..2_000 {
        service.balancer.put(spec(&format!("new{number}"), "ams", NEAR)).expect("not too many");
    }
    service.hold(2_000);
    assert!(service.permits.iter().all(|permit| permit.id().starts_with("new")));
    let instances = service.balancer.instances();
    assert_eq!(instances.len(), 2_102);
    assert!(instances.is_sorted_by_key(|i| i.class), "closest first");
}

#[test]
fn who_waits_gets_the_place_that_a_newcomer_brings() {
    for count in [1, 100] {
        let specs = (0..count).map(|n| spec(&n.to_string(), "ams", NEAR)).collect();
        let policy = Policy { soft_limit: 1, hard_limit: Some(1), ..Policy::default() };
        let mut service = Service::of(policy, specs);
        service.hold(count + 1);
        service.balancer.put(spec("new", "sin", FAR)).expect("not too many");
        assert_eq!(service.answered().expect("its turn").expect("not refused").id(), "new");
    }
}
