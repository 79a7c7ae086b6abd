//! One instance as it is watched: its probe and its checks, with what they found so far. They live
//! as long as the instance stays what it is, across reloads.

use super::connects::Connects;
use super::fleet::Fleet;
use super::verdict::Verdict;
use super::window::Window;
use hither_config::{CheckPlan, InstancePlan, Name};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Whom it is about.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) fleet: Weak<Fleet>,
    pub(super) id: Name,
    pub(super) address: SocketAddr,
}

/// The round trip to one instance.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) subject: Subject,
    connects: Arc<Connects>,
    window: Mutex<Window>,
}

impl Probe {
    fn new(fleet: &Weak<Fleet>, plan: &InstancePlan, connects: Arc<Connects>) -> Probe {
        Probe { subject: Subject::new(fleet, plan), connects, window: Mutex::default() }
    }

    /// Takes the outcome of a probe, and what requests saw meanwhile. Tells the round trip that
    /// follows and when to probe again.
    pub(super) fn take(&self, probed: Option<Duration>) -> (Option<Duration>, Duration) {
        let mut window = self.window.lock();
        match (probed, self.connects.take()) {
            (Some(probed), Some(seen)) => window.measured(probed.min(seen)),
            (Some(rtt), None) | (None, Some(rtt)) => window.measured(rtt),
            (None, None) => window.failed(),
        }
        (window.rtt(), window.period())
    }
}

/// One check of one instance.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) subject: Subject,
    pub(super) http2: bool,
    pub(super) plan: CheckPlan,
    verdict: Mutex<Verdict>,
}

impl Check {
    fn new(fleet: &Weak<Fleet>, instance: &InstancePlan, plan: &CheckPlan, now: Duration) -> Check {
        Check {
            subject: Subject::new(fleet, instance),
            http2: instance.http2,
            plan: plan.clone(),
            verdict: Mutex::new(Verdict::new(plan, now)),
        }
    }

    /// Takes the outcome of a check that began at `began`; tells whether its verdict changed.
    pub(super) fn take(&self, passed: bool, began: Duration) -> bool {
        self.verdict.lock().take(passed, began)
    }

    fn healthy(&self) -> bool {
        self.verdict.lock().healthy()
    }
}

impl Subject {
    fn new(fleet: &Weak<Fleet>, plan: &InstancePlan) -> Subject {
        Subject { fleet: fleet.clone(), id: plan.id.clone(), address: plan.address }
    }
}

/// All that is known of one instance beyond its plan.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) connects: Arc<Connects>,
    /// None where the round trip is fixed.
    pub(super) probe: Option<Arc<Probe>>,
    pub(super) checks: Vec<Arc<Check>>,
}

impl Watched {
    /// What an instance begins with, keeping from `before` what is about the same address and asked
    /// in the same way.
    pub(super) fn next(
        fleet: &Weak<Fleet>,
        plan: &InstancePlan,
        checks: &[CheckPlan],
        before: Option<&(InstancePlan, Watched)>,
        now: Duration,
    ) -> Watched {
        let before = before.filter(|(old, _)| old.address == plan.address);
        let connects = before.map_or_else(Arc::default, |(_, old)| old.connects.clone());
        let probe = plan.rtt.is_none().then(|| {
            let kept = before.and_then(|(_, old)| old.probe.clone());
            kept.unwrap_or_else(|| Arc::new(Probe::new(fleet, plan, connects.clone())))
        });
        let kept: &[Arc<Check>] = before
            .filter(|(old, _)| old.http2 == plan.http2)
            .map_or(&[], |(_, old)| old.checks.as_slice());
        let check = |check: &CheckPlan| {
            let same = kept.iter().find(|old| old.plan == *check).cloned();
            same.unwrap_or_else(|| Arc::new(Check::new(fleet, plan, check, now)))
        };
        Watched { connects, probe, checks: checks.iter().map(check).collect() }
    }

    /// All checks pass; an instance without checks is healthy as far as anybody knows.
    pub(super) fn healthy(&self) -> bool {
        self.checks.iter().all(|check| check.healthy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hither_config::CheckKind;
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;

    fn instance(port: u16, rtt: Option<Duration>) -> InstancePlan {
        let name = |text| Name::new(text).expect("a name");
        let address = ([127, 0, 0, 1], port).into();
        let (id, region) = (name("a"), name("ams"));
        InstancePlan { id, address, region, labels: BTreeMap::new(), rtt, http2: false }
    }

    fn check(interval: u64) -> CheckPlan {
        CheckPlan {
            kind: CheckKind::Tcp,
            interval: Duration::from_secs(interval),
            timeout: Duration::from_secs(2),
            grace_period: Duration::ZERO,
            failures: NonZeroU32::MIN,
            successes: NonZeroU32::MIN,
        }
    }

    fn next(plan: &InstancePlan, checks: &[CheckPlan], before: Option<Watched>) -> Watched {
        let before = before.map(|watched| (instance(1, None), watched));
        Watched::next(&Weak::new(), plan, checks, before.as_ref(), Duration::ZERO)
    }

    #[test]
    fn what_requests_see_is_as_good_as_a_probe() {
        let watched = next(&instance(1, None), &[], None);
        let probe = watched.probe.expect("nothing is fixed");
        let ms = Duration::from_millis;
        assert_eq!(probe.take(Some(ms(9))).0, Some(ms(9)));
        watched.connects.took(ms(7));
        assert_eq!(probe.take(Some(ms(9))).0, Some(ms(7)));
        let later: Vec<_> = (0..20).map(|_| probe.take(Some(ms(9))).0).collect();
        assert_eq!((later[18], later[19]), (Some(ms(7)), Some(ms(9))));
        for _ in 0..10 {
            // Whoever answers requests is reached, although probes of it fail.
            watched.connects.took(ms(8));
            assert_eq!(probe.take(None).0, Some(ms(8)));
        }
    }

    #[test]
    fn what_is_known_stays_with_what_it_is_about() {
        let first = next(&instance(1, None), &[check(1), check(2)], None);
        assert!(first.checks[1].take(false, Duration::ZERO) && !first.healthy());
        let (probe, ill) = (first.probe.clone().expect("a probe"), first.checks[1].clone());
        let same = next(&instance(1, None), &[check(2), check(3)], Some(first));
        assert!(Arc::ptr_eq(same.probe.as_ref().expect("a probe"), &probe));
        assert!(Arc::ptr_eq(&same.checks[0], &ill) && !same.healthy());
        let elsewhere = next(&instance(2, None), &[check(2)], Some(same));
        assert!(!Arc::ptr_eq(elsewhere.probe.as_ref().expect("a probe"), &probe));
        assert!(elsewhere.healthy(), "another server begins anew");
        assert!(next(&instance(1, Some(Duration::ZERO)), &[], None).probe.is_none());
    }
}
