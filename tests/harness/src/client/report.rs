//! What a load met: every failure counted, the first ones kept, every latency kept.

use std::time::Duration;

/// Failures kept with their words; the rest are only counted.
const KEPT: usize = 50;

/// One failed request of a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When, from the start of the load.
    pub at: Duration,
    /// The connection, from 0.
    pub connection: usize,
    /// The request's number in the whole load, from 0.
    pub request: u64,
    /// What went wrong.
    pub what: String,
}

/// What happened during a load.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests with a whole, right response.
    pub completed: u64,
    /// Requests without one.
    pub failed: u64,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// Connections opened, the first ones included.
    pub connects: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Of each completed request, in microseconds: when it ended, from the start, and how long it took.
    latencies: Vec<(u64, u64)>,
}

impl Report {
    pub(crate) fn complete(&mut self, at: Duration, took: Duration) {
        self.completed += 1;
        self.latencies.push((micros(at), micros(took)));
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.completed += other.completed;
        self.failed += other.failed;
        self.connects += other.connects;
        self.latencies.extend(other.latencies);
        self.failures.extend(other.failures);
        self.failures.sort_by_key(|failure| failure.at);
        self.failures.truncate(KEPT);
    }

    /// The latency that this share of the completed requests did not exceed: 0.5 is the median, 1.0 the longest.
    #[must_use]
    pub fn latency(&self, share: f64) -> Duration {
        self.latency_between(Duration::ZERO, Duration::MAX, share)
    }

    /// As [`Report::latency`], of the requests that ended in this time from the start; zero if none did.
    #[must_use]
    pub fn latency_between(&self, from: Duration, to: Duration, share: f64) -> Duration {
        let span = micros(from)..micros(to);
        let mut took: Vec<u64> = self
            .latencies
            .iter()
            .filter(|(at, _)| span.contains(at))
            .map(|(_, took)| *took)
            .collect();
        took.sort_unstable();
        let rank = (share * took.len() as f64).ceil() as usize;
        took.get(rank.saturating_sub(1)).copied().map_or(Duration::ZERO, Duration::from_micros)
    }

    /// Completed requests per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.completed as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// # Panics
    /// If a request failed, or none completed.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(
            self.failed == 0,
            "{} requests failed, {} did not; the first: {:#?}",
            self.failed,
            self.completed,
            self.failures
        );
        assert!(self.completed > 0, "the load completed no request");
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_requests_that_ended_in_the_span() {
        let mut report = Report::default();
        for millisecond in 1..=100 {
            report.complete(Duration::from_millis(millisecond), Duration::from_micros(millisecond));
        }
        assert_eq!(report.latency(0.5), Duration::from_micros(50));
        assert_eq!(report.latency(1.0), Duration::from_micros(100));
        let span = (Duration::from_millis(10), Duration::from_millis(20));
        assert_eq!(report.latency_between(span.0, span.1, 1.0), Duration::from_micros(19));
        assert_eq!(
            report.latency_between(Duration::from_secs(9), Duration::MAX, 0.5),
            Duration::ZERO
        );
    }
}
