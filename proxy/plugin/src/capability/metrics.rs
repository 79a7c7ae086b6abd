//! `metrics`: what the manifest declares, used as it declares it.

use super::Capabilities;
use crate::contract::hither::plugin::metrics;
use crate::fault::Abuse;
use crate::guest::Guest;
use crate::manifest::MetricKind;

impl Capabilities {
    fn metric(&self, index: u32, kind: MetricKind) -> Result<usize, Abuse> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match self.declared.get(index) {
            Some(metric) if metric.kind == kind => Ok(index),
            Some(_) => Err(Abuse::Argument("a metric was used as another kind than declared")),
            None => Err(Abuse::Argument("a metric was used that the manifest does not declare")),
        }
    }
}

impl metrics::Host for Guest {
    fn add(&mut self, metric: u32, delta: u64) -> wasmtime::Result<()> {
        let may = self.enter("metrics")?;
        may.sink.add(may.metric(metric, MetricKind::Counter)?, delta);
        Ok(())
    }

    fn set(&mut self, metric: u32, value: f64) -> wasmtime::Result<()> {
        let may = self.enter("metrics")?;
        may.sink.set(may.metric(metric, MetricKind::Gauge)?, finite(value)?);
        Ok(())
    }

    fn observe(&mut self, metric: u32, value: f64) -> wasmtime::Result<()> {
        let may = self.enter("metrics")?;
        may.sink.observe(may.metric(metric, MetricKind::Histogram)?, finite(value)?);
        Ok(())
    }
}

/// One NaN would poison a sum for ever.
fn finite(value: f64) -> Result<f64, Abuse> {
    if value.is_finite() {
        Ok(value)
    } else {
        Err(Abuse::Argument("a metric's value is not finite"))
    }
}
