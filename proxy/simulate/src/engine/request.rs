//! One request while it is on its way.

use std::time::Duration;

use hither_balance::{Active, Retry};

use super::event::{Failure, Try};

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// In its edge's queue, or just about to ask.
    Asking,
    /// On its way to an instance, on its way back, or lost.
    Away { instance: usize },
    /// Inside an instance, waiting for a worker.
    Backlog { instance: usize },
    /// Being worked on.
    Working { instance: usize },
    /// Answered, failed or left.
    Over,
}

impl Phase {
    /// The instance whose place it holds.
    pub(super) fn instance(self) -> Option<usize> {
        match self {
            Self::Asking | Self::Over => None,
            Self::Away { instance } | Self::Backlog { instance } | Self::Working { instance } => {
                Some(instance)
            }
        }
    }
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) edge: usize,
    pub(super) phase: Phase,
    /// Tries so far.
    pub(super) attempt: u8,
    pub(super) arrived: Duration,
    /// When its current try was sent.
    pub(super) sent: Duration,
    /// When an instance last began to work on it.
    pub(super) begun: Duration,
    /// What its service times are drawn from: the same for every policy.
    pub(super) luck: u64,
    pub(super) tried: Vec<usize>,
    /// Why it is not at its first try.
    pub(super) failure: Option<Failure>,
    /// Its part in the count that the retry budget is a share of, until it is over,
    pub(super) active: Option<Active>,
    /// and its leave for the current try, if that is not the first.
    pub(super) retry: Option<Retry>,
}

impl Request {
    pub(super) fn new(edge: usize, arrived: Duration, luck: u64, active: Active) -> Self {
        Self {
            edge,
            phase: Phase::Asking,
            attempt: 0,
            arrived,
            sent: arrived,
            begun: arrived,
            luck,
            tried: Vec::new(),
            failure: None,
            active: Some(active),
            retry: None,
        }
    }

    /// Whether this is its current try, and not over.
    pub(super) fn is_at(&self, job: Try) -> bool {
        self.phase != Phase::Over && self.attempt == job.attempt
    }
}
