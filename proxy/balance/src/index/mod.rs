//! Where room is, for services too large to look at each instance: seats by tier, band and level.
//!
//! Everything here is a hint, and the live word decides. A seat may be in a lower level than that
//! of its word, never for long in a higher one: who draws a seat looks at its word and moves it up
//! ([`Index::settle`]), who counts down moves it down ([`Index::lower`]). So a request that comes
//! and goes while few others run writes nothing here that another thread reads.
//!
//! One thread at a time moves the seats of a tier; nobody waits for it. A seat is put into its new
//! level before it is taken out of the old one, so it is never out of sight while it has room.
//! Must not know the queue.

mod first;
mod gate;
mod ladder;
mod levels;
#[cfg(test)]
mod tests;

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

use fastrand::Rng;

use self::first::FirstSet;
use self::gate::Gate;
pub(crate) use self::ladder::NONE;
use self::ladder::{BUSY, Ladder};
use self::levels::{Levels, bits};
use crate::choose::Choice;
use crate::policy::Limits;
use crate::seats::{Seats, Tier};

/// Seats of a tier from which levels are kept. Below, looking at each that has room is as fast,
/// and a service in strict order may have as many tiers as instances.
const LARGE: usize = 64;

pub(crate) struct Index {
    ladder: Ladder,
    shelves: Box<[Shelf]>,
    /// Tiers that have open seats, and busy ones.
    bands: [FirstSet; 2],
    /// The end of each group, as a number of a tier.
    groups: Box<[usize]>,
}

/// One tier's seats that have room.
struct Shelf {
    gate: Gate,
    stock: Stock,
}

enum Stock {
    /// Seats as bits, open and busy. All that may be chosen are looked at, so here the level is
    /// only that of the band.
    Small([AtomicU64; 2]),
    Large(Box<Levels>),
}

/// Whether a seat may stay in a level that is too low.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lag {
    None,
    Allowed,
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
        let mut groups: Vec<usize> = Vec::new();
        for (number, tier) in tiers.iter().enumerate() {
            groups.resize(tier.group as usize + 1, 0);
            groups[tier.group as usize] = number + 1;
        }
        Self {
            ladder,
            shelves: tiers.iter().map(|tier| Shelf::new(ladder, tier)).collect(),
            bands: [FirstSet::new(tiers.len()), FirstSet::new(tiers.len())],
            groups: groups.into(),
        }
    }

    /// Moves a seat to the level of its word, after the word has changed. `true` if a seat that
    /// had been out of sight is in sight now, and the caller must look for waiters.
    pub(crate) fn settle<T>(&self, seats: &Seats<T>, seat: usize) -> bool {
        self.bring(seats, seat, Lag::None)
    }

    /// The same after the word has been counted down: a seat whose level is too low already may
    /// stay there.
    pub(crate) fn lower<T>(&self, seats: &Seats<T>, seat: usize) -> bool {
        self.bring(seats, seat, Lag::Allowed)
    }

    fn bring<T>(&self, seats: &Seats<T>, seat: usize, lag: Lag) -> bool {
        let Some(slot) = seats.slot(seat) else { return false };
        let tier = slot.tier as usize;
        let Some(shelf) = self.shelves.get(tier) else { return false };
        // In this order: whoever is inside after the first look reads the word after the change,
        // and whoever was before has left its mark.
        if shelf.gate.is_free() {
            let (mark, level) =
                (slot.mark.load(Relaxed), shelf.grain(self.ladder.level(seats.load(seat))));
            if mark == level || (mark < level && lag == Lag::Allowed) {
                return false;
            }
        }
        let Some(range) = seats.tiers.get(tier) else { return false };
        let mut revealed = false;
        shelf.gate.work(range.place(seat), |place| {
            revealed |= self.follow(seats, shelf, place, range.seat(place));
        });
        revealed
    }

    /// The work inside the gate: one seat follows its word.
    fn follow<T>(&self, seats: &Seats<T>, shelf: &Shelf, place: usize, seat: usize) -> bool {
        let Some(slot) = seats.slot(seat) else { return false };
        let tier = slot.tier as usize;
        let old = slot.mark.load(Relaxed);
        let new = shelf.grain(self.ladder.level(seats.load(seat)));
        if new == old {
            return false;
        }
        if new != NONE {
            shelf.insert(place, new);
            self.bands[usize::from(new >= BUSY)].set(tier);
        }
        if old != NONE {
            shelf.remove(place, old);
            let band = usize::from(old >= BUSY);
            if !shelf.has(band) {
                self.bands[band].clear(tier);
            }
        }
        slot.mark.store(new, Relaxed);
        old == NONE
    }

    /// The closest tier that has open seats, unless busy ones of a closer group come before it.
    pub(crate) fn closest_open(&self, tiers: &[Tier]) -> Option<Tier> {
        let [open, busy] = &self.bands;
        let tier = *tiers.get(open.next(0)?)?;
        let before = busy.next(0).and_then(|number| tiers.get(number));
        before.is_none_or(|before| before.group >= tier.group).then_some(tier)
    }

    /// As the scan of all seats but those in `skip`; `Err` if hints were moving all the time and
    /// a scan must decide.
    pub(crate) fn choose<T>(
        &self,
        seats: &Seats<T>,
        skip: &[usize],
        draw: &mut Draw<'_>,
    ) -> Result<Option<Choice>, Unsure> {
        // A look that finds a seat in too low a level moves it. As levels are let lag only while
        // they hold most of a tier, about every second look of those is the last.
        const LOOKS: usize = 128;
        // Then somebody else is about to move seats and has been interrupted: what else there is.
        const LENIENT: usize = 16;
        for number in 0..LOOKS + LENIENT {
            match self.look(&Among { seats, skip }, number >= LOOKS, draw) {
                Found::Seat(choice) => return Ok(Some(choice)),
                Found::Nothing => return Ok(None),
                Found::Moving => {}
            }
        }
        Err(Unsure)
    }

    /// One look at all tiers. `lenient`: past what is moving.
    fn look<T>(&self, among: &Among<'_, T>, lenient: bool, draw: &mut Draw<'_>) -> Found {
        let mut moving = false;
        let mut from = 0;
        loop {
            let nearest = self.bands.iter().filter_map(|band| band.next(from)).min();
            let Some(group) =
                nearest.and_then(|t| among.seats.tiers.get(t)).map(|t| t.group as usize)
            else {
                return if moving { Found::Moving } else { Found::Nothing };
            };
            let end = self.groups.get(group).copied().unwrap_or(0);
            for (busy, band) in self.bands.iter().enumerate() {
                let mut at = from;
                while let Some(tier) = band.next(at).filter(|tier| *tier < end) {
                    match self.look_at(tier, busy == 1, among, draw) {
                        Found::Nothing => {}
                        Found::Moving if lenient => moving = true,
                        Found::Moving => return Found::Moving,
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
        among: &Among<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let Some(range) = among.seats.tiers.get(tier) else { return Found::Nothing };
        match self.shelves.get(tier).map(|shelf| &shelf.stock) {
            Some(Stock::Large(levels)) => {
                for level in bits(levels.filled(busy)) {
                    let level = level as u8 + if busy { BUSY } else { 0 };
                    match self.draw_from(levels, level, *range, among, draw) {
                        Found::Nothing => {}
                        found => return found,
                    }
                }
                Found::Nothing
            }
            Some(Stock::Small(masks)) => {
                let mask = masks[usize::from(busy)].load(Relaxed);
                self.least(bits(mask).map(|bit| range.seat(bit)), busy, among, draw)
            }
            None => Found::Nothing,
        }
    }

    /// One of a level's seats; of a level that spans several loads, the less loaded of two.
    fn draw_from<T>(
        &self,
        levels: &Levels,
        level: u8,
        range: Tier,
        among: &Among<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let Some(first) = levels.draw(level, draw.rng).map(|place| range.seat(place)) else {
            return Found::Moving;
        };
        if among.skip.contains(&first) {
            // A retry keeps away from few instances, but those may be all of the level.
            let seats = levels.seats(level).map(|place| range.seat(place));
            return self.least(seats, level >= BUSY, among, draw);
        }
        let mut found = self.verify(first, level, among, draw);
        if self.ladder.is_coarse(level)
            && let Some(second) = levels.draw(level, draw.rng).map(|place| range.seat(place))
            && !among.skip.contains(&second)
            && let Found::Seat(other) = self.verify(second, level, among, draw)
        {
            found = match found {
                Found::Seat(choice) if choice.look.load <= other.look.load => Found::Seat(choice),
                _ => Found::Seat(other),
            };
        }
        if let Found::Seat(choice) = &mut found {
            choice.may_lag = levels.is_most(level);
        }
        found
    }

    fn verify<T>(
        &self,
        number: usize,
        level: u8,
        among: &Among<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let look = among.seats.look(number);
        if self.ladder.level(look.load) == level {
            return Found::Seat(Choice { seat: number, look, may_lag: false });
        }
        draw.revealed |= self.settle(among.seats, number);
        Found::Moving
    }

    /// The least loaded of some seats of one tier, if they are of the band that they should be.
    fn least<T>(
        &self,
        numbers: impl Iterator<Item = usize>,
        busy: bool,
        among: &Among<'_, T>,
        draw: &mut Draw<'_>,
    ) -> Found {
        let mut best: Option<Choice> = None;
        let (mut ties, mut moving) = (0, false);
        for number in numbers.filter(|number| !among.skip.contains(number)) {
            let look = among.seats.look(number);
            let level = self.ladder.level(look.load);
            if level == NONE || (level >= BUSY) != busy {
                draw.revealed |= self.settle(among.seats, number);
                moving = true;
                continue;
            }
            let least = best.map_or(u64::MAX, |best| best.look.load);
            if look.load < least {
                ties = 0;
            }
            if look.load <= least {
                ties += 1;
                if draw.rng.u32(0..ties) == 0 {
                    best = Some(Choice { seat: number, look, may_lag: true });
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
struct Among<'a, T> {
    seats: &'a Seats<T>,
    skip: &'a [usize],
}

impl Shelf {
    fn new(ladder: Ladder, tier: &Tier) -> Self {
        let places = tier.places();
        let stock = if places > LARGE {
            Stock::Large(Box::new(Levels::new(ladder, places)))
        } else {
            Stock::Small([AtomicU64::new(0), AtomicU64::new(0)])
        };
        Self { gate: Gate::new(places), stock }
    }

    /// A level as finely as it is told apart here.
    fn grain(&self, level: u8) -> u8 {
        match &self.stock {
            Stock::Small(_) if level < BUSY => 0,
            Stock::Small(_) if level != NONE => BUSY,
            _ => level,
        }
    }

    fn insert(&self, place: usize, level: u8) {
        match &self.stock {
            Stock::Large(levels) => levels.insert(place, level),
            Stock::Small(masks) => {
                let mask = &masks[usize::from(level >= BUSY)];
                mask.store(mask.load(Relaxed) | 1 << place, Relaxed);
            }
        }
    }

    fn remove(&self, place: usize, old: u8) {
        match &self.stock {
            Stock::Large(levels) => levels.remove(place, old),
            Stock::Small(masks) => {
                let mask = &masks[usize::from(old >= BUSY)];
                mask.store(mask.load(Relaxed) & !(1 << place), Relaxed);
            }
        }
    }

    fn has(&self, band: usize) -> bool {
        match &self.stock {
            Stock::Large(levels) => levels.filled(band == 1) != 0,
            Stock::Small(masks) => masks[band].load(Relaxed) != 0,
        }
    }
}
