//! One monotonic clock for all policy: time since the process began; and the world's, for what others date.

use std::time::{Duration, Instant, SystemTime};

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

/// Now, in seconds since 1970: for what outsiders date, never for deadlines.
pub(crate) fn unix_time() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
