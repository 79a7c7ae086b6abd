//! Who waits: one line per distinct requirement, with sequence numbers across all of them.
//!
//! Plain data under the core's lock. Must not know instances' states, tables or permits' ways.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::waiter::Place;
use crate::wanted::{Preference, Requirement};

/// Distinct requirements that may wait at the same time. A release looks at each line once, and
/// requirements can come from what clients send.
const MOST_LINES: usize = 256;

/// The least and the most that a client is told to stay away.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

pub(crate) struct Queue<T> {
    lines: BTreeMap<u64, Line<T>>,
    waiting: usize,
    /// The next number, for lines and tickets alike.
    next: u64,
    /// Draws for permits that are handed over, when no caller with a generator is near.
    pub(crate) rng: Rng,
}

/// Waiters that want the same, first come first.
pub(crate) struct Line<T> {
    pub(crate) requirement: Requirement,
    tickets: BTreeMap<u64, Ticket<T>>,
    /// Since when this line has not been empty.
    since: Duration,
    /// Waiters served since then.
    served: u64,
}

pub(crate) struct Ticket<T> {
    pub(crate) place: Arc<Place<T>>,
    pub(crate) prefer: Box<Preference>,
}

/// Where a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    line: u64,
    ticket: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { lines: BTreeMap::new(), waiting: 0, next: 0, rng: Rng::with_seed(seed) }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The line for a requirement, if anyone stands in it.
    pub(crate) fn line_of(&self, requirement: &Requirement) -> Option<u64> {
        let same = |(_, line): &(&u64, &Line<T>)| line.requirement == *requirement;
        self.lines.iter().find(same).map(|(number, _)| *number)
    }

    pub(crate) fn line(&self, line: u64) -> Option<&Line<T>> {
        self.lines.get(&line)
    }

    /// All lines that someone stands in.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &Line<T>)> {
        self.lines.iter().map(|(number, line)| (*number, line))
    }

    /// Whether no other line may be opened.
    pub(crate) fn has_most_lines(&self) -> bool {
        self.lines.len() >= MOST_LINES
    }

    /// Appends to a line, which is opened if there is none.
    pub(crate) fn push(
        &mut self,
        line: Option<u64>,
        requirement: Requirement,
        ticket: Ticket<T>,
        now: Duration,
    ) -> Number {
        self.next += 1;
        let line = line.unwrap_or(self.next);
        let number = Number { line, ticket: self.next };
        let fresh = || Line { requirement, tickets: BTreeMap::new(), since: now, served: 0 };
        let tickets = &mut self.lines.entry(line).or_insert_with(fresh).tickets;
        tickets.insert(number.ticket, ticket);
        self.waiting += 1;
        number
    }

    /// Takes a waiter that went away out of its line; `None` if it was served or ended before.
    pub(crate) fn remove(&mut self, number: Number) -> Option<Ticket<T>> {
        let ticket = self.lines.get_mut(&number.line)?.tickets.remove(&number.ticket)?;
        self.left(number.line);
        Some(ticket)
    }

    /// The line whose head has waited longest among those that `may` be looked at.
    pub(crate) fn earliest(&self, may: impl Fn(&Line<T>) -> bool) -> Option<u64> {
        let lines = self.lines.iter().filter(|(_, line)| may(line));
        let heads = lines.filter_map(|(number, line)| Some((line.head()?.0, number)));
        heads.min().map(|(_, line)| *line)
    }

    /// The heads of all lines with their lines, the one that has waited longest on top.
    pub(crate) fn heads(&self) -> BinaryHeap<Reverse<(u64, u64)>> {
        let lines = self.lines.iter();
        lines.filter_map(|(number, line)| Some(Reverse((*line.head()?.0, *number)))).collect()
    }

    /// The head of a line, about to be served.
    pub(crate) fn pop(&mut self, line: u64) -> Option<Ticket<T>> {
        let entry = self.lines.get_mut(&line)?;
        let (_, ticket) = entry.tickets.pop_first()?;
        entry.served += 1;
        self.left(line);
        Some(ticket)
    }

    /// Everyone in a line, which is closed.
    pub(crate) fn clear(&mut self, line: u64) -> Vec<Ticket<T>> {
        let Some(line) = self.lines.remove(&line) else { return Vec::new() };
        self.waiting -= line.tickets.len();
        line.tickets.into_values().collect()
    }

    fn left(&mut self, line: u64) {
        self.waiting -= 1;
        if self.lines.get(&line).is_some_and(|line| line.tickets.is_empty()) {
            self.lines.remove(&line);
        }
    }
}

impl<T> Line<T> {
    /// Who is next, with its number.
    pub(crate) fn head(&self) -> Option<(&u64, &Ticket<T>)> {
        self.tickets.first_key_value()
    }

    /// How many stand here.
    pub(crate) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// How long someone has been standing here without a break.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    /// When a newcomer may expect to be served, judged by the pace since the line formed.
    pub(crate) fn retry_after(&self, now: Duration) -> Duration {
        let (least, most) = RETRY_AFTER;
        let age = self.age(now);
        let ahead = self.tickets.len() as f64;
        let seconds = age.as_secs_f64() * ahead / self.served.max(1) as f64;
        Duration::from_secs_f64(seconds.clamp(least.as_secs_f64(), most.as_secs_f64()))
    }
}

/// What a client is told when there is nothing to judge a pace by.
pub(crate) const RETRY_AFTER_UNKNOWN: Duration = RETRY_AFTER.0;
