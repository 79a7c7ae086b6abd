//! What all threads of the process share: the current snapshot and the instruments.

use crate::serve::{BodyRoom, HeadLimits, Patience};
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use fastrand::Rng;
use std::sync::Arc;
use std::time::Duration;

/// Shared by all threads.
pub(crate) struct Shared {
    snapshot: ArcSwap<Snapshot>,
    /// Where everything is told.
    pub(crate) telemetry: Arc<Telemetry>,
    /// Idle upstream connections that each thread keeps.
    pub(crate) upstream_keepalive: usize,
    /// The count of what is held back of bodies for plugins.
    pub(crate) bodies: Arc<BodyRoom>,
}

/// For a listener that has just been removed from the configuration.
const PARTING: Patience = Patience {
    head: HeadLimits { bytes: 32 * 1024, lines: 100 },
    head_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(1),
};

impl Shared {
    pub(crate) fn new(snapshot: Arc<Snapshot>, telemetry: Arc<Telemetry>) -> Arc<Shared> {
        let upstream_keepalive = snapshot.plan.edge.upstream_keepalive as usize;
        let snapshot = ArcSwap::new(snapshot);
        Arc::new(Shared { snapshot, telemetry, upstream_keepalive, bodies: Arc::default() })
    }

    /// The snapshot that a request which begins now sees.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// From now on requests begin with `next`. Gives back the one before.
    pub(crate) fn swap(&self, next: Arc<Snapshot>) -> Arc<Snapshot> {
        self.snapshot.swap(next)
    }

    /// How a connection of this listener is waited for.
    pub(crate) fn patience(&self, listener: &str) -> Patience {
        self.snapshot.load().listener(listener).map_or(PARTING, |rules| rules.patience)
    }

    /// A generator for one balancing decision.
    pub(crate) fn rng(&self) -> Rng {
        Rng::with_seed(fastrand::u64(..))
    }
}
