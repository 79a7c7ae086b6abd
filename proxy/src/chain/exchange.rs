//! What the plugins of one request have said so far.

use super::shadow::{Asked, Copies, Held, Queue};
use crate::decide::Record;
use hither_plugin_host::{BodyMode, Side};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Pieces of metadata that one request may gather; what goes beyond is dropped.
const MAX_METADATA: usize = 64;

/// One request's passage through its chain.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    seats: SmallVec<[Seat; 4]>,
    metadata: Vec<(String, String)>,
    /// The target as the client wrote it, where a plugin changed it.
    asked_target: Option<Box<str>>,
    now_ms: Option<u64>,
    /// How long its plugins have been asked.
    time: Duration,
    /// Whether anybody wants the request's body, and the response's.
    wanted: [bool; 2],
    /// For whoever asks why; hardly ever there.
    record: Option<Box<Record>>,
    /// For shadows; hardly ever any.
    copies: Vec<Copies>,
}

/// What one plugin left for its later hooks.
#[derive(Debug, Default)]
struct Seat {
    memo: u64,
    skip_response: bool,
    passed_over: bool,
    /// A new revision on trial decides, in all hooks.
    tries_new: bool,
    /// How much it wants of the request's body, and of the response's.
    bodies: [BodyMode; 2],
}

impl Exchange {
    /// The plugin at `place` is being asked.
    pub(super) fn reach(&mut self, place: usize) {
        while self.seats.len() <= place {
            self.seats.push(Seat::default());
        }
    }

    /// How many plugins have been asked.
    pub(super) fn reached(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn remember(&mut self, place: usize, memo: u64, response_hooks: bool) {
        if let Some(seat) = self.seats.get_mut(place) {
            seat.memo = memo;
            seat.skip_response |= !response_hooks;
        }
    }

    /// The plugin at `place` has nothing to do with this exchange.
    pub(super) fn pass_over(&mut self, place: usize) {
        if let Some(seat) = self.seats.get_mut(place) {
            seat.skip_response = true;
            seat.passed_over = true;
        }
    }

    /// Whether the plugin at `place` has nothing to do with this exchange; none where that was not found
    /// out.
    pub(super) fn passed_over(&self, place: usize) -> Option<bool> {
        self.seats.get(place).map(|seat| seat.passed_over)
    }

    /// The plugin at `place` wants so much of a body.
    pub(super) fn want(&mut self, place: usize, side: Side, mode: BodyMode) {
        if let Some(seat) = self.seats.get_mut(place).filter(|_| mode != BodyMode::None) {
            seat.bodies[side as usize] = mode;
            self.wanted[side as usize] = true;
        }
    }

    /// Whether any plugin wants some of this body.
    pub(super) fn wants(&self, side: Side) -> bool {
        self.wanted[side as usize]
    }

    /// How much of a body the plugin at `place` wants.
    pub(super) fn body(&self, place: usize, side: Side) -> BodyMode {
        self.seats.get(place).map_or(BodyMode::None, |seat| seat.bodies[side as usize])
    }

    pub(super) fn memo(&self, place: usize) -> u64 {
        self.seats.get(place).map_or(0, |seat| seat.memo)
    }

    pub(super) fn skips_response(&self, place: usize) -> bool {
        self.seats.get(place).is_some_and(|seat| seat.skip_response)
    }

    /// The new revision that is on trial at `place` decides this exchange.
    pub(super) fn try_new(&mut self, place: usize) {
        if let Some(seat) = self.seats.get_mut(place) {
            seat.tries_new = true;
        }
    }

    pub(super) fn tries_new(&self, place: usize) -> bool {
        self.seats.get(place).is_some_and(|seat| seat.tries_new)
    }

    /// Keeps a copy for the shadow of the plugin at `place`.
    pub(super) fn copy(&mut self, place: usize, queue: &Arc<Queue>, held: Held, asked: Asked) {
        let at = self.copies.iter().position(|copies| copies.place == place);
        let at = at.unwrap_or_else(|| {
            self.copies.push(Copies::new(place, queue.clone()));
            self.copies.len() - 1
        });
        if let Some(copies) = self.copies.get_mut(at) {
            copies.add(held, asked);
        }
    }

    /// All heads have been seen: hands the copies over now, since the bodies may take days.
    pub(crate) fn heads_seen(&mut self) {
        self.copies.clear();
    }

    /// Takes a plugin's metadata, under its name.
    pub(super) fn note(&mut self, plugin: &str, pairs: &[(String, String)]) {
        let room = MAX_METADATA.saturating_sub(self.metadata.len());
        let named = pairs.iter().take(room).map(|(k, v)| (format!("{plugin}.{k}"), v.clone()));
        self.metadata.extend(named);
    }

    /// A plugin sends the request elsewhere than to `target`, which it came with.
    pub(super) fn leaves(&mut self, target: &str) {
        self.asked_target.get_or_insert_with(|| target.into());
    }

    /// The target as the client wrote it, where a plugin changed it.
    pub(crate) fn asked_target(&self) -> Option<&str> {
        self.asked_target.as_deref()
    }

    /// `plugin.key` and value, for later plugins and the access log.
    pub(crate) fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// From now on it is written down what happens.
    pub(crate) fn keep_record(&mut self) {
        self.record.get_or_insert_default();
    }

    /// Writes down, if anything is.
    pub(crate) fn write_down(&mut self, write: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            write(record);
        }
    }

    /// What was written down.
    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    /// A plugin was asked for so long.
    pub(super) fn took(&mut self, time: Duration) {
        self.time += time;
    }

    /// How long its plugins have been asked about its heads.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// The request's time, taken at its first plugin.
    pub(super) fn now_ms(&mut self) -> u64 {
        *self.now_ms.get_or_insert_with(|| unix_ms(Duration::ZERO))
    }

    /// The same at the end of a request that took so long.
    pub(super) fn began_ms(&mut self, took: Duration) -> u64 {
        *self.now_ms.get_or_insert_with(|| unix_ms(took))
    }
}

/// Milliseconds since the Unix epoch, so long ago.
fn unix_ms(ago: Duration) -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.saturating_sub(ago).as_millis() as u64
}
