//! The shortest way to an instance: where somebody close is idle, one is taken unlooked at.
//!
//! A look brings the word of a seat here as other processors wrote it, for reading; the count
//! brings it once more, for writing; and of the other seats, the words come as well. A guess that
//! is right brings one word once. In a service with an index it spares the way through the counts,
//! none of which is at hand there. Must not know the queue.

use std::sync::atomic::AtomicU32;

use crate::sync::atomic::AtomicBool;
use crate::sync::atomic::Ordering::Relaxed;

use fastrand::Rng;

use crate::choose::any_bit;
use crate::hold::{STRIPES, thread};
use crate::index::Index;
use crate::live::bare;
use crate::permit::Permit;
use crate::policy::Band;
use crate::seats::Slot;
use crate::table::Table;
use crate::wanted::Wanted;

/// How often one request guesses. Where most are idle, two in a row seldom fail.
const GUESSES: usize = 2;

#[derive(Default)]
pub(crate) struct Calm {
    /// Whether guesses are worth it: whether somebody idle was found when the closest were last
    /// looked at. A hint, and so seldom changed that every processor has it.
    idle: AtomicBool,
    drawn: [Drawn; STRIPES],
}

/// What a thread drew for its next request.
///
/// Of few seats, that is the one it drew last, if it may take it once more: what a thread has just
/// used is at hand, and what another one used last has to come from there. So each draw serves two
/// requests, and every seat still has the same chance. Of many, none is at hand, and the next one is
/// fetched beside what is needed now.
///
/// Aligned so that no two threads write the same line of a processor's cache.
#[repr(align(64))]
struct Drawn(AtomicU32);

const NONE: u32 = u32::MAX;

impl Default for Drawn {
    fn default() -> Self {
        Self(AtomicU32::new(NONE))
    }
}

impl Calm {
    pub(crate) fn note(&self, idle: bool) {
        if self.idle.load(Relaxed) != idle {
            self.idle.store(idle, Relaxed);
        }
    }

    /// One of the set bits for this thread's next request, each as likely in the long run. `seats` is
    /// not 0.
    fn draw(&self, seats: u64, rng: &mut Rng) -> usize {
        let drawn = &self.drawn[thread()].0;
        let before = drawn.load(Relaxed);
        if before != NONE {
            drawn.store(NONE, Relaxed);
            if before < u64::BITS && seats & (1 << before) != 0 {
                return before as usize;
            }
        }
        let seat = any_bit(seats, rng);
        drawn.store(seat as u32, Relaxed);
        seat
    }

    /// One of so many places, and the one for this thread's next request. `places` is not 0.
    fn draw_of_many(&self, places: usize, rng: &mut Rng) -> (usize, usize) {
        let drawn = &self.drawn[thread()].0;
        let mut now = drawn.load(Relaxed) as usize;
        if now >= places {
            now = rng.usize(0..places);
        }
        let next = rng.usize(0..places);
        drawn.store(next as u32, Relaxed);
        (now, next)
    }
}

impl<T> Table<T> {
    /// Takes one of the closest seats that such a request may have, drawn without a look at any,
    /// if it turns out to be idle. Then it is the right one: nobody is less loaded, and all that
    /// are idle are as likely. `None` says nothing about the others.
    pub(crate) fn take_idle(&self, wanted: &Wanted<'_>, rng: &mut Rng) -> Option<Permit<T>> {
        if !self.calm.idle.load(Relaxed) {
            return None;
        }
        if let Some(index) = &self.seats.index {
            return if wanted.is_anything() { self.take_any_idle(index, rng) } else { None };
        }
        let mut seats = self.closest(wanted);
        for _ in 0..GUESSES {
            if seats == 0 {
                return None;
            }
            let seat = self.calm.draw(seats, rng);
            let slot = self.seats.slot(seat)?;
            let taken = match slot.live.take_idle() {
                Ok(()) => true,
                // Who starts slowly is idle, too.
                Err(word) => bare(word) != word && self.take_if_unloaded(slot, seat),
            };
            if taken {
                let hold = self.seats.hold(seat, slot);
                return Some(Permit::counted(hold, seat as u32, Band::Open));
            }
            seats &= !(1 << seat);
        }
        None
    }

    /// The same among many. The index lags behind, which it may while most of the closest are idle,
    /// and only then is there a guess at all.
    #[inline(never)]
    fn take_any_idle(&self, index: &Index, rng: &mut Rng) -> Option<Permit<T>> {
        let tier = index.closest_open(&self.seats.tiers)?;
        for _ in 0..GUESSES {
            let (now, next) = self.calm.draw_of_many(tier.places().max(1), rng);
            let seat = tier.seat(now);
            // One that is kept free for who comes later is nobody's.
            let Some(slot) = self.seats.slot(seat) else { continue };
            // All of it is far away: fetched side by side, before the count lets nothing begin.
            let idle = slot.live.word() == 0;
            slot.fetch_instance();
            self.seats.fetch(tier.seat(next));
            if idle && slot.live.take_idle().is_ok() {
                let hold = self.seats.hold(seat, slot);
                return Some(Permit::counted(hold, seat as u32, Band::Open));
            }
        }
        None
    }

    #[inline(never)]
    fn take_if_unloaded(&self, slot: &Slot<T>, seat: usize) -> bool {
        let look = self.seats.look(seat);
        look.load == 0 && slot.live.take_seen(look.word)
    }

    /// The closest seats that a request may have as bits, whether or not they have room; none if
    /// it has a key that decides.
    fn closest(&self, wanted: &Wanted<'_>) -> u64 {
        match wanted.is_anything() {
            true => self.seats.closest(),
            false => self.closest_wanted(wanted),
        }
    }

    #[inline(never)]
    fn closest_wanted(&self, wanted: &Wanted<'_>) -> u64 {
        if !wanted.affinity.is_empty() {
            return 0;
        }
        let admitted = self.admitted(wanted);
        let preferred =
            wanted.prefer.iter().map(|(key, value)| admitted & self.mask_of(key, value));
        let mask = preferred.chain([admitted]).find(|mask| *mask != 0).unwrap_or(0);
        self.seats
            .tiers
            .iter()
            .map(|tier| mask & tier.mask())
            .find(|seats| *seats != 0)
            .unwrap_or(0)
    }
}
