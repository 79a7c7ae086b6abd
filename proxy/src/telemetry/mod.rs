//! What the edge tells: events become metrics and access-log lines here, and nowhere else.
//!
//! The only room that names `prometheus`. It is told what happened; it must not ask why.

mod access;
mod access_line;
mod cache_metrics;
mod client_metrics;
mod component_metrics;
mod connections;
mod events;
mod finished;
mod hook_metrics;
mod limit_counters;
mod logging;
mod metrics;
mod plugin_metrics;
mod process;
mod rollout_metrics;
mod scrape;
mod status_counters;

pub(crate) use access::AccessLog;
pub(crate) use component_metrics::ComponentMetrics;
pub(crate) use connections::OpenConnection;
pub(crate) use events::{Events, Listener, Told};
pub(crate) use finished::{RequestFinished, Times};
pub(crate) use hook_metrics::PluginMetrics;
pub(crate) use limit_counters::LimitCounters;
pub(crate) use logging::init as init_logging;
pub(crate) use metrics::ServiceMetrics;
pub(crate) use rollout_metrics::RolloutMetrics;

use crate::fault::Fault;
use crate::serve::RequestId;
use hither_plugin_host::{Hook, Metric};
use metrics::Metrics;
use parking_lot::Mutex;
use plugin_metrics::PluginMetricRegistry;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// At most one line of a repeated complaint in this time.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// Says when a complaint may be repeated.
#[derive(Default)]
struct Complaints(Mutex<Option<Instant>>);

impl Complaints {
    fn may_be_said(&self) -> bool {
        let mut last = self.0.lock();
        let may = last.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}

/// All instruments of the process.
pub(crate) struct Telemetry {
    metrics: Metrics,
    plugin_metrics: PluginMetricRegistry,
    access: arc_swap::ArcSwap<AccessLog>,
    /// For whoever listens.
    pub(crate) events: Events,
    services: Mutex<HashMap<Arc<str>, Arc<ServiceMetrics>>>,
    accept_complaints: Complaints,
    shed_complaints: Complaints,
}

impl Telemetry {
    /// Registers every metric.
    ///
    /// # Errors
    /// Two metrics with one name: a mistake of ours, found at start.
    pub(crate) fn new(access: AccessLog) -> Result<Telemetry, prometheus::Error> {
        let registry = prometheus::Registry::new();
        Ok(Telemetry {
            metrics: Metrics::new(&registry)?,
            plugin_metrics: PluginMetricRegistry::new(registry),
            access: arc_swap::ArcSwap::from_pointee(access),
            events: Events::default(),
            services: Mutex::new(HashMap::new()),
            accept_complaints: Complaints::default(),
            shed_complaints: Complaints::default(),
        })
    }

    /// The instruments of one service, the same ones across reloads.
    pub(crate) fn service(&self, name: &Arc<str>) -> Arc<ServiceMetrics> {
        let mut services = self.services.lock();
        services
            .entry(name.clone())
            .or_insert_with(|| Arc::new(self.metrics.for_service(name)))
            .clone()
    }

    /// The counters of one limiter that plugins charge.
    pub(crate) fn limiter(&self, name: &str) -> LimitCounters {
        self.metrics.for_limiter(name)
    }

    /// The instruments of one plugin with these hooks.
    pub(crate) fn plugin(&self, name: &str, hooks: &[Hook]) -> PluginMetrics {
        self.metrics.for_plugin(name, hooks)
    }

    /// The instruments of one service's component.
    pub(crate) fn component(&self, service: &str) -> ComponentMetrics {
        self.metrics.components.of(service)
    }

    /// The instruments of one rollout.
    pub(crate) fn rollout(&self, plugin: &str, kind: &'static str) -> RolloutMetrics {
        self.metrics.for_rollout(plugin, kind)
    }

    /// The instruments that a plugin declares for itself.
    pub(crate) fn declared_by_plugin(
        &self,
        plugin: &str,
        declared: &[Metric],
    ) -> Result<Arc<dyn hither_plugin_host::MetricSink>, String> {
        self.plugin_metrics.declare(plugin, declared)
    }

    /// From now on the access log goes there.
    pub(crate) fn log_access_to(&self, access: AccessLog) {
        let before = self.access.swap(Arc::new(access));
        self.metrics.access_lines_dropped.inc_by(before.lost());
    }

    /// A request has ended, well or not.
    pub(crate) fn request_finished(&self, event: &RequestFinished<'_>) {
        match event.metrics {
            Some(metrics) => metrics.finished(event),
            None => self.metrics.unrouted(event.status),
        }
        if let Some(fault) = event.fault {
            self.metrics.fault(fault);
        }
        self.events.request(event);
        self.access.load().write(event);
    }

    /// No request ends any more: writes what waits to be. Blocks for as long as that takes.
    pub(crate) fn finish(&self) {
        self.access.load().finish();
    }

    /// A head never became a request.
    pub(crate) fn head_refused(
        &self,
        peer: SocketAddr,
        (edge, region): (&str, &str),
        fault: Fault,
        id: &RequestId,
    ) {
        self.request_finished(&RequestFinished::refused(peer.ip(), (edge, region), fault, id));
    }

    /// A connection was accepted; it counts as open until the value is dropped.
    pub(crate) fn connection_opened(&self) -> OpenConnection {
        self.metrics.clients.opened()
    }

    /// Accepting failed, most likely for want of descriptors.
    pub(crate) fn accept_failed(&self, listener: &str, error: &std::io::Error) {
        self.metrics.clients.accept_failures.inc();
        if self.accept_complaints.may_be_said() {
            tracing::warn!(%listener, %error, "accepting a connection failed");
        }
    }

    /// A client's connection was closed because it asked too much.
    pub(crate) fn shed(&self, client: IpAddr, reason: &'static str) {
        self.metrics.clients.shed(reason, 1);
        if self.shed_complaints.may_be_said() {
            tracing::warn!(%client, reason, "a client that asks too much was closed");
        }
    }

    /// A TLS handshake ended: `done`, or why there is no connection.
    pub(crate) fn handshake(&self, result: &'static str) {
        self.metrics.clients.handshake(result);
    }

    /// So many connections were closed because there was no descriptor for them.
    pub(crate) fn shed_for_descriptors(&self, count: usize) {
        self.metrics.clients.shed("no_descriptor", count);
    }

    /// So many requests are being served.
    pub(crate) fn requests_in_flight(&self, count: u32) {
        self.metrics.clients.requests_in_flight.set(i64::from(count));
    }

    /// An instance was probed.
    pub(crate) fn probed(&self, reached: bool) {
        let result = if reached { "ok" } else { "failed" };
        self.metrics.probes.with_label_values(&[result]).inc();
    }

    /// A swap was tried.
    pub(crate) fn swap(&self, result: &str) {
        self.metrics.swaps.with_label_values(&[result]).inc();
    }

    /// A snapshot was built (+1) or dropped (-1).
    pub(crate) fn snapshots_live(&self, change: i64) {
        self.metrics.snapshots_live.add(change);
    }
}
