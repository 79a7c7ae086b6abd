//! The picture of one service that a pick looks at: instances in the order of closeness.
//!
//! Immutable but for the live words behind the seats and the hints about them; replaced as a whole
//! when the order or the policy changes. Must not know the queue.

use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use crate::calm::Calm;
use crate::instance::Instance;
use crate::labels::Labels;
use crate::live::Live;
use crate::policy::{Policy, Spread};
use crate::regions::Regions;
use crate::roster::Roster;
use crate::rtt::RttClass;
use crate::seats::{SCAN_MOST, Seats, Tier};
use crate::sync::Mutex;

// Aligned, since every request reads it and its neighbours in memory may be what others write.
#[repr(align(64))]
pub(crate) struct Table<T> {
    pub(crate) policy: Policy,
    pub(crate) seats: Seats<T>,
    pub(crate) labels: Labels,
    pub(crate) roster: Roster,
    /// Only looked at under the queue's lock.
    regions: Mutex<Regions>,
    /// Instances; changed under the queue's lock only.
    size: AtomicUsize,
    /// Seats that may get traffic; changed under the queue's lock only.
    available: AtomicUsize,
    pub(crate) calm: Calm,
}

/// Seats that a tier of a large table keeps for who comes later: a group's share of so many and of
/// one for so many of all, and one for so many of its own. When they are taken, the next change
/// makes a new table, so with one group a change costs the work of a hundred seats at worst on
/// average, whatever the size.
const LATE_LEAST: u32 = 32;
const LATE_OF_ALL: u32 = 100;
const LATE_OF_OWN: u32 = 16;

/// Groups of regions up to which seats are kept, since each of them has a tier for each class.
const MOST_GROUPS: usize = 32;

/// How far a seat is: its group first, then its class or round trip.
type Distance = (u32, u32);

impl<T> Table<T> {
    /// Seats `members` by closeness; equally close ones keep their order. Does not yet tell the
    /// live words their seats.
    pub(crate) fn new(policy: Policy, members: Vec<Arc<Instance<T>>>) -> Self {
        let regions = Regions::new(&policy, &members);
        let distance = |instance: &Instance<T>| -> Distance {
            let group = regions.group(&instance.region).unwrap_or(0);
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
            regions: Mutex::new(regions),
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

    /// Takes note that an instance has changed, or come, without a new table: finds it another seat
    /// if it needs one. `false` if the order must be made anew. The queue's lock is held.
    pub(crate) fn follow(&self, instance: &Arc<Instance<T>>) -> bool {
        let region = Some(&*instance.region);
        self.keeps_regions(&instance.live, region) && self.seat_late(instance)
    }

    /// Takes note that an instance has left, as [`Table::follow`].
    pub(crate) fn follow_leave(&self, live: &Arc<Live>) -> bool {
        self.seats.index.is_some() && self.keeps_regions(live, None)
    }

    /// Takes note that an instance's round trip has changed, as [`Table::follow`].
    pub(crate) fn follow_rtt(&self, instance: &Arc<Instance<T>>) -> bool {
        match self.policy.spread {
            Spread::Class => self.follow(instance),
            Spread::Strict => {
                let region = Some(&*instance.region);
                self.keeps_regions(&instance.live, region) && self.keeps_place(&instance.live)
            }
        }
    }

    fn keeps_regions(&self, live: &Arc<Live>, now_in: Option<&str>) -> bool {
        let members = || self.sitting().map(|(_, instance)| instance);
        self.regions.lock().follow(self.policy.spread, live, now_in, members)
    }

    /// In strict order: whether an instance has not come past another one.
    fn keeps_place(&self, live: &Arc<Live>) -> bool {
        let Some(seat) = self.seats.seat_of(live) else { return false };
        let number = self.seats.tier_of(seat);
        let tiers = &self.seats.tiers;
        let Some(tier) = tiers.get(number).filter(|tier| tier.places() == 1) else { return false };
        let beside = |number: Option<usize>| {
            let other = number.and_then(|n| tiers.get(n)).filter(|o| o.group == tier.group)?;
            Some(self.seats.slot(other.start as usize)?.live.rtt_key())
        };
        let own = live.rtt_key();
        beside(number.checked_sub(1)).is_none_or(|closer| closer < own)
            && beside(Some(number + 1)).is_none_or(|further| own < further)
    }

    /// Seats an instance according to its class. `false` if there is no free seat, or if closeness
    /// is not by classes.
    fn seat_late(&self, instance: &Arc<Instance<T>>) -> bool {
        let Some(group) = self.regions.lock().group(&instance.region) else { return false };
        if self.seats.index.is_none() || !has_late_seats(&self.seats.tiers) {
            return false;
        }
        let live = &instance.live;
        let number = group as usize * CLASSES + usize::from(live.class().rank());
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

/// Round-trip classes, the unknown one among them.
const CLASSES: usize = RttClass::UNKNOWN.rank() as usize + 1;

/// Whether seats are kept for who comes later. Then each class of each group has a tier, and an
/// instance can change its tier by itself.
fn has_late_seats(tiers: &[Tier]) -> bool {
    tiers.iter().any(|tier| tier.late < tier.late_end)
}

fn tiers(
    policy: &Policy,
    distances: impl DoubleEndedIterator<Item = Distance> + ExactSizeIterator + Clone,
) -> Box<[Tier]> {
    let groups = distances.clone().next_back().map_or(0, |(group, _)| group as usize + 1);
    let late = distances.len() > SCAN_MOST && groups <= MOST_GROUPS;
    match policy.spread {
        Spread::Class if late => tiers_by_class(groups, distances),
        _ => tiers_as_taken(distances),
    }
}

/// A tier for each distance that occurs, without seats for others.
fn tiers_as_taken(distances: impl Iterator<Item = Distance>) -> Box<[Tier]> {
    let mut tiers: Vec<(Distance, Tier)> = Vec::new();
    for (seat, distance) in (0..).zip(distances) {
        match tiers.last_mut() {
            Some((last, tier)) if *last == distance => tier.end = seat + 1,
            _ => {
                let group = distance.0;
                let tier = Tier { start: seat, end: seat + 1, late: 0, late_end: 0, group };
                tiers.push((distance, tier));
            }
        }
    }
    tiers.into_iter().map(|(_, tier)| tier).collect()
}

/// A tier for each class of each group, with seats for who comes later.
fn tiers_by_class(
    groups: usize,
    distances: impl ExactSizeIterator<Item = Distance>,
) -> Box<[Tier]> {
    let all = distances.len() as u32;
    let mut taken = vec![0_u32; groups * CLASSES];
    for (group, class) in distances {
        taken[group as usize * CLASSES + class as usize] += 1;
    }
    let share = (LATE_LEAST + all / LATE_OF_ALL).div_ceil(groups as u32);
    let (mut start, mut late) = (0, all);
    let tier = |(number, taken): (usize, u32)| {
        let end = start + taken;
        let late_end = late + share + taken / LATE_OF_OWN;
        let tier = Tier { start, end, late, late_end, group: (number / CLASSES) as u32 };
        (start, late) = (end, late_end);
        tier
    };
    taken.into_iter().enumerate().map(tier).collect()
}
