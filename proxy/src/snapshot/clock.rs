//! One monotonic clock for all policy: time since the process began.

use std::time::{Duration, Instant};

/// A clock that never goes back. Copies agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Begins now.
    pub(crate) fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Since it began.
    pub(crate) fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
