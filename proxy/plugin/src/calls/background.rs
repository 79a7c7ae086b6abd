//! `background.on-tick`: one instance of its own for each revision, called now and then by whoever keeps the
//! time. That it fails touches no other hook of the plugin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::gate::Gate;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::report::Report;
use crate::revision::Revision;

/// The background of one revision. Dropping it ends its instance.
pub struct Background {
    pub(super) revision: Arc<Revision>,
    period: Duration,
    pub(super) instance: Option<Box<Instance>>,
    pub(super) gate: Gate,
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background").field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl Background {
    /// Of a plugin that has the hook.
    pub fn of(revision: &Arc<Revision>) -> Option<Self> {
        let has = revision.hooks().contains(Hook::Background);
        let period = revision.manifest().tick.filter(|_| has)?;
        let (revision, gate) = (Arc::clone(revision), Gate::default());
        Some(Self { revision, period, instance: None, gate })
    }

    /// From one tick to the next: 100 ms to an hour.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// `background.on-tick` with this Unix time. After a failure the next call gets a fresh instance; after
    /// several it is left alone for a while.
    pub fn tick(&mut self, now_ms: u64) -> Report<()> {
        let begin = Instant::now();
        let Some(ticket) = self.gate.ask(begin, false) else { return Report::left_alone() };
        let report = self.revision.tick_on(&mut self.instance, begin, now_ms);
        self.gate.tell_of(begin, &ticket, &report);
        report
    }
}
