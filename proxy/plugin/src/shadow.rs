//! A revision that is shown copies of what another one decides. It runs as any other, with the same budgets and
//! configurations, but nothing that it does may change what a request sees:
//!
//! | capability | a shadow's |
//! |---|---|
//! | `store` | a copy of the plugin's store as it was when the shadow began; its writes stay there |
//! | `limits` | take says what it would, and takes nothing |
//! | `http` | every call fails as unavailable; the verdict that follows cannot be compared |
//! | `cache-control` | purges nothing, and so finds nothing; the verdict that follows cannot be compared |
//! | `metrics` | count nowhere |
//! | `log`, `secrets`, `instances` | as usual: they change nothing, and a log tells the revision |
//!
//! Its breaker never opens, so that each failure is seen. It cannot become a revision that serves: that one
//! is configured anew, with capabilities that are real.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::environment::{
    Charged, Environment, HttpCall, HttpError, HttpFuture, InstanceView, Level, LogLine, MetricSink,
};
use crate::manifest::Metric;
use crate::revision::Revision;

/// A revision that only watches.
pub struct Shadow {
    revision: Arc<Revision>,
    onlooker: Arc<Onlooker>,
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow").field("revision", &self.revision).finish_non_exhaustive()
    }
}

impl Shadow {
    pub(crate) fn new(revision: Arc<Revision>, onlooker: Arc<Onlooker>) -> Self {
        Self { revision, onlooker }
    }

    /// Whom to ask. Calls are made one at a time where [`Shadow::refused`] is to tell of one.
    pub fn revision(&self) -> &Arc<Revision> {
        &self.revision
    }

    /// How often it wanted something that a shadow is not given. A verdict during which this went up
    /// says nothing of what the revision would say.
    pub fn refused(&self) -> u64 {
        self.onlooker.refused.load(Ordering::Relaxed)
    }
}

/// The environment as a shadow has it.
pub(crate) struct Onlooker {
    real: Arc<dyn Environment>,
    refused: AtomicU64,
}

impl Onlooker {
    pub(crate) fn new(real: Arc<dyn Environment>) -> Self {
        Self { real, refused: AtomicU64::new(0) }
    }
}

impl Environment for Onlooker {
    fn log_enabled(&self, plugin: &str, level: Level) -> bool {
        self.real.log_enabled(plugin, level)
    }

    fn log(&self, line: &LogLine<'_>) {
        self.real.log(line);
    }

    /// Not even declared: a name that a shadow alone has must not stay when it is gone.
    fn metrics(&self, _: &str, _: &[Metric]) -> Result<Arc<dyn MetricSink>, String> {
        Ok(Arc::new(Nowhere))
    }

    fn instances(&self, service: &str) -> Option<Vec<InstanceView>> {
        self.real.instances(service)
    }

    fn take(&self, limiter: &str, key: &[u8], cost: u32) -> Option<Charged> {
        self.real.peek(limiter, key, cost)
    }

    fn peek(&self, limiter: &str, key: &[u8], cost: u32) -> Option<Charged> {
        self.real.peek(limiter, key, cost)
    }

    fn purge_tag(&self, _: &str, _: &str) -> u64 {
        self.refused.fetch_add(1, Ordering::Relaxed);
        0
    }

    fn purge_url(&self, _: &str, _: &str) -> Result<u64, String> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Ok(0)
    }

    /// Even a GET may change something, and costs its service the work a second time.
    fn call(&self, _: HttpCall) -> HttpFuture {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let why = "a shadow calls nobody".to_owned();
        Box::pin(std::future::ready(Err(HttpError::Unavailable(why))))
    }
}

struct Nowhere;

impl MetricSink for Nowhere {
    fn add(&self, _: usize, _: u64) {}
    fn set(&self, _: usize, _: f64) {}
    fn observe(&self, _: usize, _: f64) {}
}
