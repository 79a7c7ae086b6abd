//! Where room is, for services too large to look at each instance: seats by tier, band and level.
//!
//! Everything here is a hint. The live word decides, and each change of a word is followed by
//! [`Index::settle`], which moves the seat to the level of its word. One thread at a time moves a
//! seat; another that comes meanwhile leaves a note, and the first looks again. A seat is put
//! into its new level before it is taken out of the old one, so it is never out of sight while it
//! has room. Must not know the queue.

mod first;
mod ladder;
mod levels;
#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};

use fastrand::Rng;

use self::first::FirstSet;
use self::ladder::{BUSY, Ladder, NONE};
use self::levels::{Left, Levels, bits};
use crate::choose::Choice;
use crate::instance::Live;
use crate::policy::Limits;
use crate::table::{Seat, Tier};

/// Seats of a tier from which levels are kept. Below, looking at each that has room is as fast,
/// and a service in strict order may have as many tiers as instances.
const LARGE: u32 = 64;

/// A seat's place in the index: its level, and who is at work on it.
pub(crate) struct Mark(AtomicU32);

const LEVEL: u32 = 0xff;
const MOVING: u32 = 1 << 8;
const AGAIN: u32 = 1 << 9;

impl Mark {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(u32::from(NONE)))
    }
}

pub(crate) struct Index {
    ladder: Ladder,
    limits: Limits,
    tiers: Box<[Shelf]>,
    /// Tiers that have open seats, and busy ones.
    bands: [FirstSet; 2],
    /// The end of each group, as a number of a tier.
    groups: Box<[usize]>,
}

/// One tier's seats that have room.
enum Shelf {
    /// Seats as bits, open and busy.
    Small([AtomicU64; 2]),
    Large(Box<Levels>),
}

/// What a look at one shelf brought.
enum Found {
    Seat(Choice),
    Nothing,
    /// Hints were behind; another look may find something.
    Moving,
}

/// What a choice draws with, and what it stumbled upon.
pub(crate) struct Draw<'a> {
    pub(crate) rng: &'a mut Rng,
    /// A seat that had been out of sight came into sight: somebody may be waiting for it.
    pub(crate) revealed: bool,
}

impl Index {
    pub(crate) fn new(limits: Limits, tiers: &[Tier]) -> Self {
        let ladder = Ladder::new(limits);
        let shelf = |tier: &Tier| match tier.end - tier.start {
            seats if seats > LARGE => Shelf::Large(Box::new(Levels::new(ladder, seats as usize))),
            _ => Shelf::Small([AtomicU64::new(0), AtomicU64::new(0)]),
        };
        let mut groups: Vec<usize> = Vec::new();
        for (number, tier) in tiers.iter().enumerate() {
            groups.resize(tier.group as usize + 1, 0);
            groups[tier.group as usize] = number + 1;
        }
        Self {
            ladder,
            limits,
            tiers: tiers.iter().map(shelf).collect(),
            bands: [FirstSet::new(tiers.len()), FirstSet::new(tiers.len())],
            groups: groups.into(),
        }
    }

    /// Moves a seat to the level of its word. `true` if it had been out of sight, and the caller
    /// must look for waiters.
    pub(crate) fn settle<T>(&self, seat: &Seat<T>, number: usize, tiers: &[Tier]) -> bool {
        let mark = &seat.mark.0;
        let mut seen = mark.load(SeqCst);
        loop {
            let change = if seen & MOVING != 0 {
                seen | AGAIN
            } else if seen == u32::from(self.ladder.level(seat.live.word())) {
                return false;
            } else {
                seen | MOVING
            };
            match mark.compare_exchange(seen, change, SeqCst, SeqCst) {
                Ok(_) if seen & MOVING != 0 => return false,
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        let tier = tier_of(tiers, number);
        let place = number - tiers.get(tier).map_or(0, |tier| tier.start as usize);
        self.follow(&seat.live, mark, tier, place)
    }

    /// The work of the one thread that moves a seat.
    fn follow(&self, live: &Live, mark: &AtomicU32, tier: usize, place: usize) -> bool {
        let mut old = (mark.load(SeqCst) & LEVEL) as u8;
        let mut revealed = false;
        loop {
            let new = self.ladder.level(live.word());
            if new != old {
                if new != NONE {
                    self.insert(tier, place, new);
                    revealed |= old == NONE;
                }
                if old != NONE {
                    self.remove(tier, place, old, new);
                }
            }
            let working = u32::from(old) | MOVING;
            if mark.compare_exchange(working, u32::from(new), SeqCst, SeqCst).is_ok() {
                return revealed;
            }
            mark.store(u32::from(new) | MOVING, SeqCst);
            old = new;
        }
    }

    fn insert(&self, tier: usize, place: usize, level: u8) {
        let busy = usize::from(level >= BUSY);
        match self.tiers.get(tier) {
            Some(Shelf::Large(levels)) => levels.insert(place, level),
            Some(Shelf::Small(masks)) => {
                let bit = 1 << place;
                if masks[busy].load(SeqCst) & bit == 0 {
                    masks[busy].fetch_or(bit, SeqCst);
                }
            }
            None => {}
        }
        self.bands[busy].set(tier);
    }

    fn remove(&self, tier: usize, place: usize, level: u8, new: u8) {
        let busy = usize::from(level >= BUSY);
        let left = match self.tiers.get(tier) {
            Some(Shelf::Large(levels)) => levels.remove(place, level),
            // A small shelf tells bands apart, not levels.
            Some(Shelf::Small(_)) if new != NONE && usize::from(new >= BUSY) == busy => Left::Some,
            Some(Shelf::Small(masks)) => {
                let bit = 1_u64 << place;
                let others = masks[busy].fetch_and(!bit, SeqCst) & !bit;
                if others == 0 { Left::Nobody } else { Left::Some }
            }
            None => Left::Some,
        };
        match left {
            Left::Some => {}
            Left::Nobody => self.bands[busy].clear(tier, || self.has(tier, busy)),
            Left::Returned => self.bands[busy].set(tier),
        }
    }

    fn has(&self, tier: usize, busy: usize) -> bool {
        match self.tiers.get(tier) {
            Some(Shelf::Large(levels)) => levels.filled(busy == 1) != 0,
            Some(Shelf::Small(masks)) => masks[busy].load(SeqCst) != 0,
            None => false,
        }
    }

    /// As the scan of all seats but those in `skip`; `Err` if hints were moving all the time and
    /// a scan must decide.
    pub(crate) fn choose<T>(
        &self,
        seats: &[Seat<T>],
        tiers: &[Tier],
        skip: &[usize],
        draw: &mut Draw<'_>,
    ) -> Result<Option<Choice>, Unsure> {
        const LOOKS: usize = 16;
        for _ in 0..LOOKS {
            match self.look(&Seats { seats, tiers, skip }, draw) {
                Found::Seat(choice) => return Ok(Some(choice)),
                Found::Nothing => return Ok(None),
                Found::Moving => {}
            }
        }
        Err(Unsure)
    }

    fn look<T>(&self, among: &Seats<'_, T>, draw: &mut Draw<'_>) -> Found {
        let mut moving = false;
        let mut from = 0;
        loop {
            let nearest = self.bands.iter().filter_map(|band| band.next(from)).min();
            let Some(group) = nearest.and_then(|t| among.tiers.get(t)).map(|t| t.group as usize)
            else {
                return if moving { Found::Moving } else { Found::Nothing };
            };
            let end = self.groups.get(group).copied().unwrap_or(0);
            for (busy, band) in self.bands.iter().enumerate() {
                let mut at = from;
                while let Some(tier) = band.next(at).filter(|tier| *tier < end) {
                    match self.look_at(tier, busy == 1, among, draw) {
                        Found::Nothing => {}
                        Found::Moving => moving = true,
                        found @ Found::Seat(_) => return found,
                    }
                    at = tier + 1;
                }
            }
            from = end;
        }
    }

    fn look_at<T>(
        &self,
        tier: usize,
        busy: bool,
        among: &Seats<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let start = among.tiers.get(tier).map_or(0, |tier| tier.start as usize);
        match self.tiers.get(tier) {
            Some(Shelf::Large(levels)) => {
                for level in bits(levels.filled(busy)) {
                    let level = level as u8 + if busy { BUSY } else { 0 };
                    match self.draw_from(levels, level, start, among, draw) {
                        Found::Nothing => {}
                        found => return found,
                    }
                }
                Found::Nothing
            }
            Some(Shelf::Small(masks)) => {
                let mask = masks[usize::from(busy)].load(SeqCst);
                self.least(bits(mask).map(|bit| start + bit), busy, among, draw)
            }
            None => Found::Nothing,
        }
    }

    /// One of a level's seats; of a level that spans several loads, the less loaded of two.
    fn draw_from<T>(
        &self,
        levels: &Levels,
        level: u8,
        start: usize,
        among: &Seats<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let Some(first) = levels.draw(level, draw.rng).map(|seat| start + seat) else {
            return Found::Moving;
        };
        if among.skip.contains(&first) {
            // A retry keeps away from few instances, but those may be all of the level.
            let seats = levels.seats(level).map(|seat| start + seat);
            return self.least(seats, level >= BUSY, among, draw);
        }
        let mut found = self.verify(first, level, among, draw);
        if self.ladder.is_coarse(level)
            && let Some(second) = levels.draw(level, draw.rng).map(|seat| start + seat)
            && !among.skip.contains(&second)
            && let Found::Seat(other) = self.verify(second, level, among, draw)
        {
            found = match found {
                Found::Seat(choice) if choice.word <= other.word => Found::Seat(choice),
                _ => Found::Seat(other),
            };
        }
        found
    }

    fn verify<T>(
        &self,
        number: usize,
        level: u8,
        among: &Seats<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let Some(seat) = among.seats.get(number) else { return Found::Nothing };
        let word = seat.live.word();
        if self.ladder.level(word) == level {
            return Found::Seat(Choice { seat: number, word });
        }
        draw.revealed |= self.settle(seat, number, among.tiers);
        Found::Moving
    }

    /// The least loaded of some seats of one tier, if they are of the band that they should be.
    fn least<T>(
        &self,
        numbers: impl Iterator<Item = usize>,
        busy: bool,
        among: &Seats<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let mut best: Option<Choice> = None;
        let (mut ties, mut moving) = (0, false);
        for number in numbers.filter(|number| !among.skip.contains(number)) {
            let Some(seat) = among.seats.get(number) else { continue };
            let word = seat.live.word();
            if word >= self.limits.hard || (word >= self.limits.soft) != busy {
                draw.revealed |= self.settle(seat, number, among.tiers);
                moving = true;
                continue;
            }
            let least = best.map_or(u64::MAX, |best| best.word);
            if word < least {
                ties = 0;
            }
            if word <= least {
                ties += 1;
                if draw.rng.u32(0..ties) == 0 {
                    best = Some(Choice { seat: number, word });
                }
            }
        }
        match best {
            Some(choice) => Found::Seat(choice),
            None if moving => Found::Moving,
            None => Found::Nothing,
        }
    }
}

/// The hints moved faster than they could be read.
pub(crate) struct Unsure;

/// What a look is taken at.
struct Seats<'a, T> {
    seats: &'a [Seat<T>],
    tiers: &'a [Tier],
    skip: &'a [usize],
}

/// The tier that a seat is in.
fn tier_of(tiers: &[Tier], seat: usize) -> usize {
    tiers.partition_point(|tier| tier.end as usize <= seat)
}
