//! A plugin that serves: its revision, what its failure means, and its instruments.

use super::load::Print;
use crate::telemetry::PluginMetrics;
use hither_plugin_host::{Failure, Hook, OnFailure, Report, Revision};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// At most one log line about a failing plugin in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// One plugin of a snapshot.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) revision: Arc<Revision>,
    /// What it was loaded from.
    pub(super) print: Print,
    metrics: PluginMetrics,
    health: Mutex<Health>,
}

/// What went wrong lately, for the status page and for not flooding the log.
#[derive(Default)]
struct Health {
    failures: u64,
    last_failure: Option<String>,
    last_complaint: Option<Instant>,
}

impl Plugin {
    pub(super) fn new(
        name: Arc<str>,
        revision: Arc<Revision>,
        print: Print,
        metrics: PluginMetrics,
    ) -> Plugin {
        Plugin { name, revision, print, metrics, health: Mutex::default() }
    }

    pub(super) fn serves(&self, hook: Hook) -> bool {
        self.revision.hooks().contains(hook)
    }

    /// Counts a call and turns its failure into what must happen to the request.
    pub(super) fn judge<T>(&self, hook: Hook, report: Report<T>) -> Result<T, OnFailure> {
        let outcome = report.outcome.as_ref().map(drop).map_err(Failure::name);
        self.metrics.called(hook, report.time, outcome);
        report.outcome.map_err(|failure| self.failed(hook, &failure))
    }

    /// A verdict that is well-formed but cannot be carried out counts as a failed call.
    pub(super) fn refuse(&self, hook: Hook, why: String) -> OnFailure {
        let failure = Failure::InvalidOutput(why);
        self.metrics.called(hook, Duration::ZERO, Err(failure.name()));
        self.failed(hook, &failure)
    }

    fn failed(&self, hook: Hook, failure: &Failure) -> OnFailure {
        let on_failure = self.print.on_failure().unwrap_or_else(|| hook.default_on_failure());
        let mut health = self.health.lock();
        health.failures += 1;
        health.last_failure = Some(format!("{hook}: {failure}"));
        if health.last_complaint.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            health.last_complaint = Some(Instant::now());
            let revision = self.revision.id();
            let failures = health.failures;
            tracing::warn!(plugin = %self.name, revision, %hook, %failure, failures, "a plugin call failed");
        }
        on_failure
    }

    /// Failed calls of this revision, and the last one's reason.
    pub(crate) fn failures(&self) -> (u64, Option<String>) {
        let health = self.health.lock();
        (health.failures, health.last_failure.clone())
    }
}
