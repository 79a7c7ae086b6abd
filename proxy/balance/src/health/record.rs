//! What is remembered of one instance whose requests have failed, or that is warming up.
//!
//! Pure arithmetic on times; must not know threads, other instances or the index.

use std::time::Duration;

use crate::policy::{Ejection, Handicap, Policy};

/// Steps in which a slow start raises the soft limit, at most.
const RAMP_STEPS: u32 = 64;

/// How many times a failure's load the failures of one instance can add up to. More would only
/// take longer to work off.
const MOST_FAILURES: u32 = 8;

#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Failures since the last success.
    streak: u32,
    /// What recent failures count for in the ranking.
    load: u32,
    /// When they count for nothing again.
    load_until: Duration,
    /// Ejections that are not forgotten yet.
    ejections: u32,
    ejected_until: Option<Duration>,
    /// End of the last ejection, or of the last one forgotten since.
    good_since: Duration,
    ramp: Ramp,
}

/// How far a slow start is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Ramp {
    #[default]
    Done,
    /// It starts when somebody next says what time it is.
    Pending,
    /// It has begun, and got as far as this step.
    At { start: Duration, step: u32 },
}

impl Record {
    /// A request failed. `true` if the instance should be ejected.
    pub(crate) fn failed(&mut self, policy: &Policy, now: Duration) -> bool {
        let Ejection { failures, memory, .. } = policy.ejection;
        if failures == 0 || self.ejected_until.is_some() {
            return false;
        }
        let weight = policy.failure_load();
        self.streak = self.streak.saturating_add(1);
        self.load = self.load.saturating_add(weight).min(weight.saturating_mul(MOST_FAILURES));
        self.load_until = now.saturating_add(memory);
        self.streak >= failures
    }

    /// A request succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.streak = 0;
        self.load = self.load.saturating_sub(1);
    }

    /// Whether a success would change anything.
    pub(crate) fn is_failing(&self) -> bool {
        self.streak > 0 || self.load > 0
    }

    /// Whether the failures in a row are enough for an ejection.
    pub(crate) fn deserves_ejection(&self, policy: &Ejection) -> bool {
        policy.failures > 0 && self.ejected_until.is_none() && self.streak >= policy.failures
    }

    pub(crate) fn ejected_until(&self) -> Option<Duration> {
        self.ejected_until
    }

    /// Puts it out of traffic, for longer each time.
    pub(crate) fn eject(&mut self, policy: &Ejection, now: Duration) {
        self.forget(policy, now);
        self.ejections = self.ejections.saturating_add(1);
        let span = policy.base.saturating_mul(self.ejections).min(policy.most);
        self.ejected_until = Some(now.saturating_add(span));
        (self.streak, self.load) = (0, 0);
    }

    /// Lets it back into traffic before its time. The ejection counts as had.
    pub(crate) fn pardon(&mut self, slow_start: Option<Duration>) {
        if let Some(until) = self.ejected_until.take() {
            self.good_since = until;
            if slow_start.is_some() {
                self.warm_up();
            }
        }
    }

    /// Its soft limit rises from 1 again.
    pub(crate) fn warm_up(&mut self) {
        self.ramp = Ramp::Pending;
    }

    /// What time has done. `true` if it is back in traffic.
    pub(crate) fn advance(&mut self, policy: &Policy, now: Duration) -> bool {
        if now >= self.load_until {
            self.load = 0;
        }
        let returned = self.ejected_until.is_some_and(|until| now >= until);
        if returned {
            self.pardon(policy.slow_start);
        }
        if self.ejected_until.is_none() {
            self.forget(&policy.ejection, now);
        }
        self.climb(policy, now);
        returned
    }

    fn climb(&mut self, policy: &Policy, now: Duration) {
        let Some(span) = policy.slow_start else {
            self.ramp = Ramp::Done;
            return;
        };
        if self.ramp == Ramp::Pending {
            self.ramp = Ramp::At { start: now, step: 0 };
        }
        while let Ramp::At { start, step } = self.ramp
            && now >= step_begins(policy, start, span, step + 1)
        {
            let last = step + 1 >= steps(policy);
            self.ramp = if last { Ramp::Done } else { Ramp::At { start, step: step + 1 } };
        }
    }

    fn forget(&mut self, policy: &Ejection, now: Duration) {
        if policy.forget.is_zero() {
            self.ejections = 0;
        }
        while self.ejections > 0 {
            let next = self.good_since.saturating_add(policy.forget);
            if next > now {
                return;
            }
            (self.good_since, self.ejections) = (next, self.ejections - 1);
        }
    }

    /// When time next does something. `None`: never, and nothing need be remembered unless
    /// [`Record::is_failing`].
    pub(crate) fn next(&self, policy: &Policy) -> Option<Duration> {
        let load = (self.load > 0).then_some(self.load_until);
        let forget = self.good_since.saturating_add(policy.ejection.forget);
        let health = self.ejected_until.or((self.ejections > 0).then_some(forget));
        let ramp = match (self.ramp, policy.slow_start) {
            (Ramp::Done, _) => None,
            (Ramp::At { start, step }, Some(span)) => {
                Some(step_begins(policy, start, span, step + 1))
            }
            (Ramp::Pending | Ramp::At { .. }, _) => Some(Duration::ZERO),
        };
        [load, health, ramp].into_iter().flatten().min()
    }

    /// What it is ranked with.
    pub(crate) fn handicap(&self, policy: &Policy) -> Handicap {
        let step = match self.ramp {
            Ramp::Pending => Some(0),
            Ramp::At { step, .. } => Some(step),
            Ramp::Done => None,
        };
        let soft = match step {
            Some(step) if policy.slow_start.is_some() && policy.soft_limit > 1 => {
                let risen = u64::from(policy.soft_limit - 1) * u64::from(step);
                1 + (risen / u64::from(steps(policy))) as u32
            }
            _ => 0,
        };
        Handicap { failures: self.load, soft }
    }
}

/// In how many steps the soft limit rises.
fn steps(policy: &Policy) -> u32 {
    policy.soft_limit.clamp(1, RAMP_STEPS)
}

fn step_begins(policy: &Policy, start: Duration, span: Duration, step: u32) -> Duration {
    start.saturating_add(span.saturating_mul(step) / steps(policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fail(record: &mut Record, policy: &Policy, times: u32, now: Duration) -> bool {
        (0..times).fold(false, |_, _| record.failed(policy, now))
    }

    #[test]
    fn only_failures_in_a_row_eject() {
        let (mut record, policy) = (Record::default(), Policy::default());
        assert!(!fail(&mut record, &policy, 4, seconds(1)));
        record.succeeded();
        assert!(!fail(&mut record, &policy, 4, seconds(1)));
        assert!(record.failed(&policy, seconds(1)));
    }

    #[test]
    fn each_ejection_is_longer_up_to_a_limit_and_good_time_is_counted() {
        let (mut record, policy) = (Record::default(), Policy::default());
        let mut now = Duration::ZERO;
        for (ejection, span) in [30, 60, 90, 120].into_iter().enumerate() {
            record.eject(&policy.ejection, now);
            let until = now + seconds(span);
            assert_eq!(record.ejected_until(), Some(until), "ejection {ejection}");
            assert!(!record.advance(&policy, until - Duration::from_nanos(1)));
            assert!(record.advance(&policy, until));
            now = until;
        }
        // Two minutes without: two are forgotten, two count, and the next is the third.
        record.eject(&policy.ejection, now + seconds(120));
        assert_eq!(record.ejected_until(), Some(now + seconds(120 + 90)));
        for _ in 0..40 {
            record.pardon(None);
            record.eject(&policy.ejection, now);
        }
        assert_eq!(record.ejected_until(), Some(now + policy.ejection.most));
    }

    #[test]
    fn failures_count_as_load_until_successes_or_time_outweigh_them() {
        let (mut record, policy) = (Record::default(), Policy::default());
        record.failed(&policy, seconds(1));
        assert_eq!(record.handicap(&policy).failures, 5);
        record.succeeded();
        assert_eq!(record.handicap(&policy).failures, 4);
        record.failed(&policy, seconds(2));
        assert_eq!(record.handicap(&policy).failures, 9);
        assert_eq!(record.next(&policy), Some(seconds(12)));
        record.advance(&policy, seconds(12));
        assert_eq!(record.handicap(&policy).failures, 0);
        fail(&mut record, &policy, 1_000, seconds(13));
        assert_eq!(record.handicap(&policy).failures, 40);
    }

    #[test]
    fn a_slow_start_rises_evenly_from_one_to_the_limit() {
        let policy = Policy { slow_start: Some(seconds(20)), ..Policy::default() };
        let mut record = Record::default();
        record.warm_up();
        assert_eq!(record.handicap(&policy).soft, 1);
        assert_eq!(record.next(&policy), Some(Duration::ZERO), "it starts at the next look");
        record.advance(&policy, seconds(100));
        let mut limits = Vec::new();
        while let Some(next) = record.next(&policy) {
            limits.push(record.handicap(&policy).soft);
            record.advance(&policy, next);
        }
        assert_eq!(limits.first(), Some(&1));
        assert_eq!(limits.len(), 20);
        assert!(limits.windows(2).all(|pair| pair[1] - pair[0] <= 1), "{limits:?}");
        assert_eq!(record.handicap(&policy), Handicap::NONE);
        record.warm_up();
        record.advance(&policy, seconds(200));
        record.advance(&policy, seconds(210));
        assert_eq!(record.handicap(&policy).soft, 10);
    }

    #[test]
    fn without_a_threshold_failures_count_for_nothing() {
        let ejection = Ejection { failures: 0, ..Ejection::default() };
        let policy = Policy { ejection, ..Policy::default() };
        let mut record = Record::default();
        assert!(!fail(&mut record, &policy, 100, seconds(1)));
        assert!(!record.is_failing() && record.next(&policy).is_none());
    }
}
