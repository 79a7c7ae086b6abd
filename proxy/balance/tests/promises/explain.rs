//! The answer to "why there?": every reason, in the order of preference, and nothing is changed.

use std::time::Duration;

use hither_balance::{Outcome, Policy, Refusal, Verdict, Wanted};

use crate::service::{Service, spec};

fn policy() -> Policy {
    Policy { soft_limit: 1, hard_limit: Some(2), ..Policy::default() }
}

/// Ids and verdicts, best first.
fn verdicts(service: &Service, wanted: &Wanted<'_>) -> Vec<(String, Verdict)> {
    let told = service.balancer.explain(wanted, service.now, 100);
    assert_eq!(told.omitted, 0);
    told.candidates.into_iter().map(|c| (c.id.to_string(), c.verdict)).collect()
}

fn on(service: &mut Service, id: &str) {
    let wanted = Wanted { require: &[("id", id)], ..Wanted::default() };
    assert_eq!(service.arrive(&wanted), Ok(true));
}

#[test]
fn every_candidate_is_told_its_reason() {
    let near = Some(Duration::from_millis(1));
    let far = Some(Duration::from_millis(120));
    let ids = ["idle", "idle2", "busy", "full", "ill", "drained", "failing", "tried"];
    let mut specs: Vec<_> = ids.iter().map(|id| spec(id, "ams", near)).collect();
    specs.push(spec("far", "sea", far));
    specs.iter_mut().for_each(|spec| spec.labels.push(("v".into(), "1".into())));
    specs.push(spec("other", "ams", near));
    let mut service = Service::of(policy(), specs);
    for id in ["busy", "full", "full", "failing"] {
        on(&mut service, id);
    }
    let failing = service.permits.pop().expect("held");
    (0..5).for_each(|_| failing.failed(service.now));
    drop(failing);
    service.balancer.set_healthy("ill", false);
    service.balancer.set_draining("drained", true);
    let wanted = Wanted { require: &[("v", "1")], exclude: &["tried"], ..Wanted::default() };
    let missing = Verdict::LabelMissing { key: "v".into(), value: "1".into() };
    let told = verdicts(&service, &wanted);
    let of = |id: &str| told.iter().find(|(other, _)| other == id).expect("listed").1.clone();
    assert_eq!((of("idle"), of("idle2")), (Verdict::Chosen, Verdict::Tie));
    assert_eq!((of("busy"), of("full")), (Verdict::Busy, Verdict::Full));
    assert_eq!((of("far"), of("ill")), (Verdict::Further, Verdict::Unhealthy));
    assert_eq!((of("drained"), of("tried")), (Verdict::Draining, Verdict::Excluded));
    assert_eq!(of("failing"), Verdict::Ejected { until: Duration::from_secs(30) });
    assert_eq!(of("other"), missing);
    let order: Vec<&str> = told.iter().map(|(id, _)| id.as_str()).take(5).collect();
    assert_eq!(order, ["idle", "idle2", "far", "busy", "full"]);
}

#[test]
fn load_and_preference_are_reasons() {
    let rtt = Some(Duration::from_millis(1));
    let specs = ["a", "b"].map(|id| spec(id, "ams", rtt)).into();
    let mut service = Service::of(Policy::default(), specs);
    on(&mut service, "a");
    let plain = verdicts(&service, &Wanted::default());
    assert_eq!(plain, [("b".into(), Verdict::Chosen), ("a".into(), Verdict::MoreLoaded)]);
    let wanted = Wanted { prefer: &[("id", "a")], ..Wanted::default() };
    let preferred = verdicts(&service, &wanted);
    assert_eq!(preferred, [("a".into(), Verdict::Chosen), ("b".into(), Verdict::LessPreferred)]);
}

#[test]
fn what_would_happen_is_what_happens() {
    for count in [1, 100] {
        let specs = (0..count).map(|n| spec(&n.to_string(), "ams", None)).collect();
        let mut service = Service::of(Policy { max_waiting: Some(2), ..policy() }, specs);
        let outcome = |service: &Service| {
            service.balancer.explain(&Wanted::default(), service.now, 1).outcome
        };
        assert!(matches!(outcome(&service), Outcome::Permit { among, .. } if among == count));
        service.hold(2 * count);
        for position in 1..=2 {
            assert_eq!(outcome(&service), Outcome::Wait { position });
            service.hold(2 * count + position);
        }
        assert!(matches!(outcome(&service), Outcome::Refused(Refusal::QueueFull { .. })));
        assert_eq!(service.balancer.queue(service.now).waiting, 2, "asking changes nothing");
    }
}

#[test]
fn no_more_than_was_asked_for_is_told() {
    let specs = (0..1_000).map(|n| spec(&n.to_string(), "ams", None)).collect();
    let service = Service::of(policy(), specs);
    let told = service.balancer.explain(&Wanted::default(), service.now, 10);
    assert_eq!((told.candidates.len(), told.omitted), (10, 990));
    assert_eq!(told.candidates[0].verdict, Verdict::Chosen);
}
