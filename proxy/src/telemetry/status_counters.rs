//! Responses by status: a label is looked up when the status is first seen, not for each request.

use prometheus::{IntCounter, IntCounterVec};
use std::sync::OnceLock;

/// One counter per status, looked up once.
pub(super) struct StatusCounters {
    family: IntCounterVec,
    known: Box<[OnceLock<IntCounter>]>,
}

impl StatusCounters {
    pub(super) fn new(family: IntCounterVec) -> StatusCounters {
        StatusCounters { family, known: (0..600).map(|_| OnceLock::new()).collect() }
    }

    pub(super) fn get(&self, service: &str, status: u16) -> &IntCounter {
        let place = usize::from(status).min(self.known.len() - 1);
        self.known[place].get_or_init(|| {
            self.family.with_label_values(&[service, itoa::Buffer::new().format(place)])
        })
    }
}
