//! The picture of one service that a pick looks at: instances in the order of closeness.
//!
//! Immutable but for the live words behind the seats and the hints about them; replaced as a whole
//! when the order or the policy changes. Must not know the queue.

use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::Relaxed;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::calm::Calm;
use crate::instance::Instance;
use crate::labels::Labels;
use crate::live::Live;
use crate::policy::{Policy, Scope, Spread};
use crate::roster::Roster;
use crate::rtt::RttClass;
use crate::seats::{SCAN_MOST, Seats, Tier};

// Aligned, since every request reads it and its neighbours in memory may be what others write.
#[repr(align(64))]
pub(crate) struct Table<T> {
    pub(crate) policy: Policy,
    pub(crate) seats: Seats<T>,
    pub(crate) labels: Labels,
    pub(crate) roster: Roster,
    /// Instances; changed under the queue's lock only.
    size: AtomicUsize,
    /// Seats that may get traffic; changed under the queue's lock only.
    available: AtomicUsize,
    pub(crate) calm: Calm,
}

/// Seats that a tier of a large table keeps for who comes later: so many, and one for so many of
/// all seats and of its own. When they are taken, the next change makes a new table, so a change
/// costs the work of a hundred seats at worst on average, whatever the size.
const LATE_LEAST: u32 = 32;
const LATE_OF_ALL: u32 = 100;
const LATE_OF_OWN: u32 = 16;

/// How far a seat is: its group first, then its class or round trip.
type Distance = (u32, u32);

impl<T> Table<T> {
    /// Seats `members` by closeness; equally close ones keep their order. Does not yet tell the
    /// live words their seats.
    pub(crate) fn new(policy: Policy, members: Vec<Arc<Instance<T>>>) -> Self {
        let groups = groups(&policy, &members);
        let distance = |instance: &Instance<T>| -> Distance {
            let group = groups.get(&*instance.region).copied().unwrap_or(0);
            (group, key(policy.spread, &instance.live))
        };
        let mut order: Vec<(Distance, &Arc<Instance<T>>)> =
            members.iter().map(|member| (distance(member), member)).collect();
        order.sort_by_key(|(distance, _)| *distance);
        let tiers = tiers(&policy, order.iter().map(|(distance, _)| *distance));
        let instances = order.into_iter().map(|(_, instance)| instance.clone());
        let seats = Seats::new(policy.limits(), instances, tiers);
        Self {
            labels: Labels::new(&seats.first),
            roster: Roster::new(&seats.tiers),
            size: AtomicUsize::new(seats.first.len()),
            available: AtomicUsize::new(0),
            calm: Calm::default(),
            policy,
            seats,
        }
    }

    /// A table without instances.
    pub(crate) fn empty(policy: Policy) -> Self {
        Self::new(policy, Vec::new())
    }

    /// The members, to be seated anew.
    pub(crate) fn members(&self) -> Vec<Arc<Instance<T>>> {
        self.sitting().map(|(_, instance)| instance.clone()).collect()
    }

    /// How many instances there are.
    pub(crate) fn size(&self) -> usize {
        self.size.load(Relaxed)
    }

    /// Who sits on a seat.
    pub(crate) fn at(&self, seat: usize) -> Option<&Arc<Instance<T>>> {
        self.seats.sitting(seat).map(|slot| &slot.instance)
    }

    /// Everybody with a seat; those who came late come last, each sort in the order of closeness.
    pub(crate) fn sitting(&self) -> impl Iterator<Item = (usize, &Arc<Instance<T>>)> {
        self.seats.numbers().filter_map(|seat| Some((seat, self.at(seat)?)))
    }

    /// The seats taken when the table was made.
    pub(crate) fn first_seats(&self) -> std::ops::Range<usize> {
        0..self.seats.first.len()
    }

    /// The seats taken since, closest first.
    pub(crate) fn late_seats(&self) -> std::ops::Range<usize> {
        match self.roster.is_empty() {
            true => 0..0,
            false => self.seats.first.len()..self.seats.numbers().end,
        }
    }

    /// The seat of an id.
    pub(crate) fn seat(&self, id: &str) -> Option<usize> {
        let id_of =
            |seat: u32| self.seats.first.get(seat as usize).map_or("", |slot| slot.instance.id());
        let first = self.labels.seat(id, id_of).map(|seat| seat as usize);
        let late = || self.roster.seat(id).filter(|seat| self.at(*seat).is_some());
        first.filter(|seat| self.at(*seat).is_some()).or_else(late)
    }

    /// Seats an instance according to its class without a new table: a newcomer, one that is
    /// described anew, or one whose class has changed. `false` if there is no free seat, or if
    /// closeness is not by classes alone. The queue's lock is held.
    pub(crate) fn seat_late(&self, instance: &Arc<Instance<T>>) -> bool {
        if self.seats.index.is_none() || !by_class(&self.policy) {
            return false;
        }
        let live = &instance.live;
        let number = usize::from(live.class().rank());
        let Some(tier) = self.seats.tiers.get(number) else { return false };
        let before = self.seats.seat_of(live);
        if let Some(seat) = before {
            self.roster.remember(live, self.seats.tier_of(seat), seat);
        }
        let sat = |seat: &usize| {
            self.seats.slot(*seat).is_some_and(|slot| Arc::ptr_eq(&slot.instance, instance))
        };
        let seat = match self.roster.own(live, number).filter(sat) {
            Some(seat) => {
                self.roster.find_at(&instance.id, seat);
                seat
            }
            None => {
                let Some(seat) = self.roster.free(number, *tier) else { return false };
                self.roster.list(instance, seat);
                self.seats.take_late(seat, number, instance.clone());
                seat
            }
        };
        live.move_to(seat as u32);
        if let Some(before) = before {
            self.seats.settle(before);
        }
        self.seats.settle(seat);
        true
    }

    /// Notes that instances came or went.
    pub(crate) fn adjust_size(&self, more: usize, fewer: usize) {
        self.size.store(self.size() + more - fewer, Relaxed);
    }

    pub(crate) fn available(&self) -> usize {
        self.available.load(Relaxed)
    }

    /// Looks who may get traffic. The queue's lock is held.
    pub(crate) fn count_available(&self) {
        let count = self.sitting().filter(|(_, i)| i.live.available()).count();
        self.available.store(count, Relaxed);
    }

    /// How many instances may be ejected at a time.
    pub(crate) fn most_ejected(&self) -> usize {
        match self.size() {
            0 | 1 => 0,
            all => (all * usize::from(self.policy.ejection.share) / 100).clamp(1, all - 1),
        }
    }

    /// Notes that one seat's availability changed.
    pub(crate) fn adjust_available(&self, before: bool, after: bool) {
        let count = self.available() + usize::from(after) - usize::from(before);
        self.available.store(count, Relaxed);
    }
}

/// What "closer" compares inside a group.
fn key(spread: Spread, live: &Live) -> u32 {
    match spread {
        Spread::Class => u32::from(live.class().rank()),
        Spread::Strict => live.rtt_key(),
    }
}

/// The group of each region. A region is as close as its closest instance; regions that are
/// exactly equally close share a group, so that their names do not matter.
fn groups<'a, T>(policy: &Policy, members: &'a [Arc<Instance<T>>]) -> BTreeMap<&'a str, u32> {
    let mut closest: BTreeMap<&str, Reverse<(u32, u32)>> = BTreeMap::new();
    if policy.scope == Scope::Global {
        return BTreeMap::new();
    }
    for instance in members {
        let live = &instance.live;
        let own = Reverse((key(policy.spread, live), live.rtt_key()));
        let region = closest.entry(&instance.region).or_insert(own);
        *region = own.max(*region);
    }
    let mut distances: Vec<(u32, u32)> = closest.values().map(|Reverse(d)| *d).collect();
    distances.sort_unstable();
    distances.dedup();
    let group = |d: &(u32, u32)| distances.binary_search(d).unwrap_or(0) as u32;
    closest.iter().map(|(region, Reverse(d))| (*region, group(d))).collect()
}

/// Whether nothing but its class says how far an instance is. Then every class has a tier of its
/// own, if the table is large, and an instance can change its tier by itself.
fn by_class(policy: &Policy) -> bool {
    (policy.scope, policy.spread) == (Scope::Global, Spread::Class)
}

fn tiers(policy: &Policy, distances: impl ExactSizeIterator<Item = Distance>) -> Box<[Tier]> {
    let all = distances.len();
    let late = all > SCAN_MOST && by_class(policy);
    let tier = |start, group| Tier { start, end: start, late: 0, late_end: 0, group };
    let mut tiers: Vec<(Distance, Tier)> = Vec::new();
    for (seat, distance) in distances.enumerate() {
        let seat = seat as u32;
        while late && tiers.last().is_none_or(|(last, _)| *last < distance) {
            tiers.push(((0, tiers.len() as u32), tier(seat, 0)));
        }
        match tiers.last_mut() {
            Some((last, tier)) if *last == distance => tier.end = seat + 1,
            _ => tiers.push((distance, Tier { end: seat + 1, ..tier(seat, distance.0) })),
        }
    }
    while late && tiers.len() <= usize::from(RttClass::UNKNOWN.rank()) {
        tiers.push(((0, tiers.len() as u32), tier(all as u32, 0)));
    }
    let mut next = all as u32;
    for (_, tier) in tiers.iter_mut().filter(|_| late) {
        let kept = LATE_LEAST + all as u32 / LATE_OF_ALL + (tier.end - tier.start) / LATE_OF_OWN;
        (tier.late, tier.late_end) = (next, next + kept);
        next += kept;
    }
    tiers.into_iter().map(|(_, tier)| tier).collect()
}
