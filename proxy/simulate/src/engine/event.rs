//! What happens next: events in the order of their time and, at one time, of their making.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

/// One try of one request. What is said of a try that is no longer the request's current one is
/// stale and means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Try {
    pub(super) request: u32,
    pub(super) attempt: u8,
}

/// How a try or a request failed; the names are those of the proxy's own faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Failure {
    Refused,
    ConnectTimeout,
    Reset,
    FirstByteTimeout,
}

impl Failure {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Reset => "upstream_closed",
            Self::FirstByteTimeout => "first_byte_timeout",
        }
    }

    /// Simulated requests may all be repeated; but who was given its whole time is not tried
    /// again, as in the proxy.
    pub(super) const fn may_retry(self) -> bool {
        !matches!(self, Self::FirstByteTimeout)
    }
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// A request arrives at an edge.
    Arrival {
        edge: usize,
    },
    /// A try is at its instance.
    Reach(Try),
    /// An instance has done its work. Epochs tell the work of a process that is gone.
    Worked {
        instance: usize,
        job: Try,
        epoch: u32,
    },
    /// The answer is at the edge.
    Answer(Try),
    /// The edge learns, or decides, that a try failed.
    Failed(Try, Failure),
    /// A request has waited in its edge's queue for as long as it may.
    QueueTimeout(Try),
    ClientLeaves {
        request: u32,
    },
    OutageBegins(usize),
    OutageEnds(usize),
    /// An edge looks whether an instance is well,
    Check {
        edge: usize,
        instance: usize,
    },
    /// and learns it.
    Checked {
        edge: usize,
        instance: usize,
        healthy: bool,
    },
    /// A policy wanted to be told the time: a rest may be over.
    Advance {
        edge: usize,
    },
    /// Time to take down how things are.
    Sample,
}

/// The future.
#[derive(Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Entry>,
    made: u64,
}

struct Entry {
    time: Duration,
    number: u64,
    event: Event,
}

impl Agenda {
    pub(super) fn add(&mut self, time: Duration, event: Event) {
        self.made += 1;
        self.heap.push(Entry { time, number: self.made, event });
    }

    pub(super) fn next(&mut self) -> Option<(Duration, Event)> {
        self.heap.pop().map(|entry| (entry.time, entry.event))
    }
}

impl Ord for Entry {
    /// The heap has its greatest on top: the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.number).cmp(&(self.time, self.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_equals_in_the_order_of_their_making() {
        let mut agenda = Agenda::default();
        let second = Duration::from_secs(1);
        agenda.add(2 * second, Event::Sample);
        agenda.add(second, Event::OutageBegins(0));
        agenda.add(second, Event::OutageEnds(0));
        let order: Vec<_> = std::iter::from_fn(|| agenda.next()).map(|(_, event)| event).collect();
        assert_eq!(order, [Event::OutageBegins(0), Event::OutageEnds(0), Event::Sample]);
    }
}
