//! Outlier detection for the policies beside Hither, as other proxies have it: failures in a row
//! put an instance out of traffic for a while.
//!
//! Numbers are those of the scenario's `[ejection]`; unlike Hither's own, a failure has no effect
//! before the last of the row.

use std::time::Duration;

use hither_balance::Ejection as Rules;

use super::Verdict;

/// What one edge knows of its instances' failures.
pub(super) struct Ejection {
    rules: Rules,
    records: Vec<Record>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Record {
    in_a_row: u32,
    /// How often it was ejected.
    times: u32,
    until: Duration,
}

impl Ejection {
    pub(super) fn new(rules: &Rules, instances: usize) -> Self {
        Self { rules: rules.clone(), records: vec![Record::default(); instances] }
    }

    /// Whether an instance gets nothing at this moment.
    pub(super) fn rests(&self, instance: usize, now: Duration) -> bool {
        self.records.get(instance).is_some_and(|record| now < record.until)
    }

    pub(super) fn ended(&mut self, instance: usize, verdict: Verdict, now: Duration) {
        let Some(record) = self.records.get_mut(instance) else { return };
        match verdict {
            Verdict::Good => record.in_a_row = 0,
            Verdict::Unknown => {}
            Verdict::Bad => {
                record.in_a_row += 1;
                if self.rules.failures > 0 && record.in_a_row >= self.rules.failures {
                    self.eject(instance, now);
                }
            }
        }
    }

    /// Unless enough rest already: one always may if there are others.
    fn eject(&mut self, instance: usize, now: Duration) {
        let resting = self.records.iter().filter(|record| now < record.until).count();
        let most = self.records.len() * usize::from(self.rules.share) / 100;
        if resting >= most.max(1) || self.records.len() - resting < 2 {
            return;
        }
        let (base, longest) = (self.rules.base, self.rules.most);
        if let Some(record) = self.records.get_mut(instance)
            && now >= record.until
        {
            record.times += 1;
            record.in_a_row = 0;
            record.until = now + base.saturating_mul(record.times).min(longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_in_a_row_rest_an_instance_for_longer_each_time() {
        let second = Duration::from_secs(1);
        let mut ejection = Ejection::new(&Rules::default(), 3);
        let mut fail = |times: u32, now: Duration| {
            (0..times).for_each(|_| ejection.ended(0, Verdict::Bad, now));
            (
                ejection.rests(0, now),
                ejection.rests(0, now + 29 * second),
                ejection.rests(0, now + 59 * second),
            )
        };
        assert_eq!(fail(4, second), (false, false, false));
        assert_eq!(fail(1, second), (true, true, false));
        assert_eq!(fail(5, 40 * second), (true, true, true));
    }

    #[test]
    fn only_a_share_rests_and_a_success_begins_anew() {
        let mut ejection = Ejection::new(&Rules::default(), 3);
        for instance in [0, 1] {
            (0..5).for_each(|_| ejection.ended(instance, Verdict::Bad, Duration::ZERO));
        }
        assert!(ejection.rests(0, Duration::ZERO) && !ejection.rests(1, Duration::ZERO));
        for _ in 0..9 {
            ejection.ended(2, Verdict::Bad, Duration::from_secs(31));
            ejection.ended(2, Verdict::Good, Duration::from_secs(31));
        }
        assert!(!ejection.rests(2, Duration::from_secs(31)));
    }
}
