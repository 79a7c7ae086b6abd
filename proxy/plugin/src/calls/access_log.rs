//! `access-log.on-complete`: finished exchanges, many in one call, off the way of requests.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::hither::plugin::types;
use crate::report::Report;
use crate::request::{Inputs, Values};
use crate::revision::Revision;

/// Bytes of inputs that one summary keeps while it waits.
const MOST_INPUT: usize = 8 << 10;

/// An exchange that has ended.
#[derive(Debug, Clone)]
pub struct Summary {
    /// As in its request.
    pub exchange: u64,
    /// Which configuration applied.
    pub config: u32,
    /// What an earlier hook of this plugin left.
    pub memo: u64,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// From its head to its end.
    pub duration: Duration,
    /// The instance's share, up to the head of its answer.
    pub upstream: Duration,
    /// What the client was told.
    pub status: u16,
    /// Of the request's body.
    pub request_bytes: u64,
    /// Of the answer's body.
    pub response_bytes: u64,
    /// Whose it was.
    pub service: Arc<str>,
    /// Who served it; empty: nobody.
    pub instance: Box<str>,
    /// Where that instance is.
    pub region: Box<str>,
    /// As in `Cache-Status`; empty: no cache was asked.
    pub cache: &'static str,
    /// Why it failed; empty: it did not.
    pub fault: &'static str,
    /// See [`Revision::inputs_of`].
    pub inputs: KeptInputs,
}

/// Declared inputs that outlive their request.
#[derive(Debug, Clone, Default)]
pub struct KeptInputs(Vec<(u16, Box<[u8]>)>);

impl Revision {
    /// Keeps what the plugin declared as request inputs, for a [`Summary`]. A value that does not fit
    /// within 8 KiB with those before it is left out.
    pub fn inputs_of(&self, config: u32, inputs: &dyn Inputs) -> KeptInputs {
        let Some(given) = self.configured(config) else { return KeptInputs::default() };
        let mut room = MOST_INPUT;
        let values = Values::read(inputs, &given.request).into_values();
        let kept = values.filter_map(|(slot, value)| {
            room = room.checked_sub(value.len())?;
            Some((slot, Box::from(&*value)))
        });
        KeptInputs(kept.collect())
    }

    /// `access-log.on-complete`. A plugin without this hook hears nothing. How it ends does not count in
    /// the breaker of the other hooks.
    pub fn on_complete(&self, done: &[Summary]) -> Report<()> {
        let inputs: Vec<Vec<types::Input<'_>>> =
            done.iter().map(|one| one.inputs.lowered()).collect();
        let lowered: Vec<types::Summary<'_>> =
            done.iter().zip(&inputs).map(|(one, inputs)| one.lowered(inputs)).collect();
        self.call_aside(|instance| {
            let hook = instance.interfaces.access_log.as_ref()?;
            Some(hook.call_on_complete(&mut instance.store, &lowered))
        })
    }
}

impl KeptInputs {
    pub(super) fn lowered(&self) -> Vec<types::Input<'_>> {
        self.0.iter().map(|(slot, value)| types::Input { slot: *slot, value }).collect()
    }
}

impl Summary {
    pub(super) fn lowered<'a>(&'a self, inputs: &'a [types::Input<'a>]) -> types::Summary<'a> {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        types::Summary {
            exchange: self.exchange,
            config: self.config,
            memo: self.memo,
            started_ms: self.started_ms,
            duration_us: micros(self.duration),
            upstream_us: micros(self.upstream),
            status: self.status,
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            service: &self.service,
            instance: &self.instance,
            region: &self.region,
            cache: self.cache,
            fault: self.fault,
            inputs,
        }
    }
}
