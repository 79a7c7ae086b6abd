//! How long the current run has had the processor. A budget counts the time that a guest runs, not the
//! time that the scheduler keeps its thread waiting: on a machine under load that would fail calls
//! which did nothing wrong. It knows no plugin and no clock but the thread's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::UpdateDeadline;

use crate::ticker::Running;

/// Looked at on each tick during which the guest runs, which most calls never see.
pub(crate) struct RunTime {
    spent: Spent,
    running: Arc<Running>,
}

/// Processor time against a budget.
#[derive(Debug)]
struct Spent {
    budget: Duration,
    begun: Instant,
    /// At the run's first tick: how long it had run then, and the thread's processor time. Not at its
    /// begin, since asking costs as much as a short call; so until then time is time.
    first: Option<(Duration, Duration)>,
}

impl RunTime {
    pub(crate) fn new(running: Arc<Running>) -> Self {
        Self { spent: Spent::within(Instant::now(), Duration::ZERO), running }
    }

    /// A run begins.
    pub(crate) fn begin(&mut self, now: Instant, budget: Duration) {
        self.spent = Spent::within(now, budget);
        self.running.begin(now, budget);
    }

    /// The run has ended.
    pub(crate) fn end(&self) {
        self.running.end();
    }

    /// The guest waits for somebody else: that is not its run.
    pub(crate) fn pause(&mut self, now: Instant) {
        self.running.end();
        self.spent.budget = self.spent.left(now, thread_time());
    }

    /// It goes on with what was left when it began to wait, on whichever thread.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.begin(now, self.spent.budget);
    }

    /// A tick passed while the guest ran, or was kept from running.
    pub(crate) fn tick(&mut self) -> UpdateDeadline {
        if self.spent.overdue(Instant::now(), thread_time()) {
            return UpdateDeadline::Interrupt;
        }
        // A run that waits long for the processor must not outlive the ticking.
        self.running.wake();
        UpdateDeadline::Continue(1)
    }
}

impl Spent {
    fn within(begun: Instant, budget: Duration) -> Self {
        Self { budget, begun, first: None }
    }

    /// What of the budget is left.
    fn left(&self, now: Instant, processor: Duration) -> Duration {
        let spent = match self.first {
            Some((before, first)) => before + processor.saturating_sub(first),
            None => now.saturating_duration_since(self.begun),
        };
        self.budget.saturating_sub(spent)
    }

    fn overdue(&mut self, now: Instant, processor: Duration) -> bool {
        let begun = self.begun;
        // Not all of the budget: a run that lost the processor at once, and has it again only now, must
        // be given what it needs.
        let most = self.budget / 4 * 3;
        let first = || (now.saturating_duration_since(begun).min(most), processor);
        let (before, first) = *self.first.get_or_insert_with(first);
        before + processor.saturating_sub(first) >= self.budget
    }
}

/// Processor time of this thread, user and system. A run stays on one thread.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(5);

    const MILLISECOND: Duration = Duration::from_millis(1);
    const START: Duration = Duration::from_secs(7);

    #[test]
    fn a_run_is_overdue_when_it_had_the_processor_for_its_budget() {
        let begun = Instant::now();
        let mut spent = Spent::within(begun, BUDGET);
        for tick in 1..5 {
            let (now, processor) = (begun + MILLISECOND * tick, START + MILLISECOND * tick);
            assert!(!spent.overdue(now, processor), "{tick}");
        }
        assert!(spent.overdue(begun + BUDGET, START + BUDGET));
    }

    #[test]
    fn a_run_that_is_seen_late_is_given_little_more() {
        let begun = Instant::now();
        let mut spent = Spent::within(begun, BUDGET);
        let late = begun + BUDGET * 4 / 5;
        assert!(!spent.overdue(late, START));
        assert!(spent.overdue(late + BUDGET / 4, START + BUDGET / 4));
    }

    #[test]
    fn a_run_that_lost_the_processor_at_once_is_given_the_time_to_end() {
        let begun = Instant::now();
        let mut spent = Spent::within(begun, BUDGET);
        let late = begun + BUDGET * 100;
        assert!(!spent.overdue(late, START));
        assert!(!spent.overdue(late + MILLISECOND, START + MILLISECOND));
    }

    #[test]
    fn a_run_that_waits_for_the_processor_is_not_overdue_however_many_ticks_pass() {
        let begun = Instant::now();
        let mut spent = Spent::within(begun, BUDGET);
        for tick in 1..1000 {
            let processor = START + Duration::from_micros(tick);
            assert!(!spent.overdue(begun + MILLISECOND * tick as u32, processor), "{tick}");
        }
    }

    #[test]
    fn what_is_left_counts_as_the_budget_does() {
        let begun = Instant::now();
        let mut spent = Spent::within(begun, BUDGET);
        assert_eq!(spent.left(begun + MILLISECOND, START), MILLISECOND * 4);
        assert!(!spent.overdue(begun + MILLISECOND, START));
        let later = begun + MILLISECOND * 100;
        assert_eq!(spent.left(later, START + MILLISECOND), MILLISECOND * 3);
        assert_eq!(spent.left(later, START + BUDGET), Duration::ZERO);
    }

    #[test]
    fn the_thread_s_time_goes_on_while_it_works() {
        let before = thread_time();
        while thread_time() == before {
            std::hint::black_box(0);
        }
        assert!(thread_time() > before);
    }
}
