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
    pub(super) fn new(fleet: &Arc<Fleet>, plan: &InstancePlan, connects: Arc<Connects>) -> Probe {
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
    fn new(fleet: &Arc<Fleet>, instance: &InstancePlan, plan: &CheckPlan, now: Duration) -> Check {
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
    fn new(fleet: &Arc<Fleet>, plan: &InstancePlan) -> Subject {
        Subject { fleet: Arc::downgrade(fleet), id: plan.id.clone(), address: plan.address }
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
        fleet: &Arc<Fleet>,
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
