//! What is counted of a component's requests, with handles for the request path.

use prometheus::{Histogram, IntCounter, IntCounterVec};
use std::time::Duration;

/// The instruments of one service's component.
pub(crate) struct ComponentMetrics {
    pub(super) service: String,
    pub(super) requests: IntCounterVec,
    pub(super) ok: IntCounter,
    pub(super) time: Histogram,
    pub(super) processor: Histogram,
}

impl ComponentMetrics {
    /// A request has ended: `outcome` is "ok", the failure's name or "given-up".
    pub(crate) fn ended(&self, outcome: &str, time: Duration, processor: Duration) {
        match outcome {
            "ok" => self.ok.inc(),
            other => self.count(other),
        }
        self.time.observe(time.as_secs_f64());
        self.processor.observe(processor.as_secs_f64());
    }

    /// A request found every instance in use.
    pub(crate) fn refused(&self) {
        self.count("full");
    }

    fn count(&self, outcome: &str) {
        self.requests.with_label_values(&[self.service.as_str(), outcome]).inc();
    }
}
