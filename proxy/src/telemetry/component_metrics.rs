//! What is counted of components' requests, with handles for the request path.

use super::metrics::{CALL_BUCKETS, TIME_BUCKETS, times};
use prometheus::{
    Histogram, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Registry,
    register_int_counter_vec_with_registry as counters,
    register_int_gauge_vec_with_registry as int_gauges,
};
use std::time::Duration;

/// The families of all components.
pub(super) struct ComponentFamilies {
    requests: IntCounterVec,
    time: HistogramVec,
    processor: HistogramVec,
    pub(super) in_flight: IntGaugeVec,
    pub(super) info: IntGaugeVec,
}

impl ComponentFamilies {
    pub(super) fn new(r: &Registry) -> Result<ComponentFamilies, prometheus::Error> {
        Ok(ComponentFamilies {
            requests: counters!(
                "hither_component_requests_total",
                "Requests that a component was to answer.",
                &["service", "outcome"],
                r
            )?,
            time: times(
                r,
                "hither_component_duration_seconds",
                "From a component's start for a request until it has ended.",
                &["service"],
                TIME_BUCKETS,
            )?,
            processor: times(
                r,
                "hither_component_processor_seconds",
                "The processor's time that a request took in a component.",
                &["service"],
                CALL_BUCKETS,
            )?,
            in_flight: int_gauges!(
                "hither_component_in_flight",
                "Requests that a component is answering.",
                &["service"],
                r
            )?,
            info: int_gauges!(
                "hither_component_info",
                "The revision of a component that answers: always 1.",
                &["service", "revision", "digest"],
                r
            )?,
        })
    }

    pub(super) fn of(&self, service: &str) -> ComponentMetrics {
        ComponentMetrics {
            service: service.to_owned(),
            requests: self.requests.clone(),
            ok: self.requests.with_label_values(&[service, "ok"]),
            time: self.time.with_label_values(&[service]),
            processor: self.processor.with_label_values(&[service]),
        }
    }
}

/// The instruments of one service's component.
pub(crate) struct ComponentMetrics {
    service: String,
    requests: IntCounterVec,
    ok: IntCounter,
    time: Histogram,
    processor: Histogram,
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
