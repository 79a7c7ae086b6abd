//! The breaker as calls meet it. It knows no plugin.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::breaker::{Breaker, End, Ticket};
use crate::report::Report;

/// The breaker, with a flag in front so that a plugin in good health takes no lock.
pub(crate) struct Gate {
    /// Whether it ever opens.
    counts: bool,
    open: AtomicBool,
    breaker: Mutex<Breaker>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { counts: true, open: AtomicBool::new(false), breaker: Mutex::new(Breaker::new()) }
    }
}

impl Gate {
    /// One that lets everything pass: whoever only watches wants to see each failure.
    pub(crate) fn never_open() -> Self {
        Self { counts: false, ..Self::default() }
    }

    /// A rehearsal is no probe: only traffic may close a breaker.
    pub(crate) fn ask(&self, now: Instant, rehearsal: bool) -> Option<Ticket> {
        if !self.open.load(Ordering::Relaxed) {
            return Some(Ticket::Usual);
        }
        if rehearsal {
            return None;
        }
        self.breaker.lock().ask(now)
    }

    /// How a call with a ticket went.
    pub(crate) fn tell_of<T>(&self, begin: Instant, ticket: &Ticket, report: &Report<T>) {
        let end = match &report.outcome {
            Ok(_) => End::Good,
            Err(failure) if failure.blames_plugin() => End::Failed,
            Err(_) => End::NotMade,
        };
        self.tell(begin + report.time, ticket, end);
    }

    /// A call with a ticket was broken off.
    pub(crate) fn tell_not_made(&self, begin: Instant, ticket: &Ticket) {
        self.tell(begin, ticket, End::NotMade);
    }

    /// Whether it lets nothing pass now, but for a probe.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, now: Instant, ticket: &Ticket, end: End) {
        if !self.counts || (*ticket == Ticket::Usual && end != End::Failed) {
            return;
        }
        let mut breaker = self.breaker.lock();
        breaker.tell(now, ticket, end);
        self.open.store(!breaker.is_closed(), Ordering::Relaxed);
    }
}
