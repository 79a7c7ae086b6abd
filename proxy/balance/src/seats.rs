//! Seats in the order of closeness: live words, tiers, and the index over them.
//!
//! The part of a table that choosing and counting need. Must not know ids, labels or the queue.

use std::sync::Arc;

use crate::index::Index;
use crate::live::Live;
use crate::policy::{Limits, NO_ROOM};

/// Up to this many seats, looking at each is as fast as an index.
pub(crate) const SCAN_MOST: usize = 64;

/// Seats that are equally close.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tier {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Open and busy seats of one group are exhausted before the next group is looked at. Global
    /// scope has a single group, region scope one per distance of regions.
    pub(crate) group: u32,
}

impl Tier {
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

pub(crate) struct Seats {
    pub(crate) limits: Limits,
    pub(crate) lives: Box<[Arc<Live>]>,
    pub(crate) tiers: Box<[Tier]>,
    /// Where looking at each seat would take too long.
    pub(crate) index: Option<Index>,
}

impl Seats {
    pub(crate) fn new(limits: Limits, lives: Box<[Arc<Live>]>, tiers: Box<[Tier]>) -> Self {
        let index = (lives.len() > SCAN_MOST).then(|| Index::new(limits, &tiers, lives.len()));
        let seats = Self { limits, lives, tiers, index };
        seats.settle_all();
        seats
    }

    /// A look at a seat; one that does not exist gets nothing.
    pub(crate) fn look(&self, seat: usize) -> Look {
        let Some(live) = self.lives.get(seat) else { return Look::NOTHING };
        let word = live.word();
        Look { word, load: self.limits.load(word, live.handicap()) }
    }

    /// What a seat is ranked by.
    pub(crate) fn load(&self, seat: usize) -> u64 {
        self.look(seat).load
    }

    /// Where `live` sits, if it does.
    pub(crate) fn seat_of(&self, live: &Arc<Live>) -> Option<usize> {
        let seat = live.seat();
        self.lives.get(seat).filter(|sitting| Arc::ptr_eq(sitting, live)).map(|_| seat)
    }

    /// Brings the index up to date with one seat's word. `true` if a seat that was out of sight
    /// came into sight, and the caller must look for waiters.
    pub(crate) fn settle(&self, seat: usize) -> bool {
        self.index.as_ref().is_some_and(|index| index.settle(self, seat))
    }

    /// The same for all seats.
    pub(crate) fn settle_all(&self) {
        if self.index.is_some() {
            for seat in 0..self.lives.len() {
                self.settle(seat);
            }
        }
    }

    /// All seats as bits, for tables of at most 64.
    pub(crate) fn mask(&self) -> u64 {
        u64::MAX.checked_shr(64 - self.lives.len() as u32).unwrap_or(0)
    }

    /// The tier that a seat is in.
    pub(crate) fn tier_of(&self, seat: usize) -> usize {
        self.tiers.partition_point(|tier| tier.end as usize <= seat)
    }

    /// Tells these seats from others that are in use at the same time.
    pub(crate) fn identity(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }
}
