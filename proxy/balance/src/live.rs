//! The live word of an instance, which all threads share and which outlives configurations.
//!
//! Must not know the other instances, the queue or how one is chosen.

use crate::sync::atomic::Ordering::{Relaxed, SeqCst};
use crate::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::time::Duration;

use crate::policy::Handicap;
use crate::rtt::{RttClass, micros};

/// The lower half of the word counts permits; each bit of the upper half is a reason for getting
/// nothing new, or for looking closer. One compare of the whole word with a limit answers both
/// questions, and a compare-and-swap cannot miss a flip between the look and the count.
const COUNT: u64 = u32::MAX as u64;
const UNHEALTHY: u64 = 1 << 32;
const DRAINING: u64 = 1 << 33;
const REMOVED: u64 = 1 << 34;
const EJECTED: u64 = 1 << 35;

/// It counts as more loaded than its permits say: it has a [`Handicap`].
const HANDICAPPED: u64 = 1 << 40;
/// It has sat elsewhere in the current table.
const MOVED: u64 = 1 << 41;
/// What excludes nothing by itself, but makes a look at the word alone not enough.
const LOOK_CLOSER: u64 = HANDICAPPED | MOVED;

const RTT_UNKNOWN: u32 = u32::MAX;
const NO_SEAT: u32 = u32::MAX;

/// What outlives a change of configuration.
pub(crate) struct Live {
    word: AtomicU64,
    /// [`Handicap`]'s failures in the lower half and its soft limit in the upper one. Only written
    /// under the health records' lock.
    handicap: AtomicU64,
    /// Milliseconds of the last change of class, as far as they fit: once in 49 days, a change may
    /// be held back once more. Only read and written under the queue's lock.
    class_since: AtomicU32,
    rtt: AtomicU32,
    /// Its seat in the current table, checked by whoever uses it.
    seat: AtomicU32,
    class: AtomicU8,
    rtt_fixed: AtomicBool,
    /// Failures are remembered that a success would change something about.
    failing: AtomicBool,
}

impl Live {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            handicap: AtomicU64::new(0),
            class_since: AtomicU32::new(0),
            rtt: AtomicU32::new(RTT_UNKNOWN),
            seat: AtomicU32::new(NO_SEAT),
            class: AtomicU8::new(RttClass::UNKNOWN.rank()),
            rtt_fixed: AtomicBool::new(false),
            failing: AtomicBool::new(false),
        }
    }

    /// The whole word: smaller than 2^32 exactly if the instance may get traffic and there is
    /// nothing else to say, and then the number of permits. See [`bare`] for the others.
    ///
    /// Sequentially consistent, because "count down, then look for waiters" on one thread meets
    /// "announce a waiter, then look at the counts" on another.
    pub(crate) fn word(&self) -> u64 {
        self.word.load(SeqCst)
    }

    pub(crate) fn in_flight(&self) -> u32 {
        (self.word() & COUNT) as u32
    }

    pub(crate) fn available(&self) -> bool {
        bare(self.word()) <= COUNT
    }

    /// Counts one more if the word is still what the chooser saw.
    pub(crate) fn take_seen(&self, seen: u64) -> bool {
        self.word.compare_exchange(seen, seen + 1, SeqCst, Relaxed).is_ok()
    }

    /// Counts one if it is in traffic, holds no permit, and there is nothing special about it; or
    /// else tells its word. Does not look first.
    pub(crate) fn take_idle(&self) -> Result<(), u64> {
        self.word.compare_exchange(0, 1, SeqCst, Relaxed).map(|_| ())
    }

    /// Counts one more while below `hard`; tells how many permits there were before.
    pub(crate) fn take_below(&self, hard: u64) -> Option<u64> {
        let mut word = self.word();
        while bare(word) < hard {
            match self.word.compare_exchange_weak(word, word + 1, SeqCst, SeqCst) {
                Ok(_) => return Some(bare(word)),
                Err(now) => word = now,
            }
        }
        None
    }

    /// Counts one less.
    pub(crate) fn give_back(&self) {
        self.word.fetch_sub(1, SeqCst);
    }

    pub(crate) fn healthy(&self) -> bool {
        self.word() & UNHEALTHY == 0
    }

    pub(crate) fn draining(&self) -> bool {
        self.word() & DRAINING != 0
    }

    pub(crate) fn ejected(&self) -> bool {
        self.word() & EJECTED != 0
    }

    pub(crate) fn set_ejected(&self, ejected: bool) {
        self.set(EJECTED, ejected);
    }

    pub(crate) fn handicap(&self) -> Handicap {
        let handicap = self.handicap.load(SeqCst);
        Handicap { failures: handicap as u32, soft: (handicap >> 32) as u32 }
    }

    pub(crate) fn set_handicap(&self, handicap: Handicap) {
        let Handicap { failures, soft } = handicap;
        self.handicap.store(u64::from(failures) | u64::from(soft) << 32, SeqCst);
        let flagged = self.word() & HANDICAPPED != 0;
        if flagged != (handicap != Handicap::NONE) {
            self.set(HANDICAPPED, !flagged);
        }
    }

    pub(crate) fn failing(&self) -> bool {
        self.failing.load(Relaxed)
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Relaxed);
    }

    pub(crate) fn set_healthy(&self, healthy: bool) {
        self.set(UNHEALTHY, !healthy);
    }

    pub(crate) fn set_draining(&self, draining: bool) {
        self.set(DRAINING, draining);
    }

    /// Part of no table any more.
    pub(crate) fn remove(&self) {
        self.set(REMOVED, true);
        self.seat.store(NO_SEAT, SeqCst);
    }

    /// Part of the next table.
    pub(crate) fn restore(&self) {
        self.set(REMOVED, false);
    }

    fn set(&self, flag: u64, on: bool) {
        if on {
            self.word.fetch_or(flag, SeqCst);
        } else {
            self.word.fetch_and(!flag, SeqCst);
        }
    }

    pub(crate) fn seat(&self) -> usize {
        self.seat.load(SeqCst) as usize
    }

    /// Whether it is part of a table, or about to be.
    pub(crate) fn is_seated(&self) -> bool {
        self.seat.load(SeqCst) != NO_SEAT
    }

    /// Its seat in a new table.
    pub(crate) fn set_seat(&self, seat: u32) {
        self.seat.store(seat, SeqCst);
        self.set(MOVED, false);
    }

    /// Another seat in the same table.
    pub(crate) fn move_to(&self, seat: u32) {
        self.set(MOVED, true);
        self.seat.store(seat, SeqCst);
    }

    /// Whether it sat there before it moved on. What it says of a table other than the current one
    /// may be wrong.
    pub(crate) fn has_left(&self, seat: usize) -> bool {
        self.word() & MOVED != 0 && self.seat() != seat
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        let rtt = self.rtt.load(Relaxed);
        (rtt != RTT_UNKNOWN).then(|| Duration::from_micros(u64::from(rtt)))
    }

    pub(crate) fn rtt_key(&self) -> u32 {
        self.rtt.load(Relaxed)
    }

    pub(crate) fn class(&self) -> RttClass {
        RttClass::from_rank(self.class.load(Relaxed))
    }

    /// A configuration's `rtt`, or its absence; what was measured stays.
    pub(crate) fn fix_rtt(&self, rtt: Option<Duration>) {
        let was_fixed = self.rtt_fixed.swap(rtt.is_some(), Relaxed);
        if was_fixed || rtt.is_some() {
            self.rtt.store(rtt.map_or(RTT_UNKNOWN, micros), Relaxed);
            let class = rtt.map_or(RttClass::UNKNOWN, RttClass::of);
            self.class.store(class.rank(), Relaxed);
        }
    }

    /// Takes a measurement. The class follows with hysteresis and at most once in `hold`.
    pub(crate) fn measure(&self, rtt: Option<Duration>, now: Duration, hold: Duration) {
        if self.rtt_fixed.load(Relaxed) {
            return;
        }
        self.rtt.store(rtt.map_or(RTT_UNKNOWN, micros), Relaxed);
        let before = self.class();
        let after = before.after(rtt);
        let now = now.as_millis() as u32;
        let held = now.wrapping_sub(self.class_since.load(Relaxed));
        let first = before == RttClass::UNKNOWN;
        if after != before && (first || u128::from(held) >= hold.as_millis()) {
            self.class.store(after.rank(), Relaxed);
            self.class_since.store(now, Relaxed);
        }
    }
}

/// A word without what makes it not enough by itself: smaller than 2^32 exactly if the instance may
/// get traffic.
pub(crate) fn bare(word: u64) -> u64 {
    word & !LOOK_CLOSER
}
