//! The host functions: what a plugin may ask for, bounded. Each begins with [`Guest::enter`], which
//! counts it. Which of them a plugin is linked with at all was decided by its grants.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::{HasSelf, Linker};

use crate::contract::hither::plugin::{instances, log, metrics, store};
use crate::environment::{Band, Environment, InstanceView, Level, LogLine, MetricSink};
use crate::fault::Abuse;
use crate::guest::Guest;
use crate::hook::Capability;
use crate::manifest::{Metric, MetricKind};
use crate::memory::{Memory, Refusal};

const LONGEST_MESSAGE: usize = 8 << 10;
const LONGEST_FIELD: usize = 1 << 10;
const MOST_FIELDS: usize = 32;
/// A service with more instances shows the first of them.
const MOST_INSTANCES: usize = 4096;

/// What one configured revision may use.
pub(crate) struct Capabilities {
    pub(crate) plugin: Arc<str>,
    pub(crate) revision: u64,
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) declared: Arc<[Metric]>,
    pub(crate) sink: Arc<dyn MetricSink>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) rate: Rate,
    /// Where the store's time begins.
    pub(crate) epoch: Instant,
}

impl Capabilities {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn metric(&self, index: u32, kind: MetricKind) -> Result<usize, Abuse> {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match self.declared.get(index) {
            Some(metric) if metric.kind == kind => Ok(index),
            Some(_) => Err(Abuse::Argument("a metric was used as another kind than declared")),
            None => Err(Abuse::Argument("a metric was used that the manifest does not declare")),
        }
    }
}

/// Links what was granted. What was not granted is not there, even if admission had a hole.
pub(crate) fn link(linker: &mut Linker<Guest>, grants: &[Capability]) -> wasmtime::Result<()> {
    let mut grants = grants.to_vec();
    grants.sort();
    grants.dedup();
    for grant in grants {
        match grant {
            Capability::Log => log::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?,
            Capability::Metrics => {
                metrics::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
            }
            Capability::Store => store::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?,
            Capability::Instances => {
                instances::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
            }
        }
    }
    Ok(())
}

/// So many things a second, counted in whole seconds, without a lock.
#[derive(Debug)]
pub(crate) struct Rate {
    most: u32,
    begin: Instant,
    /// The running second in the upper half, what was let through in it in the lower.
    window: AtomicU64,
    dropped: AtomicU64,
}

impl Rate {
    pub(crate) fn new(most: u32, begin: Instant) -> Self {
        Self { most, begin, window: AtomicU64::new(0), dropped: AtomicU64::new(0) }
    }

    /// Whether one more passes now; if so, how many did not since the last that did.
    fn pass(&self, now: Instant) -> Option<u64> {
        let second = now.saturating_duration_since(self.begin).as_secs() & u64::from(u32::MAX);
        let step = |window: u64| {
            let (then, passed) = (window >> 32, window & u64::from(u32::MAX));
            let passed = if then == second { passed } else { 0 };
            (passed < u64::from(self.most)).then_some(second << 32 | (passed + 1))
        };
        if self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok() {
            return Some(self.dropped.swap(0, Ordering::Relaxed));
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Trace => Self::Trace,
            log::Level::Debug => Self::Debug,
            log::Level::Info => Self::Info,
            log::Level::Warn => Self::Warn,
            log::Level::Error => Self::Error,
        }
    }
}

impl log::Host for Guest {
    fn emit(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let may = self.enter("log")?;
        let level = level.into();
        if !may.environment.log_enabled(&may.plugin, level) {
            return Ok(());
        }
        let Some(dropped) = may.rate.pass(Instant::now()) else { return Ok(()) };
        let fields: Vec<_> = fields
            .into_iter()
            .take(MOST_FIELDS)
            .map(|(name, value)| (plain(name, LONGEST_FIELD), plain(value, LONGEST_FIELD)))
            .collect();
        may.environment.log(&LogLine {
            plugin: &may.plugin,
            revision: may.revision,
            exchange: self.exchange,
            config: self.config,
            level,
            message: &plain(message, LONGEST_MESSAGE),
            fields: &fields,
            dropped,
        });
        Ok(())
    }

    fn enabled(&mut self, level: log::Level) -> wasmtime::Result<bool> {
        let may = self.enter("log")?;
        Ok(may.environment.log_enabled(&may.plugin, level.into()))
    }
}

/// Bounds a guest's text and takes the control characters out of it, with which a line could forge
/// another one or drive a terminal.
fn plain(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    if !text.contains(char::is_control) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
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

impl From<Refusal> for store::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge => Self::TooLarge,
            Refusal::Full => Self::Full,
        }
    }
}

impl store::Host for Guest {
    fn get(&mut self, key: Vec<u8>) -> wasmtime::Result<Option<store::Entry>> {
        let may = self.enter("store")?;
        let entry = may.memory.get(may.now_ms(), &key);
        Ok(entry.map(|(value, version)| store::Entry { value, version }))
    }

    fn set(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<u64, store::Error>> {
        let may = self.enter("store")?;
        Ok(may.memory.set(may.now_ms(), &key, &value, ttl_ms).map_err(Into::into))
    }

    fn compare_and_set(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        ttl_ms: u64,
        expected: u64,
    ) -> wasmtime::Result<Result<Option<u64>, store::Error>> {
        let may = self.enter("store")?;
        let written = may.memory.compare_and_set(may.now_ms(), &key, &value, ttl_ms, expected);
        Ok(written.map_err(Into::into))
    }

    fn increment(
        &mut self,
        key: Vec<u8>,
        delta: i64,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<i64, store::Error>> {
        let may = self.enter("store")?;
        Ok(may.memory.increment(may.now_ms(), &key, delta, ttl_ms).map_err(Into::into))
    }

    fn delete(&mut self, key: Vec<u8>) -> wasmtime::Result<()> {
        self.enter("store")?.memory.delete(&key);
        Ok(())
    }
}

impl From<InstanceView> for instances::Instance {
    fn from(view: InstanceView) -> Self {
        let micros = |rtt: Duration| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
        Self {
            id: view.id,
            region: view.region,
            healthy: view.healthy,
            band: match view.band {
                Band::Open => instances::Band::Open,
                Band::Busy => instances::Band::Busy,
                Band::Full => instances::Band::Full,
            },
            in_flight: view.in_flight,
            soft_limit: view.soft_limit,
            rtt_us: view.rtt.map(micros),
        }
    }
}

impl instances::Host for Guest {
    fn of_service(
        &mut self,
        service: String,
    ) -> wasmtime::Result<Result<Vec<instances::Instance>, String>> {
        let may = self.enter("instances")?;
        Ok(match may.environment.instances(&service) {
            Some(views) => Ok(views.into_iter().take(MOST_INSTANCES).map(Into::into).collect()),
            None => Err("no service bears this name".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_rate_are_counted_and_told_later() {
        let begin = Instant::now();
        let rate = Rate::new(2, begin);
        let passed: Vec<_> = (0..5).map(|_| rate.pass(begin)).collect();
        assert_eq!(passed, [Some(0), Some(0), None, None, None]);
        assert_eq!(rate.pass(begin + Duration::from_secs(1)), Some(3));
        assert_eq!(rate.pass(begin + Duration::from_secs(1)), Some(0));
    }

    #[test]
    fn a_line_cannot_forge_another() {
        assert_eq!(plain("a\nb\u{1b}[31m".to_owned(), 100), "a\\nb\\u{1b}[31m");
        assert_eq!(plain("äää".to_owned(), 3), "ä");
    }
}
