//! The choice: open before busy, closest tier first, least loaded inside it, ties at random.
//!
//! Looks at live words and counts nothing; whoever takes the choice counts it by
//! compare-and-swap. Must not know the queue.

use std::cmp::Ordering;
use std::hash::Hasher;

use fastrand::Rng;
use siphasher::sip::SipHasher13;
use smallvec::SmallVec;

use crate::index::{Draw, Index};
use crate::seats::Look;
use crate::table::Table;
use crate::wanted::Wanted;

/// A seat, as it looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) seat: usize,
    pub(crate) look: Look,
    /// Whether the index need not follow at once when this is taken.
    pub(crate) may_lag: bool,
}

impl Choice {
    /// A choice that the index follows.
    fn new(seat: usize, look: Look) -> Self {
        Self { seat, look, may_lag: false }
    }
}

impl<T> Table<T> {
    /// The seat that a request with these wishes should take now, or `None` if everything
    /// eligible is full (or nothing is eligible, see [`Table::any_eligible`]).
    pub(crate) fn choose(&self, wanted: &Wanted<'_>, draw: &mut Draw<'_>) -> Option<Choice> {
        if let Some(choice) = self.choose_by_affinity(wanted) {
            return Some(choice);
        }
        match &self.seats.index {
            None => self.choose_by_mask(wanted, draw.rng),
            Some(index) => self.choose_by_index(index, wanted, draw),
        }
    }

    /// Whether any instance could take such a request if it had room.
    pub(crate) fn any_eligible(&self, wanted: &Wanted<'_>) -> bool {
        if wanted.require.is_empty() && wanted.exclude.is_empty() {
            return self.available() > 0;
        }
        let fits =
            |seat: usize| self.at(seat).is_some_and(|i| i.live.available() && wanted.admits(i));
        match self.shortest(wanted.require) {
            Listed::All => self.seats.numbers().any(fits),
            Listed::One(seat) => seat.is_some_and(fits),
            Listed::Only { first, late } => {
                first.iter().any(|seat| fits(*seat as usize)) || late.into_iter().any(fits)
            }
        }
    }

    /// The open seat that goes best with the key, of the closest tier that has an open one. Every
    /// edge agrees on it, and an instance that comes or goes moves only its own keys (rendezvous
    /// hashing). Looks at each bearer of the rarest required label, at all instances if none is
    /// required.
    pub(crate) fn choose_by_affinity(&self, wanted: &Wanted<'_>) -> Option<Choice> {
        if wanted.affinity.is_empty() {
            return None;
        }
        let preferred = wanted.prefer.iter().find_map(|label| {
            let mut both: SmallVec<[(&str, &str); 8]> = SmallVec::from_slice(wanted.require);
            both.push(*label);
            self.best_match(&Wanted { require: &both, prefer: &[], ..*wanted })
        });
        preferred.or_else(|| self.best_match(wanted))
    }

    fn best_match(&self, wanted: &Wanted<'_>) -> Option<Choice> {
        let (first, late): (Box<dyn Iterator<Item = usize>>, Vec<usize>) =
            match self.shortest(wanted.require) {
                Listed::All => (Box::new(self.first_seats()), self.late_seats().collect()),
                Listed::One(seat) => (Box::new(seat.into_iter()), Vec::new()),
                Listed::Only { first, late } => {
                    (Box::new(first.iter().map(|seat| *seat as usize)), late)
                }
            };
        if late.is_empty() {
            return self.best_of(first, wanted);
        }
        let mut seats: Vec<usize> = first.chain(late).collect();
        seats.sort_by_key(|seat| self.seats.tier_of(*seat));
        self.best_of(seats.into_iter(), wanted)
    }

    /// The best match among seats in the order of closeness.
    fn best_of(&self, seats: impl Iterator<Item = usize>, wanted: &Wanted<'_>) -> Option<Choice> {
        let limits = self.seats.limits;
        let mut best: Option<(u64, Choice)> = None;
        let (mut open_tier, mut busy_group) = (None, None);
        for seat in seats {
            let number = self.seats.tier_of(seat);
            if open_tier.is_some_and(|open| open != number) {
                break;
            }
            let look = self.seats.look(seat);
            let Some(instance) = self.at(seat) else { continue };
            if look.load >= limits.hard || !wanted.admits(instance) {
                continue;
            }
            if best.is_none() {
                let group = self.seats.tiers.get(number)?.group;
                if *busy_group.get_or_insert(group) != group {
                    // A busy seat of a closer group comes before an open one of this.
                    return None;
                }
                if look.load < limits.soft {
                    open_tier = Some(number);
                }
            }
            let fit = affinity(wanted.affinity, instance.id());
            if look.load < limits.soft && best.is_none_or(|(so_far, _)| fit > so_far) {
                best = Some((fit, Choice::new(seat, look)));
            }
        }
        best.map(|(_, choice)| choice)
    }

    fn choose_by_mask(&self, wanted: &Wanted<'_>, rng: &mut Rng) -> Option<Choice> {
        let mask = self.admitted(wanted);
        for (key, value) in wanted.prefer {
            let preferred = mask & self.mask_of(key, value);
            if let Some(choice) = self.scan_mask(preferred, rng) {
                return Some(choice);
            }
        }
        self.scan_mask(mask, rng)
    }

    /// The seats whose instances a request may go to, as bits, whatever their state.
    pub(crate) fn admitted(&self, wanted: &Wanted<'_>) -> u64 {
        let required = wanted.require.iter().map(|(key, value)| self.mask_of(key, value));
        let mask = required.fold(self.seats.mask(), |mask, bearers| mask & bearers);
        wanted.exclude.iter().fold(mask, |mask, id| mask & !self.mask_of("id", id))
    }

    pub(crate) fn mask_of(&self, key: &str, value: &str) -> u64 {
        if key == "id" {
            return self.seat(value).map_or(0, |seat| 1 << seat);
        }
        self.labels.posting(key, value).map_or(0, |posting| posting.mask)
    }

    /// One pass in the order of closeness: the first tier with an open seat wins; the first tier
    /// with a busy one is kept in case there is none.
    fn scan_mask(&self, mask: u64, rng: &mut Rng) -> Option<Choice> {
        let mut busy: Option<(u64, Look)> = None;
        let (mut group, mut closest) = (0, true);
        for tier in &self.seats.tiers {
            if tier.group != group && busy.is_some() {
                break;
            }
            group = tier.group;
            let seats = mask & tier.mask();
            if seats == 0 {
                continue;
            }
            let (ties, least) = self.least_of(seats);
            // Where the closest have nobody idle, guessing among them is in vain.
            if std::mem::take(&mut closest) {
                self.calm.note(least.load == 0 && self.seats.limits.soft > 0);
            }
            if ties == 0 {
                continue;
            }
            if least.load < self.seats.limits.soft {
                return Some(self.one_of(ties, least, rng));
            }
            busy = busy.or(Some((ties, least)));
        }
        busy.map(|(ties, least)| self.one_of(ties, least, rng))
    }

    /// Draws one of some seats that are equally loaded. Their words may differ nevertheless; one
    /// that is no longer as it was gets a look that it cannot be taken by.
    fn one_of(&self, ties: u64, least: Look, rng: &mut Rng) -> Choice {
        let seat = any_bit(ties, rng);
        let look = self.seats.look(seat);
        Choice::new(seat, if look.load == least.load { look } else { least })
    }

    /// The seats with the smallest load below the hard limit, as bits, and the look of one.
    fn least_of(&self, mut mask: u64) -> (u64, Look) {
        let (mut ties, mut least) = (0, Look { load: self.seats.limits.hard, ..Look::NOTHING });
        while mask != 0 {
            let seat = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let look = self.seats.look(seat);
            if look.load < least.load {
                (ties, least) = (1 << seat, look);
            } else if look.load == least.load && ties != 0 {
                ties |= 1 << seat;
            }
        }
        (ties, least)
    }

    /// Labelled wishes walk the bearers of the rarest label; all others ask the index.
    fn choose_by_index(
        &self,
        index: &Index,
        wanted: &Wanted<'_>,
        draw: &mut Draw<'_>,
    ) -> Option<Choice> {
        for label in wanted.prefer {
            let mut both: SmallVec<[(&str, &str); 8]> = SmallVec::from_slice(wanted.require);
            both.push(*label);
            let narrower = Wanted { require: &both, prefer: &[], ..*wanted };
            if let Some(choice) = self.scan_list(&narrower, draw.rng) {
                return Some(choice);
            }
        }
        if wanted.require.is_empty() {
            let skip: SmallVec<[usize; 8]> =
                wanted.exclude.iter().filter_map(|id| self.seat(id)).collect();
            if let Ok(choice) = index.choose(&self.seats, &skip, draw) {
                // Where most of the closest are idle, the next request may guess.
                self.calm.note(choice.is_some_and(|choice| self.is_calm(choice)));
                return choice;
            }
        }
        self.scan_list(wanted, draw.rng)
    }

    fn is_calm(&self, choice: Choice) -> bool {
        self.seats.limits.soft > 0 && choice.may_lag && choice.look.load == 0
    }

    fn scan_list(&self, wanted: &Wanted<'_>, rng: &mut Rng) -> Option<Choice> {
        match self.shortest(wanted.require) {
            Listed::All => {
                let first = self.scan(self.first_seats(), wanted, rng);
                let late = self.scan(self.late_seats(), wanted, rng);
                self.better(first, late, rng)
            }
            Listed::One(seat) => self.scan(seat.into_iter(), wanted, rng).choice,
            Listed::Only { first, mut late } => {
                late.sort_unstable();
                let first = self.scan(first.iter().map(|s| *s as usize), wanted, rng);
                let late = self.scan(late.into_iter(), wanted, rng);
                self.better(first, late, rng)
            }
        }
    }

    /// The better one of two scans, each as likely as it has ties if they are equally good.
    fn better(&self, one: Tie, other: Tie, rng: &mut Rng) -> Option<Choice> {
        let (Some(a), Some(b)) = (one.choice, other.choice) else {
            return one.choice.or(other.choice);
        };
        let rank = |choice: Choice| {
            let tier = self.seats.tier_of(choice.seat);
            let group = self.seats.tiers.get(tier).map(|tier| tier.group);
            (group, self.seats.limits.band(choice.look.load), tier, choice.look.load)
        };
        match rank(a).cmp(&rank(b)) {
            Ordering::Less => Some(a),
            Ordering::Greater => Some(b),
            Ordering::Equal if rng.u32(0..one.ties + other.ties) < one.ties => Some(a),
            Ordering::Equal => Some(b),
        }
    }

    /// As [`Self::scan_mask`], over any number of seats in the order of closeness, all of them
    /// first ones or all late ones.
    pub(crate) fn scan(
        &self,
        seats: impl Iterator<Item = usize>,
        wanted: &Wanted<'_>,
        rng: &mut Rng,
    ) -> Tie {
        let (mut open, mut busy) = (Tie::default(), Tie::default());
        let mut at: Option<(usize, u32)> = None;
        for seat in seats {
            let number = self.seats.tier_of(seat);
            let group = self.seats.tiers.get(number).map_or(0, |tier| tier.group);
            if let Some(before) = at.replace((number, group)).filter(|b| b.0 != number) {
                let left_group = before.1 != group;
                if open.choice.is_some() || (left_group && busy.choice.is_some()) {
                    break;
                }
                busy.settled = busy.choice.is_some();
            }
            let look = self.seats.look(seat);
            if look.load < self.seats.limits.hard && self.at(seat).is_some_and(|i| wanted.admits(i))
            {
                let band = if look.load < self.seats.limits.soft { &mut open } else { &mut busy };
                band.offer(Choice::new(seat, look), rng);
            }
        }
        if open.choice.is_some() { open } else { busy }
    }

    /// The fewest seats, in the order of closeness, among which all that bear the labels are.
    fn shortest(&self, require: &[(&str, &str)]) -> Listed<'_> {
        let mut shortest: Option<(&[u32], (&str, &str))> = None;
        for (key, value) in require {
            if *key == "id" {
                return Listed::One(self.seat(value));
            }
            let seats = self.labels.posting(key, value).map_or(&[][..], |p| &p.seats);
            if shortest.is_none_or(|(others, _)| seats.len() < others.len()) {
                shortest = Some((seats, (key, value)));
            }
        }
        shortest.map_or(Listed::All, |(first, (key, value))| Listed::Only {
            first,
            late: self.roster.bearers(key, value),
        })
    }
}

/// Where to look for the bearers of some labels.
enum Listed<'a> {
    All,
    One(Option<usize>),
    /// First seats in the order of closeness, and late ones in any order.
    Only {
        first: &'a [u32],
        late: Vec<usize>,
    },
}

/// The least loaded so far, each of those that tie with the same chance.
#[derive(Default)]
pub(crate) struct Tie {
    pub(crate) choice: Option<Choice>,
    ties: u32,
    /// A closer tier has won; nothing further away may replace it.
    settled: bool,
}

impl Tie {
    fn offer(&mut self, choice: Choice, rng: &mut Rng) {
        match self.choice {
            _ if self.settled => {}
            Some(best) if best.look.load < choice.look.load => {}
            Some(best) if best.look.load == choice.look.load => {
                self.ties += 1;
                if rng.u32(0..self.ties) == 0 {
                    self.choice = Some(choice);
                }
            }
            _ => {
                self.choice = Some(choice);
                self.ties = 1;
            }
        }
    }
}

/// How well a key and an instance go together: fixed for ever, and the same on every edge.
fn affinity(key: &[u8], id: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(key);
    hasher.write_u8(0xff);
    hasher.write(id.as_bytes());
    hasher.finish()
}

/// One of the set bits, each with the same chance. `mask` is not 0.
pub(crate) fn any_bit(mut mask: u64, rng: &mut Rng) -> usize {
    let ones = mask.count_ones();
    if ones > 1 {
        for _ in 0..rng.u32(0..ones) {
            mask &= mask - 1;
        }
    }
    mask.trailing_zeros() as usize
}
