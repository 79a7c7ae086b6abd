//! One instance as it really is: workers, those who wait inside it, and whether it is there at all.
//!
//! Must not know edges or policies; they cannot look in here either.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use super::event::Try;
use crate::scenario::OutageKind;

/// How much longer work takes in the moment an instance is back.
const COLD: f64 = 4.0;

/// A server in a run.
#[derive(Debug)]
pub(super) struct Server {
    workers: u32,
    working: BTreeSet<Try>,
    backlog: VecDeque<Try>,
    /// Outages that hold at this moment, by kind.
    closed: u32,
    dark: u32,
    /// Counts the processes that were here.
    epoch: u32,
    /// Since when it is back, and until when it is slow.
    warming: Option<(Duration, Duration)>,
}

/// What a request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    Closed,
    Dark,
}

impl Server {
    pub(super) fn new(workers: Option<NonZeroU32>) -> Self {
        Self {
            workers: workers.map_or(u32::MAX, NonZeroU32::get),
            working: BTreeSet::new(),
            backlog: VecDeque::new(),
            closed: 0,
            dark: 0,
            epoch: 0,
            warming: None,
        }
    }

    pub(super) fn door(&self) -> Door {
        match (self.dark, self.closed) {
            (0, 0) => Door::Open,
            (0, _) => Door::Closed,
            _ => Door::Dark,
        }
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether somebody is free to work on it at once. If not it waits.
    pub(super) fn accept(&mut self, job: Try) -> bool {
        if (self.working.len() as u64) < u64::from(self.workers) {
            return self.working.insert(job);
        }
        self.backlog.push_back(job);
        false
    }

    /// Work is done, or given up. `false` if there was none.
    pub(super) fn leave(&mut self, job: Try) -> bool {
        self.working.remove(&job)
    }

    /// Who may be worked on now, in the order of their coming. Those that are not `wanted` any
    /// more are passed over.
    pub(super) fn next(&mut self, wanted: impl Fn(Try) -> bool) -> Option<Try> {
        while (self.working.len() as u64) < u64::from(self.workers) {
            let job = self.backlog.pop_front()?;
            if wanted(job) {
                self.working.insert(job);
                return Some(job);
            }
        }
        None
    }

    /// What was here is no more; gives what it was busy with.
    pub(super) fn begin(&mut self, outage: OutageKind) -> Vec<Try> {
        match outage {
            OutageKind::Refused => self.closed += 1,
            OutageKind::Blackhole => self.dark += 1,
        }
        self.epoch += 1;
        let mut lost: Vec<Try> = std::mem::take(&mut self.working).into_iter().collect();
        lost.extend(std::mem::take(&mut self.backlog));
        lost
    }

    pub(super) fn end(&mut self, outage: OutageKind, warm_up: Duration, now: Duration) {
        match outage {
            OutageKind::Refused => self.closed = self.closed.saturating_sub(1),
            OutageKind::Blackhole => self.dark = self.dark.saturating_sub(1),
        }
        if self.door() == Door::Open && !warm_up.is_zero() {
            self.warming = Some((now, now.saturating_add(warm_up)));
        }
    }

    /// By how much work takes longer at this moment.
    pub(super) fn slowness(&self, now: Duration) -> f64 {
        let Some((since, until)) = self.warming else { return 1.0 };
        if now >= until {
            return 1.0;
        }
        let left = (until - now).as_secs_f64() / (until - since).as_secs_f64();
        1.0 + (COLD - 1.0) * left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(request: u32) -> Try {
        Try { request, attempt: 1 }
    }

    #[test]
    fn more_than_its_workers_wait_inside_in_order() {
        let mut server = Server::new(NonZeroU32::new(2));
        let begun: Vec<_> = (0..5).map(|n| server.accept(job(n))).collect();
        assert_eq!(begun, [true, true, false, false, false]);
        assert_eq!(server.next(|_| true), None, "nobody is free");
        assert!(server.leave(job(0)));
        assert_eq!(server.next(|waiting| waiting != job(2)), Some(job(3)));
        assert!(!server.leave(job(0)), "it was not there any more");
    }

    #[test]
    fn an_outage_takes_everything_and_ends_when_all_have_ended() {
        let mut server = Server::new(NonZeroU32::new(1));
        server.accept(job(0));
        server.accept(job(1));
        assert_eq!(server.begin(OutageKind::Refused), [job(0), job(1)]);
        assert_eq!(server.begin(OutageKind::Blackhole), []);
        assert_eq!(server.door(), Door::Dark);
        server.end(OutageKind::Blackhole, Duration::ZERO, Duration::ZERO);
        assert_eq!(server.door(), Door::Closed);
        let second = Duration::from_secs(1);
        server.end(OutageKind::Refused, 10 * second, second);
        assert_eq!(server.door(), Door::Open);
        assert_eq!(server.slowness(second), COLD);
        assert_eq!(server.slowness(6 * second), 2.5);
        assert_eq!(server.slowness(11 * second), 1.0);
    }
}
