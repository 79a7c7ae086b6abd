//! How long the current run has had the processor. A budget counts the time that a guest runs, not the
//! time that the scheduler keeps its thread waiting: on a machine under load that would fail calls
//! which did nothing wrong. It knows no plugin and no clock but the thread's own.

use std::sync::Arc;
use std::time::Duration;

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
    /// The thread's processor time at the run's first tick. Not at its begin: asking costs as much
    /// as a short call.
    first: Option<Duration>,
}

impl RunTime {
    pub(crate) fn new(running: Arc<Running>) -> Self {
        Self { spent: Spent::within(Duration::ZERO), running }
    }

    /// A run begins.
    pub(crate) fn begin(&mut self, budget: Duration) {
        self.spent = Spent::within(budget);
        self.running.begin();
    }

    /// The run has ended.
    pub(crate) fn end(&self) {
        self.running.end();
    }

    /// A tick passed while the guest ran, or was kept from running.
    pub(crate) fn tick(&mut self) -> UpdateDeadline {
        if self.spent.overdue(thread_time()) {
            return UpdateDeadline::Interrupt;
        }
        // A run that waits long for the processor must not outlive the ticking.
        self.running.wake();
        UpdateDeadline::Continue(1)
    }
}

impl Spent {
    fn within(budget: Duration) -> Self {
        Self { budget, first: None }
    }

    fn overdue(&mut self, now: Duration) -> bool {
        let first = *self.first.get_or_insert(now);
        now.saturating_sub(first) >= self.budget
    }
}

/// Processor time of this thread, user and system. A run stays on one thread.
fn thread_time() -> Duration {
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

    #[test]
    fn a_run_is_overdue_when_it_had_the_processor_for_its_budget() {
        let start = Duration::from_secs(7);
        let mut spent = Spent::within(BUDGET);
        for millisecond in 0..5 {
            assert!(!spent.overdue(start + Duration::from_millis(millisecond)), "{millisecond}");
        }
        assert!(spent.overdue(start + BUDGET));
    }

    #[test]
    fn a_run_that_waits_for_the_processor_is_not_overdue_however_many_ticks_pass() {
        let start = Duration::from_secs(7);
        let mut spent = Spent::within(BUDGET);
        for tick in 0..1000 {
            assert!(!spent.overdue(start + Duration::from_micros(tick)));
        }
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
