//! A plugin that serves: its revision, what its failure means, and its instruments.

use super::Exchange;
use super::access_log::Log;
use super::background::Ticks;
use super::load::Print;
use crate::telemetry::PluginMetrics;
use hither_plugin_host::{Failure, Hook, OnFailure, Report, Revision};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// At most one log line about a failing plugin in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// One plugin of a snapshot.
pub(crate) struct Plugin {
    pub(crate) name: Arc<str>,
    pub(crate) revision: Arc<Revision>,
    /// What it was loaded from.
    pub(super) print: Print,
    pub(super) metrics: PluginMetrics,
    health: Mutex<Health>,
    /// Once it serves, and if it wants to be told of ends.
    log: OnceLock<Log>,
    /// While it is the one that serves, and if it has a background.
    ticks: Mutex<Option<Ticks>>,
}

/// A call that failed, and what that means for the request.
pub(super) struct Failed {
    pub(super) why: Failure,
    /// It ends here, by policy; else it goes on as if the plugin were not there.
    pub(super) rejects: bool,
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
        let (health, log, ticks) = (Mutex::default(), OnceLock::new(), Mutex::default());
        Plugin { name, revision, print, metrics, health, log, ticks }
    }

    /// It serves from now on: what it does beside requests begins. One that served before goes on.
    pub(crate) fn begin(self: &Arc<Self>) {
        self.begin_log();
        if !self.serves(Hook::Background) {
            return;
        }
        let mut ticks = self.ticks.lock();
        if ticks.is_none() {
            self.complain_of_thread(Ticks::start(self).map(|started| *ticks = started));
        }
    }

    /// It decides some exchanges beside another revision, and is told of their ends. The background stays the
    /// other's: a tick does for both.
    pub(crate) fn begin_beside(self: &Arc<Self>) {
        self.begin_log();
    }

    fn begin_log(self: &Arc<Self>) {
        if self.serves(Hook::AccessLog) && self.log.get().is_none() {
            self.complain_of_thread(Log::start(self).map(|log| drop(self.log.set(log))));
        }
    }

    fn complain_of_thread(&self, started: std::io::Result<()>) {
        if let Err(error) = started {
            tracing::error!(plugin = %self.name, %error, "a plugin's thread could not be started");
        }
    }

    /// Another revision serves: the background ends. Exchanges that began here are told of here.
    pub(crate) fn retire(&self) {
        *self.ticks.lock() = None;
    }

    /// The process ends: hands over what the plugin has not been told yet. Blocks.
    pub(crate) fn finish(&self) {
        self.retire();
        if let Some(log) = self.log.get() {
            log.finish();
        }
    }

    /// A plugin that goes by its inputs is not told the time.
    pub(super) fn now_ms(&self, exchange: &mut Exchange) -> Option<u64> {
        (!self.revision.by_inputs()).then(|| exchange.now_ms())
    }

    pub(super) fn log(&self) -> Option<&Log> {
        self.log.get()
    }

    /// The most bytes of a body that it may have held back.
    pub(super) fn body(&self) -> u64 {
        self.print.body()
    }

    pub(super) fn serves(&self, hook: Hook) -> bool {
        self.revision.hooks().contains(hook)
    }

    /// Counts a call, unless it is a rehearsal, and turns its failure into what must happen to the
    /// request.
    pub(super) fn judge<T>(
        &self,
        hook: Hook,
        report: Report<T>,
        rehearsal: bool,
    ) -> Result<T, Failed> {
        if !rehearsal {
            let outcome = report.outcome.as_ref().map(drop).map_err(Failure::name);
            if report.remembered {
                self.metrics.remembered(hook);
            } else {
                self.metrics.called(hook, report.time, outcome);
            }
        }
        report.outcome.map_err(|failure| self.failed(hook, failure, rehearsal))
    }

    /// A verdict that is well-formed but cannot be carried out counts as a failed call.
    pub(super) fn refuse(&self, hook: Hook, why: String, rehearsal: bool) -> Failed {
        let failure = Failure::InvalidOutput(why);
        if !rehearsal {
            self.metrics.called(hook, Duration::ZERO, Err(failure.name()));
        }
        self.failed(hook, failure, rehearsal)
    }

    fn failed(&self, hook: Hook, why: Failure, rehearsal: bool) -> Failed {
        if !rehearsal {
            self.complain(hook, &why);
        }
        let policy = self.print.on_failure().unwrap_or_else(|| hook.default_on_failure());
        Failed { why, rejects: policy == OnFailure::Reject }
    }

    fn complain(&self, hook: Hook, failure: &Failure) {
        let mut health = self.health.lock();
        health.failures += 1;
        health.last_failure = Some(format!("{hook}: {failure}"));
        if health.last_complaint.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            health.last_complaint = Some(Instant::now());
            let revision = self.revision.id();
            let failures = health.failures;
            tracing::warn!(plugin = %self.name, revision, %hook, %failure, failures, "a plugin call failed");
        }
    }

    /// Failed calls of this revision, and the last one's reason.
    pub(crate) fn failures(&self) -> (u64, Option<String>) {
        let health = self.health.lock();
        (health.failures, health.last_failure.clone())
    }
}
