//! Idle instances, kept so that threads rarely meet: each has a shelf of its own and looks at the
//! others' only when its own is empty. It knows nothing of what it keeps.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::shelf::Shelves;

/// At most `limit` things, idle ones on shelves.
pub(crate) struct Pool<T> {
    shelves: Shelves<Vec<T>>,
    live: AtomicUsize,
    limit: usize,
}

/// The right to one thing, and the thing once there is one. Dropped without [`Lease::keep`], the
/// thing is gone and its place is free for a fresh one.
pub(crate) struct Lease<'a, T> {
    pool: &'a Pool<T>,
    pub(crate) thing: Option<T>,
}

impl<T> Pool<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { shelves: Shelves::default(), live: AtomicUsize::new(0), limit }
    }

    /// An idle thing, else the right to make one, else none.
    pub(crate) fn lease(&self) -> Option<Lease<'_, T>> {
        // An empty pool is rare, so looking everywhere costs little on the whole.
        let thing = self.shelves.all().find_map(|shelf| shelf.lock().pop());
        if thing.is_none() {
            let place = |live: usize| (live < self.limit).then_some(live + 1);
            self.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place).ok()?;
        }
        Some(Lease { pool: self, thing })
    }

    /// Things alive, idle or leased.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }
}

impl<T> Pool<T> {
    /// Takes up again what [`Lease::carry`] carried away.
    pub(crate) fn resume(&self, thing: Option<T>) -> Lease<'_, T> {
        Lease { pool: self, thing }
    }
}

impl<T> Lease<'_, T> {
    /// Carries the thing away, its place still taken: to be given back to [`Pool::resume`].
    pub(crate) fn carry(mut self) -> Option<T> {
        let thing = self.thing.take();
        std::mem::forget(self);
        thing
    }

    /// Puts the thing back for the next call.
    pub(crate) fn keep(mut self) {
        if let Some(thing) = self.thing.take() {
            self.pool.shelves.own().lock().push(thing);
            // Its place stays taken.
            std::mem::forget(self);
        }
    }
}

impl<T> Drop for Lease<'_, T> {
    fn drop(&mut self) {
        // First the thing, then its place: never more than `limit` exist.
        self.thing = None;
        self.pool.live.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_thing_comes_back() {
        let pool = Pool::new(1);
        let mut lease = pool.lease().unwrap();
        assert!(lease.thing.is_none());
        lease.thing = Some(7);
        lease.keep();
        assert_eq!(pool.lease().unwrap().thing, Some(7));
    }

    #[test]
    fn a_dropped_thing_makes_room() {
        let pool = Pool::new(1);
        for _ in 0..3 {
            let mut lease = pool.lease().unwrap();
            assert!(lease.thing.is_none());
            lease.thing = Some(7);
            assert!(pool.lease().is_none(), "more than the limit");
        }
        assert_eq!(pool.live(), 0);
    }

    #[test]
    fn what_is_carried_away_keeps_its_place_until_it_is_resumed() {
        let pool = Pool::new(1);
        let mut lease = pool.lease().unwrap();
        lease.thing = Some(7);
        let carried = lease.carry();
        assert!(pool.lease().is_none(), "its place was given away");
        pool.resume(carried).keep();
        assert_eq!(pool.lease().unwrap().thing, Some(7));
        drop(pool.resume(pool.lease().unwrap().carry()));
        assert_eq!(pool.live(), 0);
    }

    #[test]
    fn another_threads_shelf_is_found() {
        let pool = Pool::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut lease = pool.lease().unwrap();
                lease.thing = Some(7);
                lease.keep();
            });
        });
        assert_eq!(pool.lease().unwrap().thing, Some(7));
    }
}
