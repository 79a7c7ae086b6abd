//! How slowly a client may send a body, or take one. Only the time counts in which the client is waited for:
//! whoever is held up by an instance is not slow. Pure: bytes and times in, a deadline out.

use std::time::Duration;
use tokio::time::Instant;

/// What a body may take before its pace is looked at.
const GRACE: Duration = Duration::from_secs(5);

/// However much has come in advance, this is the longest pause that it pays for.
const LONGEST: Duration = Duration::from_secs(60);

/// One body's pace.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Pace {
    /// Bytes per second; 0: as few as the client likes.
    least: u64,
    /// It is timed from now on, or else from its first byte.
    begun: bool,
    /// So much waiting is paid for, without the bytes below.
    left: Duration,
    /// Bytes that have passed since that was last reckoned.
    bytes: u64,
    waits_since: Option<Instant>,
}

impl Pace {
    pub(in crate::serve) fn new(least: u64) -> Pace {
        Pace { least, begun: true, left: GRACE, bytes: 0, waits_since: None }
    }

    /// The same, but not before its first byte has come: the client may be waiting to be told to send it.
    pub(in crate::serve) fn once_begun(self) -> Pace {
        Pace { begun: false, ..self }
    }

    /// So many bytes have passed.
    pub(in crate::serve) fn moved(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        self.begun |= bytes > 0;
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if let Some(since) = self.waits_since.take() {
            let waited = now().saturating_duration_since(since);
            // More than was left, and yet nobody looked: nobody waited any longer.
            self.left = self.left.checked_sub(waited).unwrap_or(self.left);
        }
    }

    /// The client is waited for. Until then something must pass.
    pub(in crate::serve) fn waits(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        if self.least == 0 || !self.begun {
            return None;
        }
        let since = match self.waits_since {
            Some(since) => since,
            None => {
                let paid = self.bytes.saturating_mul(1_000_000_000) / self.least;
                self.left = (self.left + Duration::from_nanos(paid)).min(LONGEST);
                self.bytes = 0;
                *self.waits_since.insert(now())
            }
        };
        Some(since + self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When a body that brings `bytes` every `pause` is given up, if at all within an hour.
    fn given_up(least: u64, bytes: usize, pause: Duration) -> Option<Duration> {
        let start = Instant::now();
        let (mut pace, mut now) = (Pace::new(least), start);
        while now - start < Duration::from_secs(3600) {
            let until = pace.waits(|| now)?;
            if until < now + pause {
                return Some(until - start);
            }
            now += pause;
            pace.moved(bytes, || now);
        }
        None
    }

    #[test]
    fn who_is_too_slow_is_given_up_after_the_grace_and_who_is_not_is_not() {
        let second = Duration::from_secs(1);
        assert_eq!(given_up(240, 0, second), Some(5 * second));
        assert_eq!(given_up(240, 240, second), None);
        assert_eq!(given_up(240, 2400, 10 * second), Some(5 * second), "a pause beyond the grace");
        assert_eq!(given_up(240, 1, second).map(|time| time.as_secs()), Some(5));
        let half = given_up(240, 120, second).map(|time| time.as_secs());
        assert!(matches!(half, Some(9..=10)), "{half:?}");
        assert_eq!(given_up(0, 0, second), None);
    }

    #[test]
    fn who_waits_to_be_told_to_send_is_timed_from_the_first_byte() {
        let start = Instant::now();
        let mut pace = Pace::new(240).once_begun();
        assert_eq!(pace.waits(|| start), None);
        pace.moved(240, || start);
        assert_eq!(pace.waits(|| start), Some(start + GRACE + Duration::from_secs(1)));
    }

    #[test]
    fn much_at_once_pays_for_a_minute_and_no_more() {
        let start = Instant::now();
        let mut pace = Pace::new(240);
        pace.moved(1 << 30, || start);
        assert_eq!(pace.waits(|| start), Some(start + LONGEST));
    }

    #[test]
    fn time_in_which_nobody_waited_is_not_counted() {
        let start = Instant::now();
        let mut pace = Pace::new(240);
        pace.waits(|| start);
        let later = start + Duration::from_secs(1000);
        pace.moved(0, || later);
        assert_eq!(pace.waits(|| later), Some(later + GRACE));
    }
}
