//! What a change of configuration keeps, and what it ends.

use std::sync::Arc;
use std::time::Duration;

use hither_balance::{Balancer, Band, InstanceSpec, Picked, Policy, Refusal, SpecError, Wanted};

use crate::service::{Service, spec};

fn policy() -> Policy {
    Policy { soft_limit: 1, hard_limit: Some(2), ..Policy::default() }
}

#[test]
fn counts_health_and_draining_survive_a_reload() {
    let specs = || vec![spec("a", "ams", None), spec("b", "ams", None), spec("c", "ams", None)];
    let mut service = Service::of(policy(), specs());
    service.hold(3);
    service.balancer.set_healthy("a", false);
    service.balancer.set_draining("b", true);
    service.balancer.measured([("c", Some(Duration::from_millis(7)))], service.now);
    service.balancer.reconfigure(policy(), specs()).expect("unique ids");
    let status = service.balancer.instances();
    let of = |id: &str| status.iter().find(|i| &*i.id == id).expect("configured");
    assert!(status.iter().all(|i| i.in_flight == 1 && i.band == Band::Busy));
    assert!(!of("a").healthy && of("b").draining);
    assert_eq!(of("c").rtt, Some(Duration::from_millis(7)));
    service.permits.clear();
    assert!(service.balancer.instances().iter().all(|i| i.in_flight == 0));
}

#[test]
fn an_instance_that_moves_is_another_one() {
    let mut service = Service::of(policy(), vec![spec("a", "ams", None)]);
    service.hold(2);
    let moved = InstanceSpec { address: "elsewhere".into(), ..spec("a", "ams", None) };
    service.balancer.reconfigure(policy(), vec![moved]).expect("unique ids");
    assert_eq!(service.balancer.instances()[0].in_flight, 0);
}

#[test]
fn a_removed_instance_gets_nothing_and_drains() {
    let mut service = Service::of(policy(), vec![spec("a", "ams", None), spec("b", "ams", None)]);
    service.hold(2);
    service.balancer.reconfigure(policy(), vec![spec("b", "ams", None)]).expect("unique ids");
    service.hold(3);
    assert_eq!(service.permits[2].id(), "b");
    let a = service.permits.iter().find(|p| p.id() == "a").expect("still running");
    assert_eq!(a.in_flight(), 1);
}

#[test]
fn an_instance_that_returns_before_it_has_drained_keeps_its_count() {
    let a = || vec![spec("a", "ams", None)];
    let mut service = Service::of(policy(), a());
    service.hold(2);
    service.balancer.reconfigure(policy(), Vec::new()).expect("unique ids");
    service.balancer.reconfigure(policy(), Vec::new()).expect("unique ids");
    assert_eq!(service.arrive(&Wanted::default()), Err(Refusal::NoInstance));
    service.balancer.reconfigure(policy(), a()).expect("unique ids");
    assert_eq!(service.arrive(&Wanted::default()), Ok(false), "both places are taken");
    service.end_one(0);
    assert!(service.answered().is_some());
}

#[test]
fn a_list_with_a_name_twice_changes_nothing() {
    let service = Service::of(policy(), vec![spec("a", "ams", None)]);
    let twice = vec![spec("b", "ams", None), spec("b", "sin", None)];
    let refused = service.balancer.reconfigure(policy(), twice);
    assert_eq!(refused, Err(SpecError::DuplicateId("b".into())));
    assert_eq!(&*service.balancer.instances()[0].id, "a");
}

#[test]
fn labels_and_payload_follow_the_configuration() {
    let with = |payload: u32, version: &str| InstanceSpec {
        id: "a".into(),
        address: "x".into(),
        region: "ams".into(),
        labels: vec![("version".into(), version.into())],
        rtt: None,
        payload,
    };
    let balancer = Balancer::new(policy(), vec![with(1, "old")], 1).expect("unique ids");
    let mut rng = fastrand::Rng::with_seed(1);
    let mut pick = |version: &str| {
        let require = [("version", version)];
        let wanted = Wanted { require: &require, ..Wanted::default() };
        balancer.pick(&wanted, &mut rng, Duration::ZERO)
    };
    let Picked::Permit(old) = pick("old") else { panic!("it has room") };
    balancer.reconfigure(policy(), vec![with(2, "new")]).expect("unique ids");
    assert!(matches!(pick("old"), Picked::Refused(Refusal::NoInstance)));
    let Picked::Permit(new) = pick("new") else { panic!("it has room") };
    assert_eq!((*old.payload(), *new.payload(), new.in_flight()), (1, 2, 2));
}

#[test]
fn nothing_of_a_dropped_balancer_stays_behind() {
    let payload = Arc::new(());
    let spec = InstanceSpec {
        id: "a".into(),
        address: "x".into(),
        region: "ams".into(),
        labels: Vec::new(),
        rtt: None,
        payload: payload.clone(),
    };
    let balancer = Balancer::new(policy(), vec![spec], 1).expect("unique ids");
    let picked = balancer.pick(&Wanted::default(), &mut fastrand::Rng::new(), Duration::ZERO);
    drop(balancer);
    assert_eq!(Arc::strong_count(&payload), 2, "the permit still needs it");
    drop(picked);
    assert_eq!(Arc::strong_count(&payload), 1);
}
