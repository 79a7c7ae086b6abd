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
pub(crate) struct Departed(HashMap<Identity, Arc<Live>>);

impl Departed {
    /// Every count that a new table may go on with: those of the current one and those that
    /// still drain.
    pub(crate) fn known<T>(&mut self, table: &Table<T>) -> HashMap<Identity, Arc<Live>> {
        let mut known = std::mem::take(&mut self.0);
        known.extend(table.instances.iter().map(|instance| {
            let identity = (instance.spec.id.clone(), instance.spec.address.clone());
            (identity, instance.live.clone())
        }));
        known
    }

    /// Keeps those that the new table did not take and that requests still run on. From here on
    /// they get nothing new, even from a thread that still looks at the old table.
    pub(crate) fn keep(&mut self, mut gone: HashMap<Identity, Arc<Live>>) {
        gone.retain(|_, live| {
            live.remove();
            live.in_flight() > 0
        });
        self.0 = gone;
    }
}
