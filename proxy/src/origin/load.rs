//! How many requests the origin is at, so that a test or a curious user can see what the balancer did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one origin since it started.
#[derive(Debug, Default)]
pub(super) struct Load {
    now: AtomicU64,
    most: AtomicU64,
    total: AtomicU64,
}

/// One request's place in the count; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    load: Arc<Load>,
    position: u64,
}

impl Load {
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let position = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(position, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
        Place { load: self.clone(), position }
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(super) fn most_in_flight(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
}

impl Place {
    /// How many requests there were when this one came, itself included.
    pub(super) fn position(&self) -> u64 {
        self.position
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_place_is_free_and_the_peak_is_remembered() {
        let load = Arc::new(Load::default());
        let first = load.enter();
        let second = load.enter();
        assert_eq!((first.position(), second.position()), (1, 2));
        drop((first, second));
        assert_eq!((load.in_flight(), load.most_in_flight(), load.total()), (0, 2, 2));
    }
}
