//! So many of something a second. It knows no plugin.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_beyond_the_rate_is_counted_and_told_later() {
        let begin = Instant::now();
        let rate = Rate::new(2, begin);
        let passed: Vec<_> = (0..5).map(|_| rate.pass(begin)).collect();
        assert_eq!(passed, [Some(0), Some(0), None, None, None]);
        assert_eq!(rate.pass(begin + Duration::from_secs(1)), Some(3));
        assert_eq!(rate.pass(begin + Duration::from_secs(1)), Some(0));
    }
}
