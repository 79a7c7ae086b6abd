//! The arithmetic of one limit: GCRA, a leaky bucket that is a single point in time.
//!
//! The "theoretical arrival time" is when the bucket will be empty again. Each unit moves it on by
//! one interval; a request passes if that leaves it at most `tolerance` ahead of now. In any
//! window of length T, wherever it begins, at most `burst + rate x T` units pass.
//!
//! Pure functions of numbers; must not know keys, atomics or HTTP.

use std::num::NonZeroU32;
use std::time::Duration;

/// How many units in how much time, such as 100 in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Units.
    pub units: NonZeroU32,
    /// The time they are for; less than a nanosecond per unit counts as a nanosecond.
    pub per: Duration,
}

/// A rate and a burst in the form that the data path computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Nanoseconds per unit, rounded up: never more than the rate.
    interval: u64,
    /// How far the bucket may be filled: nanoseconds of `burst` units.
    tolerance: u64,
}

/// What one limit says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may pass.
    pub allowed: bool,
    /// Whether the table of keys was full and the parent network's bucket decided.
    pub by_parent: bool,
    quota: Quota,
    /// How full the bucket is now, in nanoseconds.
    filled: u64,
    /// Nanoseconds until the same request would pass; 0 if it did.
    wait: u64,
}

impl Quota {
    /// At most `burst` units at once and `rate` in the long run.
    pub fn new(rate: Rate, burst: NonZeroU32) -> Self {
        let per = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX);
        let interval = per.div_ceil(u64::from(rate.units.get())).max(1);
        Self { interval, tolerance: interval.saturating_mul(u64::from(burst.get())) }
    }

    /// The most units that can pass at once.
    pub fn burst(&self) -> u64 {
        self.tolerance / self.interval
    }

    /// The time for one unit to flow off.
    pub fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval)
    }

    /// Where `cost` units at `now` move the arrival time `tat` to, or the nanoseconds to wait
    /// until they may. If they are more than the burst, waiting never helps.
    pub(crate) fn charge(&self, tat: u64, now: u64, cost: u32) -> Result<u64, u64> {
        let units = self.interval.saturating_mul(u64::from(cost));
        let ahead = tat.saturating_sub(now).saturating_add(units);
        match now.checked_add(ahead) {
            Some(moved) if ahead <= self.tolerance => Ok(moved),
            _ => Err(ahead.saturating_sub(self.tolerance).max(1)),
        }
    }

    /// What a charge would say, of a bucket that stays as it is.
    pub(crate) fn seen(&self, tat: u64, now: u64, cost: u32) -> Decision {
        match self.charge(tat, now, cost) {
            Ok(_) => self.passed(tat, now),
            Err(wait) => self.held(tat, now, wait),
        }
    }

    pub(crate) fn passed(&self, tat: u64, now: u64) -> Decision {
        let filled = tat.saturating_sub(now);
        Decision { allowed: true, by_parent: false, quota: *self, filled, wait: 0 }
    }

    pub(crate) fn held(&self, tat: u64, now: u64, wait: u64) -> Decision {
        let filled = tat.saturating_sub(now);
        Decision { allowed: false, by_parent: false, quota: *self, filled, wait }
    }
}

impl Decision {
    pub(crate) fn said_by_parent(self, by_parent: bool) -> Self {
        Self { by_parent, ..self }
    }

    /// Units that could pass right now.
    pub fn remaining(&self) -> u64 {
        self.quota.tolerance.saturating_sub(self.filled) / self.quota.interval
    }

    /// The most units that can pass at once.
    pub fn limit(&self) -> u64 {
        self.quota.burst()
    }

    /// When the same request would pass; zero if it did.
    pub fn retry_after(&self) -> Duration {
        Duration::from_nanos(self.wait)
    }

    /// When all units will be there again.
    pub fn reset_after(&self) -> Duration {
        Duration::from_nanos(self.filled)
    }

    /// The quota that was asked.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }
}
