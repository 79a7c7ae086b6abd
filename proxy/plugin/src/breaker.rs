//! When is a plugin that keeps failing left alone, and when is it tried again? A pure machine: time is
//! handed in. What a failure is, and what is done meanwhile, is decided elsewhere.

use std::time::{Duration, Instant};

/// So many failures ...
const FAILURES: usize = 5;
/// ... within this time open it,
const WINDOW: Duration = Duration::from_secs(10);
/// for this long at first, twice as long after each probe that fails,
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// but never longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Leave to make one call, to be handed back with how it ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a probe that is not handed back keeps the breaker open"]
pub(crate) enum Ticket {
    Usual,
    Probe,
}

/// How a call with a ticket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Good,
    Failed,
    /// It never reached the plugin, for want of an instance: that tells nothing of it.
    NotMade,
}

#[derive(Debug)]
enum State {
    /// The times of the last failures, oldest first.
    Closed([Option<Instant>; FAILURES]),
    Open {
        until: Instant,
        wait: Duration,
    },
    Probing {
        wait: Duration,
    },
}

#[derive(Debug)]
pub(crate) struct Breaker(State);

impl Breaker {
    pub(crate) fn new() -> Self {
        Self(State::Closed([None; FAILURES]))
    }

    /// Whether calls pass without asking.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.0, State::Closed(_))
    }

    /// May a call be made now?
    pub(crate) fn ask(&mut self, now: Instant) -> Option<Ticket> {
        match self.0 {
            State::Closed(_) => Some(Ticket::Usual),
            State::Open { until, wait } if now >= until => {
                self.0 = State::Probing { wait };
                Some(Ticket::Probe)
            }
            State::Open { .. } | State::Probing { .. } => None,
        }
    }

    /// A call ended. Calls that began before it opened are not heard any more: they tell of the past.
    pub(crate) fn tell(&mut self, now: Instant, ticket: &Ticket, end: End) {
        match (&mut self.0, ticket, end) {
            (State::Closed(failures), Ticket::Usual, End::Failed) => {
                failures.rotate_left(1);
                failures[FAILURES - 1] = Some(now);
                let many = failures[0].is_some_and(|oldest| now.duration_since(oldest) <= WINDOW);
                if many {
                    self.0 = State::Open { until: now + FIRST_WAIT, wait: FIRST_WAIT };
                }
            }
            (State::Probing { .. }, Ticket::Probe, End::Good) => *self = Self::new(),
            (State::Probing { wait }, Ticket::Probe, End::Failed) => {
                let wait = (*wait * 2).min(LONGEST_WAIT);
                self.0 = State::Open { until: now + wait, wait };
            }
            (State::Probing { wait }, Ticket::Probe, End::NotMade) => {
                self.0 = State::Open { until: now, wait: *wait };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &mut Breaker, now: Instant) {
        let ticket = breaker.ask(now).expect("it is open");
        breaker.tell(now, &ticket, End::Failed);
    }

    fn opened(start: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..FAILURES {
            fail(&mut breaker, start);
        }
        breaker
    }

    #[test]
    fn five_failures_in_ten_seconds_open_it() {
        let start = Instant::now();
        let mut breaker = Breaker::new();
        for second in [0, 1, 2, 3] {
            fail(&mut breaker, start + Duration::from_secs(second));
        }
        assert!(breaker.is_closed());
        fail(&mut breaker, start + WINDOW);
        assert_eq!(breaker.ask(start + WINDOW), None);
    }

    #[test]
    fn slow_failures_do_not() {
        let start = Instant::now();
        let mut breaker = Breaker::new();
        for n in 0..100 {
            fail(&mut breaker, start + Duration::from_millis(2600) * n);
            assert!(breaker.is_closed());
        }
    }

    #[test]
    fn waits_double_up_to_a_minute_with_one_probe_at_each_end() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let end = now + Duration::from_secs(seconds);
            assert_eq!(breaker.ask(end - Duration::from_millis(1)), None);
            let probe = breaker.ask(end).expect("the probe is due");
            assert_eq!(probe, Ticket::Probe);
            assert_eq!(breaker.ask(end), None, "two probes at once");
            breaker.tell(end, &probe, End::Failed);
            now = end;
        }
    }

    #[test]
    fn a_good_probe_closes_it_and_forgets() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let later = start + FIRST_WAIT;
        let probe = breaker.ask(later).expect("the probe is due");
        breaker.tell(later, &probe, End::Good);
        for _ in 0..FAILURES - 1 {
            fail(&mut breaker, later);
        }
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_probe_that_was_not_made_is_due_again() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let later = start + FIRST_WAIT;
        let probe = breaker.ask(later).expect("the probe is due");
        breaker.tell(later, &probe, End::NotMade);
        assert_eq!(breaker.ask(later), Some(Ticket::Probe));
    }

    #[test]
    fn calls_from_before_it_opened_change_nothing() {
        let start = Instant::now();
        let mut breaker = opened(start);
        breaker.tell(start, &Ticket::Usual, End::Good);
        assert_eq!(breaker.ask(start), None);
        breaker.tell(start, &Ticket::Usual, End::Failed);
        assert_eq!(breaker.ask(start + FIRST_WAIT), Some(Ticket::Probe));
    }
}
