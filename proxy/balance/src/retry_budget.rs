//! How many requests may be tried again at a time: a share of those that are running, so that
//! retries cannot multiply an overload.
//!
//! Pure counting, without a lock; must not know what is safe to repeat, or instances.

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::Arc;

/// What a budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Retries may be this percentage of the running requests.
    pub share: u8,
    /// So many may run in any case.
    pub least: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { share: 20, least: 3 }
    }
}

/// The budget of one service, shared by its requests.
#[derive(Debug, Clone, Default)]
pub struct RetryBudget {
    allowance: Allowance,
    counts: Arc<Counts>,
}

/// Running requests in the lower half and running retries in the upper one: both are compared at
/// one moment.
#[derive(Debug, Default)]
struct Counts(AtomicU64);

const RETRY: u64 = 1 << 32;

/// A running request. Dropping it ends it.
#[derive(Debug)]
#[must_use = "dropping it takes the request out of the count"]
pub struct Active {
    budget: RetryBudget,
}

/// A running retry. Dropping it gives its part of the budget back.
#[derive(Debug)]
#[must_use = "dropping it gives the budget back"]
pub struct Retry {
    counts: Arc<Counts>,
}

impl RetryBudget {
    /// A budget of its own.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, counts: Arc::default() }
    }

    /// The same counts under another allowance, for a change of configuration.
    pub fn allowing(&self, allowance: Allowance) -> Self {
        Self { allowance, counts: self.counts.clone() }
    }

    /// Counts a request in, from its arrival to its end.
    pub fn enter(&self) -> Active {
        self.counts.0.fetch_add(1, Relaxed);
        Active { budget: self.clone() }
    }

    /// Running requests and running retries.
    pub fn running(&self) -> (u32, u32) {
        split(self.counts.0.load(Relaxed))
    }

    fn retry(&self) -> Option<Retry> {
        let Allowance { share, least } = self.allowance;
        let mut counts = self.counts.0.load(Relaxed);
        loop {
            let (active, retries) = split(counts);
            let most = (u64::from(active) * u64::from(share) / 100).max(u64::from(least));
            if u64::from(retries) >= most {
                return None;
            }
            let taken =
                self.counts.0.compare_exchange_weak(counts, counts + RETRY, Acquire, Relaxed);
            match taken {
                Ok(_) => return Some(Retry { counts: self.counts.clone() }),
                Err(now) => counts = now,
            }
        }
    }
}

fn split(counts: u64) -> (u32, u32) {
    (counts as u32, (counts >> 32) as u32)
}

impl Active {
    /// Leave for another try, if the budget has any left. Hold it until the try has ended.
    pub fn retry(&self) -> Option<Retry> {
        self.budget.retry()
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.budget.counts.0.fetch_sub(1, Relaxed);
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        self.counts.0.fetch_sub(RETRY, Release);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fifth_of_the_running_requests_may_be_retries_and_at_least_three() {
        let budget = RetryBudget::default();
        let mut active: Vec<Active> = (0..10).map(|_| budget.enter()).collect();
        let retries: Vec<Retry> = active.iter().map_while(Active::retry).collect();
        assert_eq!(retries.len(), 3);
        active.extend((0..40).map(|_| budget.enter()));
        let more: Vec<Retry> = active.iter().map_while(Active::retry).collect();
        assert_eq!(retries.len() + more.len(), 10);
        drop((retries, more));
        drop(active.split_off(1));
        assert_eq!(budget.running(), (1, 0));
        assert!(active[0].retry().is_some());
    }

    #[test]
    fn threads_never_exceed_the_budget_and_leave_nothing_behind() {
        let budget = RetryBudget::new(Allowance { share: 0, least: 2 });
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    for _ in 0..2_000 {
                        let active = budget.enter();
                        let retry = active.retry();
                        assert!(budget.running().1 <= 2);
                        drop((active, retry));
                    }
                });
            }
        });
        assert_eq!(budget.running(), (0, 0));
    }

    proptest! {
        #[test]
        fn a_retry_is_allowed_exactly_while_the_budget_lasts(
            share in 0_u8..=100,
            least in 0_u32..6,
            steps in prop::collection::vec(0_u8..4, 1..200),
        ) {
            let budget = RetryBudget::new(Allowance { share, least });
            let (mut active, mut retries) = (vec![budget.enter()], Vec::new());
            for step in steps {
                match step {
                    0 => active.push(budget.enter()),
                    1 if active.len() > 1 => drop(active.pop()),
                    2 => drop(retries.pop()),
                    _ => {
                        let most = (active.len() * usize::from(share) / 100).max(least as usize);
                        let retry = active[0].retry();
                        prop_assert_eq!(retry.is_some(), retries.len() < most);
                        retries.extend(retry);
                    }
                }
                prop_assert_eq!(budget.running(), (active.len() as u32, retries.len() as u32));
            }
        }
    }
}
