//! The fastest of the connections that requests made since somebody looked. One atomic, so that
//! the request path tells what it saw for next to nothing.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

const NONE: u32 = u32::MAX;

/// In microseconds.
#[derive(Debug)]
pub(crate) struct Connects(AtomicU32);

impl Default for Connects {
    fn default() -> Connects {
        Connects(AtomicU32::new(NONE))
    }
}

impl Connects {
    /// A connection stood after so long.
    pub(crate) fn took(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(NONE - 1).min(NONE - 1);
        self.0.fetch_min(micros, Relaxed);
    }

    /// The fastest since the last call, if there was one.
    pub(super) fn take(&self) -> Option<Duration> {
        let micros = self.0.swap(NONE, Relaxed);
        (micros != NONE).then(|| Duration::from_micros(u64::from(micros)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fastest_since_the_last_look_is_told_once() {
        let connects = Connects::default();
        assert_eq!(connects.take(), None);
        [7, 3, 9].into_iter().for_each(|ms| connects.took(Duration::from_millis(ms)));
        assert_eq!(connects.take(), Some(Duration::from_millis(3)));
        assert_eq!(connects.take(), None);
        connects.took(Duration::MAX);
        assert!(connects.take() > Some(Duration::from_secs(4000)));
    }
}
