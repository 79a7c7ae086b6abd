//! Metrics that plugins declare for themselves, as `hither_plugin_<name>{plugin}`.
//!
//! Values survive swaps; a declaration whose kind changed is refused, since a metric that changes
//! its kind breaks whoever reads it.

use hither_plugin_host::{Metric, MetricKind, MetricSink};
use parking_lot::Mutex;
use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry, core::Collector,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Families that plugins may declare in one process.
const MAX_FAMILIES: usize = 1024;

/// Every family that a plugin has declared.
pub(super) struct PluginMetricRegistry {
    registry: Registry,
    families: Mutex<HashMap<String, Family>>,
}

#[derive(Clone)]
enum Family {
    Counter(CounterVec),
    Gauge(GaugeVec),
    Histogram(HistogramVec),
}

impl Family {
    fn new(kind: MetricKind, name: &str, help: &str) -> Result<Family, prometheus::Error> {
        let labels = &["plugin"];
        Ok(match kind {
            MetricKind::Counter => Family::Counter(CounterVec::new(Opts::new(name, help), labels)?),
            MetricKind::Gauge => Family::Gauge(GaugeVec::new(Opts::new(name, help), labels)?),
            MetricKind::Histogram => {
                Family::Histogram(HistogramVec::new(HistogramOpts::new(name, help), labels)?)
            }
        })
    }

    fn kind(&self) -> MetricKind {
        match self {
            Family::Counter(_) => MetricKind::Counter,
            Family::Gauge(_) => MetricKind::Gauge,
            Family::Histogram(_) => MetricKind::Histogram,
        }
    }

    fn collector(&self) -> Box<dyn Collector> {
        match self {
            Family::Counter(family) => Box::new(family.clone()),
            Family::Gauge(family) => Box::new(family.clone()),
            Family::Histogram(family) => Box::new(family.clone()),
        }
    }

    fn of(&self, plugin: &str) -> Instrument {
        match self {
            Family::Counter(family) => Instrument::Counter(family.with_label_values(&[plugin])),
            Family::Gauge(family) => Instrument::Gauge(family.with_label_values(&[plugin])),
            Family::Histogram(family) => Instrument::Histogram(family.with_label_values(&[plugin])),
        }
    }
}

enum Instrument {
    Counter(prometheus::Counter),
    Gauge(prometheus::Gauge),
    Histogram(prometheus::Histogram),
}

impl PluginMetricRegistry {
    pub(super) fn new(registry: Registry) -> PluginMetricRegistry {
        PluginMetricRegistry { registry, families: Mutex::default() }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// # Errors
    /// A name was declared before with another kind, is not fit, or there are too many.
    pub(super) fn declare(
        &self,
        plugin: &str,
        declared: &[Metric],
    ) -> Result<Arc<dyn MetricSink>, String> {
        let mut families = self.families.lock();
        let mut instruments = Vec::with_capacity(declared.len());
        for metric in declared {
            instruments.push(self.family(&mut families, metric)?.of(plugin));
        }
        Ok(Arc::new(Instruments(instruments)))
    }

    fn family(
        &self,
        families: &mut HashMap<String, Family>,
        metric: &Metric,
    ) -> Result<Family, String> {
        let name = format!("hither_plugin_{}", metric.name);
        if let Some(known) = families.get(&name) {
            if known.kind() != metric.kind {
                return Err(format!(
                    "metric `{}` was declared before with another kind",
                    metric.name
                ));
            }
            return Ok(known.clone());
        }
        if families.len() >= MAX_FAMILIES {
            return Err(format!("plugins have declared {MAX_FAMILIES} metrics already"));
        }
        let help = if metric.help.is_empty() { "Declared by a plugin." } else { &metric.help };
        let family = Family::new(metric.kind, &name, help)
            .and_then(|family| self.registry.register(family.collector()).map(|()| family))
            .map_err(|error| format!("metric `{}`: {error}", metric.name))?;
        families.insert(name, family.clone());
        Ok(family)
    }
}

struct Instruments(Vec<Instrument>);

impl MetricSink for Instruments {
    fn add(&self, metric: usize, delta: u64) {
        match self.0.get(metric) {
            Some(Instrument::Counter(counter)) => counter.inc_by(delta as f64),
            Some(Instrument::Gauge(gauge)) => gauge.add(delta as f64),
            Some(Instrument::Histogram(_)) | None => {}
        }
    }

    fn set(&self, metric: usize, value: f64) {
        if let Some(Instrument::Gauge(gauge)) = self.0.get(metric) {
            gauge.set(value);
        }
    }

    fn observe(&self, metric: usize, value: f64) {
        if let Some(Instrument::Histogram(histogram)) = self.0.get(metric) {
            histogram.observe(value);
        }
    }
}
