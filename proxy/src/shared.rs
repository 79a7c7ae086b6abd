//! What all threads of the process share: the current snapshot and the instruments.

use crate::overload::Load;
use crate::serve::{BodyRoom, Calm, DoorRules, Frequency, HeadLimits, Patience, Reserve, Tls};
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use fastrand::Rng;
use hither_cache::{Cache, Purge, Target};
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
    /// For when the process may open no more.
    pub(crate) descriptors: Reserve,
    /// What is kept of responses; it outlives every snapshot.
    pub(crate) cache: &'static Cache,
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
        let cache = Cache::start(snapshot.plan.cache.memory.bytes());
        let (snapshot, bodies) = (ArcSwap::new(snapshot), Arc::default());
        let descriptors = Reserve::new();
        Arc::new(Shared {
            snapshot,
            telemetry,
            upstream_keepalive,
            bodies,
            load,
            descriptors,
            cache,
        })
    }

    /// The snapshot that a request which begins now sees.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// From now on requests begin with `next`. Gives back the one before.
    pub(crate) fn swap(&self, next: Arc<Snapshot>) -> Arc<Snapshot> {
        self.snapshot.swap(next)
    }

    /// The cache follows a swap: its size is the new one, and what was kept for services that are gone,
    /// or that keep nothing any more, is gone.
    pub(crate) fn settle_cache(&self, before: &Snapshot, now: &Snapshot) {
        self.cache.resize(now.plan.cache.memory.bytes());
        let keeps = |name: &str| now.service(name).is_some_and(|service| service.cache.is_some());
        for service in before.services.iter().filter(|service| service.cache.is_some()) {
            if !keeps(&service.name) {
                self.cache.purge(&Purge::Service(&service.name));
            }
        }
    }

    /// How a connection of this listener is waited for.
    pub(crate) fn patience(&self, listener: &str) -> Patience {
        self.snapshot.load().listener(listener).map_or(PARTING, |rules| rules.patience)
    }

    /// Who speaks TLS at this listener, where it has certificates: those of now.
    pub(crate) fn tls(&self, listener: &str) -> Option<Arc<Tls>> {
        self.snapshot.load().listener(listener)?.tls.clone()
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

/// Purges what these services keep of a URL. How many responses that were.
///
/// # Errors
/// It is no URL with a host.
pub(crate) fn purge_url<'a>(
    cache: &Cache,
    services: impl Iterator<Item = &'a str>,
    url: &str,
) -> Result<u64, String> {
    let wrong = || format!("{url:?} is not a URL as http://HOST/PATH");
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(wrong)?;
    let (authority, path) = (authority.as_str(), uri.path_and_query());
    let path = path.map_or("/", |path| path.as_str()).as_bytes();
    let purged = services.map(|service| {
        let target = Target { service, scheme, authority, path, more: b"" };
        cache.purge(&Purge::Url(target.hash()))
    });
    Ok(purged.sum())
}
