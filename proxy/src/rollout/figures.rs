//! What is counted of one revision during a rollout, without a lock, and how it looks at one moment.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Four to an octave: two times in one bucket differ by a fifth at most.
const PER_OCTAVE: usize = 4;
/// From 256 ns, below which nothing is called, to 4 s, above which nothing is allowed to run.
const BUCKETS: usize = 24 * PER_OCTAVE;
const SHORTEST_EXPONENT: u32 = 8;

/// How one call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// With a verdict that lets the message go on.
    Passed,
    /// With an answer of 400 or more, or by a limiter that it charged.
    Rejected,
    /// With no verdict.
    Failed,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) how: How,
    /// None where nothing was called, or an instance had to be started first.
    pub(crate) time: Option<Duration>,
}

/// Counts calls; shared by all threads.
pub(crate) struct Tally {
    calls: AtomicU64,
    rejects: AtomicU64,
    failures: AtomicU64,
    times: [AtomicU64; BUCKETS],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            calls: AtomicU64::new(0),
            rejects: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            times: from_fn(|_| AtomicU64::new(0)),
        }
    }
}

impl Tally {
    pub(crate) fn count(&self, call: Call) {
        match call.how {
            How::Passed => {}
            How::Rejected => drop(self.rejects.fetch_add(1, Ordering::Relaxed)),
            How::Failed => drop(self.failures.fetch_add(1, Ordering::Relaxed)),
        }
        // What failed may have ended at once, or never: it says nothing of how long a call takes.
        if let Some(time) = call.time.filter(|_| call.how != How::Failed)
            && let Some(bucket) = self.times.get(bucket(time))
        {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        // Last, so that nobody sees more failures than calls.
        self.calls.fetch_add(1, Ordering::Release);
    }

    /// As it is now, but for calls that end while it is looked at.
    pub(crate) fn figures(&self) -> Figures {
        let calls = self.calls.load(Ordering::Acquire);
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed).min(calls);
        Figures {
            calls,
            rejects: of(&self.rejects),
            failures: of(&self.failures),
            times: Times(from_fn(|at| {
                self.times.get(at).map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            })),
        }
    }
}

/// What one revision did.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Figures {
    pub(crate) calls: u64,
    pub(crate) rejects: u64,
    pub(crate) failures: u64,
    pub(crate) times: Times,
}

/// How long its calls took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times([u64; BUCKETS]);

impl Default for Times {
    fn default() -> Times {
        Times([0; BUCKETS])
    }
}

/// Number, mean and variance of the logarithm of times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Times {
    /// So many calls took so long.
    #[cfg(test)]
    pub(crate) fn of(times: &[(u64, Duration)]) -> Times {
        let mut sum = Times::default();
        for (many, time) in times {
            sum.0[bucket(*time)] += many;
        }
        sum
    }

    /// The time that this share of the calls took at most; none where there were no calls.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let all: u64 = self.0.iter().sum();
        let wanted = (all as f64 * share).ceil().max(1.0) as u64;
        let mut below = 0;
        let found = self.0.iter().position(|many| {
            below += many;
            below >= wanted
        });
        found.filter(|_| all > 0).map(|at| Duration::from_nanos(middle(at).exp() as u64))
    }

    /// Of the logarithms, since a few calls always take much longer than most.
    pub(crate) fn moments(&self) -> Moments {
        let buckets = || self.0.iter().enumerate().map(|(at, many)| (middle(at), *many as f64));
        let count: f64 = buckets().map(|(_, many)| many).sum();
        if count == 0.0 {
            return Moments { count, mean: 0.0, variance: 0.0 };
        }
        let mean = buckets().map(|(log, many)| log * many).sum::<f64>() / count;
        let spread: f64 = buckets().map(|(log, many)| (log - mean).powi(2) * many).sum();
        // What a bucket hides: times spread evenly over it.
        let hidden = width().powi(2) / 12.0;
        Moments { count, mean, variance: spread / count + hidden }
    }
}

/// Of one bucket, in the logarithm.
fn width() -> f64 {
    std::f64::consts::LN_2 / PER_OCTAVE as f64
}

/// The logarithm of the time in the middle of a bucket.
fn middle(at: usize) -> f64 {
    f64::from(SHORTEST_EXPONENT) * std::f64::consts::LN_2 + (at as f64 + 0.5) * width()
}

fn bucket(time: Duration) -> usize {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1 << SHORTEST_EXPONENT);
    let octaves = (nanos as f64).log2() - f64::from(SHORTEST_EXPONENT);
    ((octaves * PER_OCTAVE as f64) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    #[test]
    fn a_quantile_is_within_a_fifth() {
        let times = Times::of(&[(90, 10 * MICROSECOND), (10, 1000 * MICROSECOND)]);
        for (share, expected) in [(0.5, 10), (0.9, 10), (0.99, 1000)] {
            let found =
                times.quantile(share).map(|time| time.as_secs_f64() * 1e6 / expected as f64);
            assert!(found.is_some_and(|ratio| (0.8..1.2).contains(&ratio)), "{share}: {found:?}");
        }
        assert_eq!(Times::default().quantile(0.5), None);
    }

    #[test]
    fn every_time_has_a_bucket() {
        let tally = Tally::default();
        for time in [Duration::ZERO, Duration::from_nanos(300), Duration::MAX] {
            tally.count(Call { how: How::Passed, time: Some(time) });
        }
        tally.count(Call { how: How::Failed, time: Some(MICROSECOND) });
        tally.count(Call { how: How::Rejected, time: None });
        let figures = tally.figures();
        assert_eq!((figures.calls, figures.rejects, figures.failures), (5, 1, 1));
        assert_eq!(figures.times.moments().count, 3.0);
    }
}
