//! Instances that left the configuration while requests still run on them.
//!
//! If one returns before its last request ends, its count must go on where it was, or the hard
//! limit would be passed. Must not know the queue.

use std::collections::HashMap;
use std::sync::Arc;

use crate::live::Live;
use crate::table::Table;

/// What makes an instance the same across configurations: its id and its address.
pub(crate) type Identity = (Arc<str>, Arc<str>);

/// Counts by identity.
#[derive(Default)]
pub(crate) struct Departed {
    draining: HashMap<Identity, Arc<Live>>,
    /// How many were left when it was last looked who has drained.
    left: usize,
}

impl Departed {
    /// Every count that a new table may go on with: those of the current one and those that
    /// still drain.
    pub(crate) fn known<T>(&mut self, table: &Table<T>) -> HashMap<Identity, Arc<Live>> {
        let mut known = std::mem::take(&mut self.draining);
        known.extend(table.sitting().map(|(_, instance)| {
            let identity = (instance.id.clone(), instance.address.clone());
            (identity, instance.live.clone())
        }));
        known
    }

    /// The count of one that still drains.
    pub(crate) fn take(&mut self, identity: &Identity) -> Option<Arc<Live>> {
        self.draining.remove(identity)
    }

    /// Keeps one that left, while requests still run on it; the others are looked at again when
    /// their number has doubled.
    pub(crate) fn add(&mut self, identity: Identity, live: Arc<Live>) {
        live.remove();
        self.draining.insert(identity, live);
        if self.draining.len() > 2 * self.left.max(32) {
            self.draining.retain(|_, live| live.in_flight() > 0);
            self.left = self.draining.len();
        }
    }

    /// Keeps those that the new table did not take and that requests still run on. From here on
    /// they get nothing new, even from a thread that still looks at the old table.
    pub(crate) fn keep(&mut self, mut gone: HashMap<Identity, Arc<Live>>) {
        gone.retain(|_, live| {
            live.remove();
            live.in_flight() > 0
        });
        self.left = gone.len();
        self.draining = gone;
    }
}
