//! Who answers for a service: its component, how many requests at once, and how well that goes.

use super::places::{Place, Places};
use crate::telemetry::ComponentMetrics;
use hither_plugin_host::{Component, Failure, Visited};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// At most one log line about a failing component in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);
/// Digits of the digest that tell one build from another.
const SHORT: usize = 12;

/// A service's component.
pub(crate) struct Answerer {
    service: Arc<str>,
    pub(super) component: Arc<Component>,
    /// What it was loaded from.
    pub(super) print: super::load::Print,
    places: Arc<Places>,
    most: u32,
    metrics: ComponentMetrics,
    health: Mutex<Health>,
}

/// What went wrong lately, for the status page and for not flooding the log.
#[derive(Default)]
struct Health {
    failures: u64,
    last_failure: Option<String>,
    last_complaint: Option<Instant>,
}

impl Answerer {
    /// `before`: who answered until now, whose requests still count.
    pub(super) fn new(
        service: Arc<str>,
        component: Arc<Component>,
        print: super::load::Print,
        before: Option<&Answerer>,
        metrics: ComponentMetrics,
    ) -> Answerer {
        let places = before.map(|before| before.places.clone()).unwrap_or_default();
        let most = print.most();
        Answerer { service, component, print, places, most, metrics, health: Mutex::default() }
    }

    /// Counts up with each load.
    pub(crate) fn revision(&self) -> u64 {
        self.component.revision()
    }

    /// SHA-256 of its file.
    pub(crate) fn digest(&self) -> &str {
        self.component.digest()
    }

    /// The first digits of it.
    pub(crate) fn short_digest(&self) -> &str {
        self.digest().get(..SHORT).unwrap_or_default()
    }

    /// Requests that are being answered, also by revisions before, and the most that may be.
    pub(crate) fn load(&self) -> (u32, u32) {
        (self.places.taken(), self.most)
    }

    /// Failed requests of this revision, and the last one's reason.
    pub(crate) fn failures(&self) -> (u64, Option<String>) {
        let health = self.health.lock();
        (health.failures, health.last_failure.clone())
    }

    pub(super) fn place(&self) -> Option<Place> {
        let place = self.places.take(self.most);
        if place.is_none() {
            self.metrics.refused();
        }
        place
    }

    /// A request has ended.
    pub(super) fn ended(&self, visited: &Visited) {
        let outcome = visited.outcome.as_ref().err().map_or("ok", Failure::name);
        self.metrics.ended(outcome, visited.time, visited.processor);
        if let Err(failure) = &visited.outcome {
            self.complain(failure);
        }
    }

    /// A request was given up before its end: the client left, or its answer was late.
    pub(super) fn given_up(&self, after: Duration) {
        self.metrics.ended("given-up", after, Duration::ZERO);
    }

    fn complain(&self, failure: &Failure) {
        let mut health = self.health.lock();
        health.failures += 1;
        health.last_failure = Some(failure.to_string());
        if health.last_complaint.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            health.last_complaint = Some(Instant::now());
            let (service, revision, failures) = (&self.service, self.revision(), health.failures);
            tracing::warn!(%service, revision, %failure, failures, "a component failed");
        }
    }
}
