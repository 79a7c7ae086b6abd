//! A new revision of a plugin beside the one that serves: what is counted of both, what follows from that,
//! and what became of it.
//!
//! `policy` decides from figures alone, `significance` knows only numbers. Must not know plugins, snapshots or
//! clocks other than how long a rollout lasts: `chain` counts here, `reload` acts on what is decided.

mod comparison;
mod figures;
mod plan;
mod policy;
mod significance;
mod status;

pub(crate) use comparison::{Compared, Likeness};
pub(crate) use figures::{Call, How};
pub(crate) use plan::{Kind, Percent, RolloutPlan, duration};

use crate::telemetry::RolloutMetrics;
use comparison::Comparison;
use figures::Tally;
use parking_lot::Mutex;
use policy::Verdict;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// A canary without a complaint: the new revision serves whole.
    Promoted,
    /// The new revision is gone, and this is why.
    RolledBack(String),
    /// A shadow that saw what it should.
    Finished,
    /// Somebody asked for its end.
    Stopped,
    /// What it was compared with is no longer what serves.
    Replaced(String),
}

impl End {
    /// The word for it, everywhere.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            End::Promoted => "promoted",
            End::RolledBack(_) => "rolled_back",
            End::Finished => "finished",
            End::Stopped => "stopped",
            End::Replaced(_) => "replaced",
        }
    }

    /// Why, where the word does not say it all.
    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            End::RolledBack(why) | End::Replaced(why) => Some(why),
            End::Promoted | End::Finished | End::Stopped => None,
        }
    }
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Old,
    New,
}

/// Which revision, and what of it was counted.
pub(crate) struct Side {
    identity: OnceLock<Identity>,
    tally: Tally,
}

/// A revision by number and bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    pub(crate) revision: u64,
    pub(crate) digest: String,
}

/// One rollout, from its begin and beyond its end.
pub(crate) struct Rollout {
    pub(crate) id: u64,
    pub(crate) plugin: Arc<str>,
    pub(crate) plan: RolloutPlan,
    old: Side,
    new: Side,
    /// Of a shadow.
    comparison: Comparison,
    metrics: RolloutMetrics,
    began: OnceLock<Began>,
    ended: Mutex<Option<Ended>>,
}

struct Began {
    at: SystemTime,
    clock: Instant,
}

struct Ended {
    how: End,
    at: SystemTime,
}

impl Rollout {
    /// One that has not begun: the new revision must be built first, which takes its time.
    pub(crate) fn new(
        id: u64,
        plugin: Arc<str>,
        plan: RolloutPlan,
        metrics: RolloutMetrics,
    ) -> Rollout {
        let side = || Side { identity: OnceLock::new(), tally: Tally::default() };
        Rollout {
            id,
            plugin,
            plan,
            old: side(),
            new: side(),
            comparison: Comparison::default(),
            metrics,
            began: OnceLock::new(),
            ended: Mutex::new(None),
        }
    }

    /// These are the two.
    pub(crate) fn between(&self, old: Identity, new: Identity) {
        let _ = self.old.identity.set(old);
        let _ = self.new.identity.set(new);
    }

    /// The new revision is there: time runs.
    pub(crate) fn begin(&self) {
        let began = Began { at: SystemTime::now(), clock: Instant::now() };
        if self.began.set(began).is_ok() {
            self.metrics.began();
        }
    }

    /// Whether it goes on.
    pub(crate) fn runs(&self) -> bool {
        self.ended.lock().is_none()
    }

    /// A call of either revision has ended.
    pub(crate) fn count(&self, which: Which, call: Call) {
        let side = match which {
            Which::Old => &self.old,
            Which::New => &self.new,
        };
        side.tally.count(call);
        self.metrics.called(which, call.how);
    }

    /// Both were asked about one message.
    pub(crate) fn compared(
        &self,
        hook: &'static str,
        compared: Compared,
        of: impl FnOnce() -> String,
    ) {
        self.metrics.compared(hook, compared.likeness);
        self.comparison.add(hook, compared, of);
    }

    /// Copies of so many messages were thrown away.
    pub(crate) fn dropped(&self, many: u64) {
        self.metrics.dropped(many);
        self.comparison.dropped(many);
    }

    /// What is due now: its end, should it be time for one.
    pub(crate) fn due(&self) -> Option<End> {
        if !self.runs() {
            return None;
        }
        let over = self.left().is_zero();
        let (old, new) = (self.old.tally.figures(), self.new.tally.figures());
        match (policy::judge(&old, &new, over), self.plan.kind) {
            (Verdict::GoOn, _) => None,
            (Verdict::Worse(complaint), _) => Some(End::RolledBack(complaint.to_string())),
            (Verdict::Good | Verdict::TooFew(_), Kind::Shadow) => Some(End::Finished),
            (Verdict::Good, Kind::Canary(_)) => Some(End::Promoted),
            (Verdict::TooFew(few), Kind::Canary(_)) => Some(End::RolledBack(few.to_string())),
        }
    }

    /// It ends. Gives whether it ran until now.
    pub(crate) fn end(&self, how: End) -> bool {
        let mut ended = self.ended.lock();
        if ended.is_some() {
            return false;
        }
        self.metrics.ended(how.name());
        *ended = Some(Ended { how, at: SystemTime::now() });
        true
    }

    fn left(&self) -> Duration {
        let gone = self.began.get().map_or(Duration::ZERO, |began| began.clock.elapsed());
        self.plan.lasts.saturating_sub(gone)
    }
}
