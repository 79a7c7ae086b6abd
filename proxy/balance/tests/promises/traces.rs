//! Traces that users of such balancers left behind, as regressions.

use std::time::Duration;

use hither_balance::{Policy, Wanted};

use crate::service::{Service, spec};

/// One of eight was idle while another was above its soft limit.
#[test]
fn an_idle_instance_takes_traffic_within_one_decision() {
    let rtt = Some(Duration::from_millis(1));
    let specs: Vec<_> = (0..8).map(|n| spec(&n.to_string(), "ams", rtt)).collect();
    let policy = Policy { soft_limit: 20, hard_limit: Some(35), ..Policy::default() };
    let mut service = Service::of(policy, specs);
    service.balancer.set_healthy("5", false);
    service.hold(7 * 22);
    service.balancer.set_healthy("5", true);
    service.hold(7 * 22 + 1);
    assert_eq!(service.permits.last().expect("just picked").id(), "5");
}

/// It answers errors at once, so it always looks idle: health is what keeps it from taking all.
#[test]
fn an_instance_that_fails_fast_does_not_attract_load_once_it_is_ejected() {
    let rtt = Some(Duration::from_millis(1));
    let specs: Vec<_> = (0..3).map(|n| spec(&n.to_string(), "ams", rtt)).collect();
    let mut service = Service::of(Policy::default(), specs);
    service.hold(10);
    service.balancer.set_healthy("1", false);
    let held = service.permits.len();
    for _ in 0..20 {
        service.arrive(&Wanted::default()).expect("two others are open");
    }
    assert!(service.permits[held..].iter().all(|permit| permit.id() != "1"));
}

/// A retry goes elsewhere, even to a busier one.
#[test]
fn a_retry_never_returns_to_an_instance_that_it_has_tried() {
    for count in [3, 100] {
        let rtt = Some(Duration::from_millis(1));
        let specs: Vec<_> = (0..count).map(|n| spec(&n.to_string(), "ams", rtt)).collect();
        let mut service = Service::of(Policy::default(), specs);
        service.hold(count);
        let idle = service.end_one(0);
        for _ in 0..100 {
            let wanted = Wanted { exclude: &[&idle], ..Wanted::default() };
            service.arrive(&wanted).expect("others are open");
            assert_ne!(service.end_one(service.permits.len() - 1), idle);
        }
    }
}
