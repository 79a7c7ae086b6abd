//! Whether the edge takes another request: it refuses early, with an answer, rather than run out of memory
//! and serve nobody. It must not know what a request is.

use crate::fault::Fault;
use crate::shared::Shared;
use crate::snapshot::Clock;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Memory is looked at so often. What comes in between is bounded by the network's pace.
const LOOK: Duration = Duration::from_millis(100);

/// However much memory is taken, so many requests go on at a time: their ends give memory back, and an edge
/// that takes none would stand still for ever.
const AT_LEAST: u32 = 64;

/// Whoever asks whether the edge is ready is told of a refusal for so long.
const REMEMBERED: Duration = Duration::from_secs(1);

/// How loaded this edge is.
#[derive(Debug)]
pub(crate) struct Load {
    in_flight: AtomicU32,
    memory_full: AtomicBool,
    last_refusal: Mutex<Option<(Duration, Fault)>>,
    clock: Clock,
}

/// A request that counts until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Load>);

impl Load {
    pub(crate) fn new(clock: Clock) -> Arc<Load> {
        Arc::new(Load {
            in_flight: AtomicU32::new(0),
            memory_full: AtomicBool::new(false),
            last_refusal: Mutex::default(),
            clock,
        })
    }

    /// Takes a request, if there are fewer than `most`.
    ///
    /// # Errors
    /// The edge has as many as it may, or takes as much memory.
    pub(crate) fn enter(self: &Arc<Self>, most: u32) -> Result<InFlight, Fault> {
        let full = self.memory_full.load(Ordering::Relaxed);
        let most = if full { most.min(AT_LEAST) } else { most };
        // Counted before it is compared, so that it can be taken back but never exceeded.
        let counted = InFlight(self.clone());
        if self.in_flight.fetch_add(1, Ordering::Relaxed) < most {
            return Ok(counted);
        }
        drop(counted);
        let fault = if full { Fault::MemoryFull } else { Fault::EdgeFull };
        *self.last_refusal.lock() = Some((self.clock.now(), fault));
        Err(fault)
    }

    /// Requests that are being served.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Why the edge refuses requests, if it does or did a moment ago.
    pub(crate) fn refuses(&self) -> Option<Fault> {
        if self.memory_full.load(Ordering::Relaxed) {
            return Some(Fault::MemoryFull);
        }
        let (at, fault) = (*self.last_refusal.lock())?;
        (self.clock.now().saturating_sub(at) < REMEMBERED).then_some(fault)
    }

    /// The process takes `resident` bytes, of `most`. It must fall a little below before it counts as less.
    fn look(&self, resident: u64, most: Option<u64>) {
        let was_full = self.memory_full.load(Ordering::Relaxed);
        let full = most.is_some_and(|most| match was_full {
            false => resident >= most,
            true => resident >= most - most / 16,
        });
        self.memory_full.store(full, Ordering::Relaxed);
        match (was_full, full) {
            (false, true) => tracing::warn!(resident, "memory is full: requests are refused"),
            (true, false) => tracing::info!(resident, "memory is free again"),
            _ => {}
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Looks at the memory of the process, for ever.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let most = shared.snapshot().plan.edge.max_memory.map(|size| size.bytes());
        if let Some(resident) = crate::host_facts::resident() {
            shared.load.look(resident, most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_taken_and_every_end_makes_room() {
        let load = Load::new(Clock::start());
        let taken: Vec<_> = (0..3).map(|_| load.enter(3).unwrap()).collect();
        assert_eq!(load.refuses(), None);
        assert_eq!(load.enter(3).err(), Some(Fault::EdgeFull));
        assert_eq!((load.in_flight(), load.refuses()), (3, Some(Fault::EdgeFull)));
        drop(taken);
        assert!(load.enter(1).is_ok());
        assert_eq!(load.in_flight(), 0);
    }

    #[test]
    fn full_memory_leaves_a_few_and_is_full_until_it_has_fallen() {
        let load = Load::new(Clock::start());
        load.look(1_600, Some(1_600));
        let taken: Vec<_> = (0..AT_LEAST).map(|_| load.enter(1_000_000).unwrap()).collect();
        assert_eq!(load.enter(1_000_000).err(), Some(Fault::MemoryFull));
        load.look(1_500, Some(1_600));
        assert_eq!(load.refuses(), Some(Fault::MemoryFull));
        load.look(1_499, Some(1_600));
        assert!(load.enter(1_000_000).is_ok());
        load.look(u64::MAX, None);
        assert!(load.enter(1_000_000).is_ok());
        drop(taken);
    }

    #[test]
    fn however_many_threads_come_no_more_than_that_are_in() {
        let load = Load::new(Clock::start());
        let most_seen = AtomicU32::new(0);
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        if let Ok(_taken) = load.enter(3) {
                            let now = 1 + inside.fetch_add(1, Ordering::SeqCst);
                            most_seen.fetch_max(now, Ordering::SeqCst);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!((1..=3).contains(&most_seen.load(Ordering::SeqCst)), "{most_seen:?}");
        assert_eq!(load.in_flight(), 0);
    }
}
