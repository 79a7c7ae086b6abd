//! One bucket shared by all threads: an atomic point in time.
//!
//! Must not know keys or headers.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::quota::{Decision, Quota};

/// One bucket. The quota is given with each question, so that a reload can change it and keep
/// what was counted.
#[derive(Debug, Default)]
pub struct Gcra {
    /// Theoretical arrival time, in the caller's nanoseconds. A lone word that orders nothing
    /// else, hence relaxed.
    tat: AtomicU64,
}

/// A charge that can be taken back: the bucket before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) before: u64,
    pub(crate) after: u64,
}

impl Gcra {
    /// An empty bucket.
    pub fn new() -> Self {
        Self::default()
    }

    /// Charges `cost` units at `now` (nanoseconds of any monotonic clock) if they may pass, and
    /// nothing otherwise. A `now` that lies before an earlier one never lets more pass.
    pub fn check(&self, quota: &Quota, now: u64, cost: u32) -> Decision {
        match self.charge(quota, now, cost) {
            Ok(charge) => quota.passed(charge.after, now),
            Err(held) => held,
        }
    }

    /// What [`Gcra::check`] would say, without charging.
    pub fn peek(&self, quota: &Quota, now: u64, cost: u32) -> Decision {
        quota.seen(self.tat(), now, cost)
    }

    pub(crate) fn charge(&self, quota: &Quota, now: u64, cost: u32) -> Result<Charge, Decision> {
        self.charge_from(0, quota, now, cost)
    }

    /// The same for a bucket that is taken to be filled until `floor` at least.
    pub(crate) fn charge_from(
        &self,
        floor: u64,
        quota: &Quota,
        now: u64,
        cost: u32,
    ) -> Result<Charge, Decision> {
        let mut before = self.tat.load(Relaxed);
        loop {
            let after = quota
                .charge(before.max(floor), now, cost)
                .map_err(|wait| quota.held(before, now, wait))?;
            match self.tat.compare_exchange_weak(before, after, Relaxed, Relaxed) {
                Ok(_) => return Ok(Charge { before, after }),
                Err(changed) => before = changed,
            }
        }
    }

    /// Takes a charge back if nothing was charged since; otherwise the units stay charged, since
    /// subtracting them could let more pass than the quota.
    pub(crate) fn undo(&self, charge: Charge) {
        let _ = self.tat.compare_exchange(charge.after, charge.before, Relaxed, Relaxed);
    }

    pub(crate) fn tat(&self) -> u64 {
        self.tat.load(Relaxed)
    }
}
