//! Seats in the order of closeness: live words, tiers, and the index over them.
//!
//! The part of a table that choosing and counting need. Must not know ids, labels or the queue.

use crate::sync::atomic::AtomicU8;
use crate::sync::atomic::Ordering::Relaxed;
use std::hint::black_box;
use std::sync::{Arc, OnceLock};

use crate::hold::{Hold, Stripes};
use crate::index::{Index, NONE};
use crate::instance::Instance;
use crate::live::{Live, bare};
use crate::policy::{Limits, NO_ROOM};

/// Up to this many seats, looking at each is as fast as an index.
pub(crate) const SCAN_MOST: usize = 64;

/// Seats that are equally close: those that were taken when the table was made, and behind all of
/// those, as a range of their own, the ones kept free for who comes later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tier {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) late: u32,
    pub(crate) late_end: u32,
    /// Open and busy seats of one group are exhausted before the next group is looked at. Global
    /// scope has a single group, region scope one per distance of regions.
    pub(crate) group: u32,
}

impl Tier {
    /// How many seats it has.
    pub(crate) fn places(self) -> usize {
        (self.end - self.start + self.late_end - self.late) as usize
    }

    /// The seat at one of its places.
    pub(crate) fn seat(self, place: usize) -> usize {
        let first = (self.end - self.start) as usize;
        if place < first { self.start as usize + place } else { self.late as usize + place - first }
    }

    /// The place of one of its seats.
    pub(crate) fn place(self, seat: usize) -> usize {
        let (start, end) = (self.start as usize, self.end as usize);
        if seat < end { seat - start } else { seat - self.late as usize + end - start }
    }
    /// The tier's seats as bits, for tables of at most 64.
    pub(crate) fn mask(self) -> u64 {
        let below = |end: u32| 1_u64.checked_shl(end).map_or(u64::MAX, |bit| bit - 1);
        below(self.end) & !below(self.start)
    }
}

/// A seat at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// The live word: what a count is compared with.
    pub(crate) word: u64,
    /// What the seat is ranked by.
    pub(crate) load: u64,
}

impl Look {
    pub(crate) const NOTHING: Self = Self { word: u64::MAX, load: NO_ROOM };
}

/// A seat that is taken: all that a choice reads of it before the instance itself, in one place.
pub(crate) struct Slot<T> {
    /// The instance's own, found without looking at the instance.
    pub(crate) live: Arc<Live>,
    pub(crate) instance: Arc<Instance<T>>,
    pub(crate) tier: u32,
    /// The level of the index that the seat is in.
    pub(crate) mark: AtomicU8,
}

pub(crate) struct Seats<T> {
    pub(crate) limits: Limits,
    pub(crate) first: Box<[Slot<T>]>,
    /// Seats for who comes later. Each is taken once in the life of a table: a thread may still
    /// look at who sat there.
    late: Box<[OnceLock<Slot<T>>]>,
    pub(crate) tiers: Box<[Tier]>,
    /// Where looking at each seat would take too long.
    pub(crate) index: Option<Index>,
    /// The first tier as bits, where there are few seats; otherwise nothing.
    closest: u64,
    /// Where there are few.
    stripes: Stripes<T>,
}

impl<T> Slot<T> {
    /// The same for the instance's count of who holds it; see [`Seats::fetch`].
    pub(crate) fn fetch_instance(&self) {
        black_box(Arc::strong_count(&self.instance));
    }

    fn new(instance: Arc<Instance<T>>, tier: usize) -> Self {
        let (live, tier, mark) = (instance.live.clone(), tier as u32, AtomicU8::new(NONE));
        Self { live, instance, tier, mark }
    }
}

impl<T> Seats<T> {
    /// Seats instances that are in the order of the tiers.
    pub(crate) fn new(
        limits: Limits,
        instances: impl Iterator<Item = Arc<Instance<T>>>,
        tiers: Box<[Tier]>,
    ) -> Self {
        let numbers = tiers.iter().enumerate();
        let each = numbers.flat_map(|(number, tier)| (tier.start..tier.end).map(move |_| number));
        let first: Box<[Slot<T>]> =
            instances.zip(each).map(|(i, tier)| Slot::new(i, tier)).collect();
        let late: usize = tiers.iter().map(|tier| (tier.late_end - tier.late) as usize).sum();
        let index = (first.len() + late > SCAN_MOST).then(|| Index::new(limits, &tiers));
        let few = if index.is_some() { 0 } else { first.len() };
        let closest = tiers.first().filter(|_| few > 0).map_or(0, |tier| tier.mask());
        let stripes = Stripes::new(few);
        let late = std::iter::repeat_with(OnceLock::new).take(late).collect();
        let seats = Self { limits, first, late, tiers, index, closest, stripes };
        seats.settle_all();
        seats
    }

    /// Who sits there, or sat there before it moved.
    pub(crate) fn slot(&self, seat: usize) -> Option<&Slot<T>> {
        match self.first.get(seat) {
            Some(slot) => Some(slot),
            None => self.late.get(seat - self.first.len())?.get(),
        }
    }

    /// A seat that somebody sits on.
    pub(crate) fn sitting(&self, seat: usize) -> Option<&Slot<T>> {
        self.slot(seat).filter(|slot| slot.live.is_seated() && !slot.live.has_left(seat))
    }

    /// Keeps who sits there, for a permit.
    pub(crate) fn hold(&self, seat: usize, slot: &Slot<T>) -> Hold<T> {
        self.stripes.hold(seat, &slot.instance)
    }

    /// Has the processor fetch a seat, for whoever needs it after something else that is slow: in
    /// a large service neither is at hand, and an atomic operation lets nothing later begin.
    pub(crate) fn fetch(&self, seat: usize) {
        if let Some(slot) = self.slot(seat) {
            black_box(slot.mark.load(Relaxed));
        }
    }

    /// Takes a late seat of a tier for good. The queue's lock is held.
    pub(crate) fn take_late(&self, seat: usize, tier: usize, instance: Arc<Instance<T>>) {
        if let Some(place) = self.late.get(seat - self.first.len()) {
            place.get_or_init(|| Slot::new(instance, tier));
        }
    }

    /// All seats, taken or not.
    pub(crate) fn numbers(&self) -> std::ops::Range<usize> {
        0..self.first.len() + self.late.len()
    }

    /// A look at a seat; one that does not exist, or that its instance has left, gets nothing.
    pub(crate) fn look(&self, seat: usize) -> Look {
        let Some(live) = self.slot(seat).map(|slot| &slot.live) else { return Look::NOTHING };
        let word = live.word();
        if word < self.limits.hard {
            return Look { word, load: word };
        }
        if bare(word) == word {
            return Look { word, load: NO_ROOM };
        }
        if live.has_left(seat) {
            return Look::NOTHING;
        }
        Look { word, load: self.limits.load(bare(word), live.handicap()) }
    }

    /// What a seat is ranked by.
    pub(crate) fn load(&self, seat: usize) -> u64 {
        self.look(seat).load
    }

    /// Where `live` sits, if it does.
    pub(crate) fn seat_of(&self, live: &Arc<Live>) -> Option<usize> {
        let seat = live.seat();
        self.slot(seat).filter(|sitting| Arc::ptr_eq(&sitting.live, live)).map(|_| seat)
    }

    /// Brings the index up to date with one seat's word. `true` if a seat that was out of sight
    /// came into sight, and the caller must look for waiters.
    pub(crate) fn settle(&self, seat: usize) -> bool {
        self.index.as_ref().is_some_and(|index| index.settle(self, seat))
    }

    /// The same after a count down; see [`Index::lower`].
    pub(crate) fn lower(&self, seat: usize) -> bool {
        self.index.as_ref().is_some_and(|index| index.lower(self, seat))
    }

    /// The same as [`Self::settle`] for all seats.
    pub(crate) fn settle_all(&self) {
        if self.index.is_some() {
            for seat in self.numbers() {
                self.settle(seat);
            }
        }
    }

    /// All seats as bits, for tables of at most 64.
    pub(crate) fn mask(&self) -> u64 {
        u64::MAX.checked_shr(64 - self.first.len() as u32).unwrap_or(0)
    }

    /// The closest seats as bits, for tables of at most 64.
    pub(crate) fn closest(&self) -> u64 {
        self.closest
    }

    /// The tier that a taken seat is in; the first one for others.
    pub(crate) fn tier_of(&self, seat: usize) -> usize {
        self.slot(seat).map_or(0, |slot| slot.tier as usize)
    }
}
