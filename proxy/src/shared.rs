//! What all threads of the process share: the current snapshot and the instruments.

use crate::overload::Load;
use crate::serve::{BodyRoom, Calm, DoorRules, Frequency, HeadLimits, Patience};
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use fastrand::Rng;
use std::net::IpAddr;
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
    /// How many requests there are, and whether there may be more.
    pub(crate) load: Arc<Load>,
}

/// For a listener that has just been removed from the configuration.
const PARTING: Patience = Patience {
    head: HeadLimits { bytes: 32 * 1024, lines: 100 },
    head_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(1),
    least_pace: 240,
    calm: Calm {
        control: Frequency { amount: 200, per: Duration::from_secs(1) },
        resets: Frequency { amount: 40, per: Duration::from_secs(1) },
    },
};

impl Shared {
    pub(crate) fn new(snapshot: Arc<Snapshot>, telemetry: Arc<Telemetry>) -> Arc<Shared> {
        let upstream_keepalive = snapshot.plan.edge.upstream_keepalive as usize;
        let load = Load::new(snapshot.clock);
        let (snapshot, bodies) = (ArcSwap::new(snapshot), Arc::default());
        Arc::new(Shared { snapshot, telemetry, upstream_keepalive, bodies, load })
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

    /// What a client may do at this listener's door; none: what it likes, since it is a trusted proxy, or since
    /// the listener has just been removed.
    pub(crate) fn door(&self, listener: &str, peer: IpAddr) -> Option<(DoorRules, Duration)> {
        let snapshot = self.snapshot.load();
        let rules = snapshot.listener(listener).filter(|rules| !rules.trusts(peer))?;
        Some((rules.door, snapshot.clock.now()))
    }

    /// A generator for one balancing decision.
    pub(crate) fn rng(&self) -> Rng {
        Rng::with_seed(fastrand::u64(..))
    }
}
