//! How many requests a component answers at once. Counted for the service, so that a swap does not double it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The requests that one service's component is answering, of whatever revision.
#[derive(Debug, Default)]
pub(super) struct Places(AtomicU32);

/// A counted request, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Places {
    /// One of `most`, or none.
    pub(super) fn take(self: &Arc<Self>, most: u32) -> Option<Place> {
        let one_more = |taken: u32| (taken < most).then_some(taken + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        Some(Place(self.clone()))
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_more_than_the_most_and_a_dropped_one_is_free_again() {
        let places = Arc::new(Places::default());
        let (first, second) = (places.take(2), places.take(2));
        assert!(second.is_some() && places.take(2).is_none());
        drop(first);
        // A lower bound counts those from before.
        assert!(places.take(1).is_none());
        assert!(places.take(2).is_some());
        drop(second);
        assert_eq!(places.taken(), 0);
    }
}
