//! What one health check thinks of one instance: thresholds and grace.
//!
//! Pure. An instance is healthy until its checks have failed often enough: at the start of an edge
//! nothing is known, and whoever cannot be reached is found out by the first requests, which are
//! tried elsewhere.

use hither_config::CheckPlan;
use std::time::Duration;

/// The state of one check of one instance.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Failures count for nothing before this, unless it has passed before.
    grace: Duration,
    failures: u32,
    successes: u32,
    /// How many in a row contradict the present state.
    against: u32,
    healthy: bool,
    /// It has passed at least once.
    proven: bool,
}

impl Verdict {
    /// Of an instance that is new at this time.
    pub(super) fn new(plan: &CheckPlan, now: Duration) -> Verdict {
        Verdict {
            grace: now.saturating_add(plan.grace_period),
            failures: plan.failures.get(),
            successes: plan.successes.get(),
            against: 0,
            healthy: true,
            proven: false,
        }
    }

    /// Takes the outcome of a check that began at `began`; tells whether the state changed.
    pub(super) fn take(&mut self, passed: bool, began: Duration) -> bool {
        self.proven |= passed;
        if passed == self.healthy {
            self.against = 0;
            return false;
        }
        if !passed && !self.proven && began < self.grace {
            return false;
        }
        self.against += 1;
        let enough = if passed { self.successes } else { self.failures };
        if self.against < enough {
            return false;
        }
        self.against = 0;
        self.healthy = passed;
        true
    }

    pub(super) fn healthy(&self) -> bool {
        self.healthy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hither_config::CheckKind;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn verdict(failures: u32, successes: u32, grace: u64) -> Verdict {
        let plan = CheckPlan {
            kind: CheckKind::Tcp,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            grace_period: Duration::from_secs(grace),
            failures: NonZeroU32::new(failures).expect("some"),
            successes: NonZeroU32::new(successes).expect("some"),
        };
        Verdict::new(&plan, Duration::ZERO)
    }

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn only_so_many_in_a_row_change_the_state() {
        let mut verdict = verdict(2, 3, 0);
        let outcomes = [false, true, false, false, true, true, false, true, true, true];
        let changes: Vec<_> = outcomes.map(|passed| verdict.take(passed, at(1))).to_vec();
        let expected = [false, false, false, true, false, false, false, false, false, true];
        assert_eq!(changes, expected);
        assert!(verdict.healthy());
    }

    #[test]
    fn a_new_instance_has_grace_until_it_passed_once() {
        let mut verdict = verdict(1, 1, 5);
        assert!(!verdict.take(false, at(4)) && verdict.healthy());
        assert!(verdict.take(false, at(5)) && !verdict.healthy());
        let mut verdict = self::verdict(1, 1, 5);
        assert!(!verdict.take(true, at(1)));
        assert!(verdict.take(false, at(2)), "who was up and is down again is not starting");
    }

    proptest! {
        #[test]
        fn the_state_is_what_the_last_long_enough_row_says(
            outcomes in prop::collection::vec(any::<bool>(), 0..100),
            failures in 1_u32..4,
            successes in 1_u32..4,
        ) {
            let mut verdict = verdict(failures, successes, 0);
            let (mut expected, mut row) = (true, (true, 0));
            for passed in outcomes {
                row = if row.0 == passed { (passed, row.1 + 1) } else { (passed, 1) };
                let enough = if passed { successes } else { failures };
                let before = expected;
                if row.1 >= enough {
                    expected = passed;
                }
                prop_assert_eq!(verdict.take(passed, at(9)), expected != before);
                prop_assert_eq!(verdict.healthy(), expected);
            }
        }
    }
}
