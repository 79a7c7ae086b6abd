//! The Prometheus families of the proxy, and ready-made handles for the request path: a label is
//! looked up when a service is built, not when a request passes.

use super::RequestFinished;
use super::cache_metrics::CacheFamilies;
use super::client_metrics::ClientFamilies;
use super::component_metrics::ComponentFamilies;
use super::hook_metrics::{HookMetrics, PluginMetrics};
use super::limit_counters::LimitCounters;
use super::rollout_metrics::{RolloutFamilies, RolloutMetrics};
use super::status_counters::StatusCounters;
use crate::fault::Fault;
use hither_plugin_host::Hook;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, register_gauge_vec_with_registry as gauges,
    register_int_counter_vec_with_registry as counters,
    register_int_counter_with_registry as counter,
    register_int_gauge_vec_with_registry as int_gauges,
    register_int_gauge_with_registry as int_gauge,
};
use std::time::Duration;

/// Seconds. From a cache hit's fraction of a millisecond to a slow report's minute.
pub(super) const TIME_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

/// Seconds. A plugin's call takes microseconds.
pub(super) const CALL_BUCKETS: &[f64] =
    &[1e-6, 2e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 0.1, 1.0];

/// Every family.
pub(super) struct Metrics {
    responses: IntCounterVec,
    edge_time: HistogramVec,
    app_time: HistogramVec,
    connect_time: HistogramVec,
    queue_wait: HistogramVec,
    queue_dropped: IntCounterVec,
    decisions: IntCounterVec,
    retries: IntCounterVec,
    limit_decisions: IntCounterVec,
    limiter_decisions: IntCounterVec,
    health_changes: IntCounterVec,
    ejections: IntCounterVec,
    lookups: IntCounterVec,
    pub(super) probes: IntCounterVec,
    faults: IntCounterVec,
    plugin_calls: IntCounterVec,
    plugin_time: HistogramVec,
    summaries_dropped: IntCounterVec,
    plugin_remembered: IntCounterVec,
    pub(super) components: ComponentFamilies,
    pub(super) cache: CacheFamilies,
    rollouts: RolloutFamilies,
    pub(super) app_concurrency: IntGaugeVec,
    pub(super) instance_band: IntGaugeVec,
    pub(super) instance_rtt: GaugeVec,
    pub(super) instance_healthy: IntGaugeVec,
    pub(super) instance_ejected: IntGaugeVec,
    pub(super) queue_waiting: IntGaugeVec,
    pub(super) plugin_instances: IntGaugeVec,
    pub(super) plugin_info: IntGaugeVec,
    pub(super) swaps: IntCounterVec,
    pub(super) snapshots_live: IntGauge,
    pub(super) held_bodies: IntGauge,
    pub(super) clients: ClientFamilies,
    pub(super) access_lines_dropped: IntCounter,
    pub(super) process_cpu: Gauge,
    pub(super) process_memory: IntGauge,
    pub(super) process_fds: IntGauge,
}

pub(super) fn times(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    buckets: &[f64],
) -> Result<HistogramVec, prometheus::Error> {
    let family =
        HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

impl Metrics {
    pub(super) fn new(r: &Registry) -> Result<Metrics, prometheus::Error> {
        build_info(r)?;
        let time = |name, help| times(r, name, help, &["service"], TIME_BUCKETS);
        let process_cpu = Gauge::with_opts(Opts::new(
            "process_cpu_seconds_total",
            "CPU time of the process in seconds, user and system.",
        ))?;
        r.register(Box::new(process_cpu.clone()))?;
        Ok(Metrics {
            responses: counters!(
                "hither_edge_http_responses_total",
                "Responses to clients.",
                &["service", "status"],
                r
            )?,
            edge_time: time(
                "hither_edge_http_response_time_seconds",
                "From a request's head to the head of its answer, everything included.",
            )?,
            app_time: time(
                "hither_app_http_response_time_seconds",
                "The instance's share of the response time.",
            )?,
            connect_time: time(
                "hither_app_connect_time_seconds",
                "Time to connect to an instance, new connections only.",
            )?,
            queue_wait: time(
                "hither_queue_wait_seconds",
                "Time that queued requests waited for a place.",
            )?,
            queue_dropped: counters!(
                "hither_queue_dropped_total",
                "Requests that left the queue unserved or never got in.",
                &["service", "reason"],
                r
            )?,
            decisions: counters!(
                "hither_balancer_decisions_total",
                "What the balancer decided.",
                &["service", "reason"],
                r
            )?,
            retries: counters!(
                "hither_retries_total",
                "Attempts beyond a request's first.",
                &["service"],
                r
            )?,
            limiter_decisions: counters!(
                "hither_limiter_decisions_total",
                "What the limiters that plugins charge decided.",
                &["limiter", "decision"],
                r
            )?,
            limit_decisions: counters!(
                "hither_limit_decisions_total",
                "What rate limits decided.",
                &["service", "limit", "decision"],
                r
            )?,
            health_changes: counters!(
                "hither_health_changes_total",
                "Instances that health checks found to be healthy or unhealthy anew.",
                &["service", "to"],
                r
            )?,
            ejections: counters!(
                "hither_ejections_total",
                "Instances put out of traffic for a while because their requests failed.",
                &["service"],
                r
            )?,
            lookups: counters!(
                "hither_dns_lookups_total",
                "Questions to DNS for the instances of a service.",
                &["service", "result"],
                r
            )?,
            probes: counters!(
                "hither_probes_total",
                "Round-trip probes of instances.",
                &["result"],
                r
            )?,
            faults: counters!(
                "hither_faults_total",
                "Requests that failed, by reason.",
                &["reason"],
                r
            )?,
            plugin_calls: counters!(
                "hither_plugin_calls_total",
                "Calls of plugins' hooks.",
                &["plugin", "hook", "outcome"],
                r
            )?,
            summaries_dropped: counters!(
                "hither_plugin_summaries_dropped_total",
                "Ended exchanges of which a plugin's access-log hook was not told.",
                &["plugin"],
                r
            )?,
            plugin_remembered: counters!(
                "hither_plugin_remembered_total",
                "Verdicts that needed no call, because they follow from inputs seen before.",
                &["plugin", "hook"],
                r
            )?,
            rollouts: RolloutFamilies::new(r)?,
            plugin_time: times(
                r,
                "hither_plugin_call_duration_seconds",
                "Time in plugins' hooks.",
                &["plugin", "hook"],
                CALL_BUCKETS,
            )?,
            components: ComponentFamilies::new(r)?,
            cache: CacheFamilies::new(r)?,
            app_concurrency: int_gauges!(
                "hither_app_concurrency",
                "Requests (or connections) in flight on an instance.",
                &["service", "instance"],
                r
            )?,
            instance_band: int_gauges!(
                "hither_instance_band",
                "0 open, 1 busy, 2 full.",
                &["service", "instance"],
                r
            )?,
            instance_rtt: gauges!(
                "hither_instance_rtt_seconds",
                "Round trip to an instance.",
                &["service", "instance"],
                r
            )?,
            instance_healthy: int_gauges!(
                "hither_instance_healthy",
                "1 if the health checks of an instance pass, else 0.",
                &["service", "instance"],
                r
            )?,
            instance_ejected: int_gauges!(
                "hither_instance_ejected",
                "1 while an instance gets nothing new because its requests failed, else 0.",
                &["service", "instance"],
                r
            )?,
            queue_waiting: int_gauges!(
                "hither_queue_waiting",
                "Requests waiting for a place.",
                &["service"],
                r
            )?,
            plugin_instances: int_gauges!(
                "hither_plugin_instances",
                "Instances of a plugin.",
                &["plugin", "state"],
                r
            )?,
            plugin_info: int_gauges!(
                "hither_plugin_info",
                "The revision of a plugin that serves: always 1.",
                &["plugin", "revision", "digest"],
                r
            )?,
            swaps: counters!(
                "hither_swaps_total",
                "Swaps of configuration or plugins.",
                &["result"],
                r
            )?,
            held_bodies: int_gauge!(
                "hither_held_body_bytes",
                "Bytes of bodies that are held back for plugins.",
                r
            )?,
            snapshots_live: int_gauge!(
                "hither_snapshots_live",
                "Snapshots that a request may still use.",
                r
            )?,
            clients: ClientFamilies::new(r)?,
            access_lines_dropped: counter!(
                "hither_access_lines_dropped_total",
                "Access-log lines dropped because the log could not keep up or its disk took nothing.",
                r
            )?,
            process_cpu,
            process_memory: int_gauge!("process_resident_memory_bytes", "Resident memory.", r)?,
            process_fds: int_gauge!("process_open_fds", "Open file descriptors.", r)?,
        })
    }

    pub(super) fn for_service(&self, service: &str) -> ServiceMetrics {
        let labels = &[service];
        ServiceMetrics {
            service: service.to_owned(),
            responses: StatusCounters::new(self.responses.clone()),
            edge_time: self.edge_time.with_label_values(labels),
            app_time: self.app_time.with_label_values(labels),
            connect_time: self.connect_time.with_label_values(labels),
            queue_wait: self.queue_wait.with_label_values(labels),
            queue_dropped: self.queue_dropped.clone(),
            open: self.decisions.with_label_values(&[service, "open"]),
            busy: self.decisions.with_label_values(&[service, "busy"]),
            decisions: self.decisions.clone(),
            retries: self.retries.with_label_values(labels),
            health_changes: self.health_changes.clone(),
            ejections: self.ejections.with_label_values(labels),
            lookups: self.lookups.clone(),
            limit_decisions: self.limit_decisions.clone(),
            cache: self.cache.requests.clone(),
        }
    }

    pub(super) fn for_limiter(&self, limiter: &str) -> LimitCounters {
        LimitCounters::new(limiter, |decision| {
            self.limiter_decisions.with_label_values(&[limiter, decision])
        })
    }

    pub(super) fn for_plugin(&self, plugin: &str, hooks: &[Hook]) -> PluginMetrics {
        let hook = |hook: Hook| HookMetrics {
            ok: self.plugin_calls.with_label_values(&[plugin, hook.name(), "ok"]),
            time: self.plugin_time.with_label_values(&[plugin, hook.name()]),
            remembered: self.plugin_remembered.with_label_values(&[plugin, hook.name()]),
        };
        PluginMetrics {
            plugin: plugin.to_owned(),
            calls: self.plugin_calls.clone(),
            summaries_dropped: self.summaries_dropped.clone(),
            hooks: Hook::ALL.map(|one| hooks.contains(&one).then(|| hook(one))),
        }
    }

    pub(super) fn for_rollout(&self, plugin: &str, kind: &'static str) -> RolloutMetrics {
        self.rollouts.of(plugin, kind)
    }

    pub(super) fn unrouted(&self, status: u16) {
        self.responses.with_label_values(&["", itoa::Buffer::new().format(status)]).inc();
    }

    pub(super) fn fault(&self, fault: Fault) {
        self.faults.with_label_values(&[fault.reason()]).inc();
    }
}

fn build_info(registry: &Registry) -> Result<(), prometheus::Error> {
    let options = Opts::new("hither_build_info", "The version that runs: always 1.")
        .const_label("version", env!("CARGO_PKG_VERSION"));
    let info = IntGauge::with_opts(options)?;
    info.set(1);
    registry.register(Box::new(info))
}

/// One service's instruments.
pub(crate) struct ServiceMetrics {
    service: String,
    responses: StatusCounters,
    edge_time: Histogram,
    app_time: Histogram,
    connect_time: Histogram,
    queue_wait: Histogram,
    queue_dropped: IntCounterVec,
    open: IntCounter,
    busy: IntCounter,
    decisions: IntCounterVec,
    retries: IntCounter,
    health_changes: IntCounterVec,
    ejections: IntCounter,
    lookups: IntCounterVec,
    limit_decisions: IntCounterVec,
    cache: IntCounterVec,
}

impl ServiceMetrics {
    pub(super) fn finished(&self, event: &RequestFinished<'_>) {
        self.responses.get(&self.service, event.status).inc();
        if let Some(cache) = event.cache {
            self.cache.with_label_values(&[self.service.as_str(), cache]).inc();
        }
        if let Some(time) = event.times.first_byte {
            self.edge_time.observe(time.as_secs_f64());
        }
        if let Some(time) = event.times.app {
            self.app_time.observe(time.as_secs_f64());
        }
    }

    /// An instance was chosen at once.
    pub(crate) fn picked(&self, busy: bool) {
        if busy { self.busy.inc() } else { self.open.inc() }
    }

    /// No instance could be had at once: "queued", or why not.
    pub(crate) fn not_picked(&self, reason: &str) {
        self.decisions.with_label_values(&[self.service.as_str(), reason]).inc();
    }

    /// A place was had after waiting.
    pub(crate) fn waited(&self, time: Duration) {
        self.queue_wait.observe(time.as_secs_f64());
    }

    /// A request never got a place.
    pub(crate) fn dropped(&self, reason: &str) {
        self.queue_dropped.with_label_values(&[self.service.as_str(), reason]).inc();
    }

    /// A new connection to an instance took so long.
    pub(crate) fn connected(&self, time: Duration) {
        self.connect_time.observe(time.as_secs_f64());
    }

    /// An instance is healthy anew, or not any more.
    pub(crate) fn health_changed(&self, healthy: bool) {
        let to = if healthy { "healthy" } else { "unhealthy" };
        self.health_changes.with_label_values(&[self.service.as_str(), to]).inc();
    }

    /// An instance was ejected.
    pub(crate) fn ejected(&self) {
        self.ejections.inc();
    }

    /// DNS was asked for instances: "ok" or "failed".
    pub(crate) fn looked_up(&self, result: &str) {
        self.lookups.with_label_values(&[self.service.as_str(), result]).inc();
    }

    /// Another attempt begins.
    pub(crate) fn retried(&self) {
        self.retries.inc();
    }

    /// The counters of one of its limits.
    pub(crate) fn limit(&self, limit: &str) -> LimitCounters {
        LimitCounters::new(limit, |decision| {
            self.limit_decisions.with_label_values(&[self.service.as_str(), limit, decision])
        })
    }
}
