//! The picture of one service that a pick looks at: seats in the order of closeness.
//!
//! Immutable but for the live words behind the seats and the hints about them; replaced as a whole when the order or the
//! policy changes. Must not know the queue.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::index::{Index, Mark};
use crate::instance::{Instance, Live};
use crate::labels::Labels;
use crate::policy::{Limits, Policy, Scope, Spread};

/// Up to this many seats, looking at each is as fast as an index.
pub(crate) const SCAN_MOST: usize = 64;

/// An instance at its place in the order.
pub(crate) struct Seat<T> {
    /// The same as the instance's own, one step nearer for the scan.
    pub(crate) live: Arc<Live>,
    pub(crate) instance: Arc<Instance<T>>,
    /// Its place in the index, if the table has one.
    pub(crate) mark: Mark,
}

impl<T> Seat<T> {
    fn new(instance: Arc<Instance<T>>) -> Self {
        Self { live: instance.live.clone(), instance, mark: Mark::new() }
    }
}

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

pub(crate) struct Table<T> {
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) seats: Box<[Seat<T>]>,
    pub(crate) tiers: Box<[Tier]>,
    pub(crate) labels: Labels,
    index: Option<Index>,
    /// Seats that may get traffic; changed under the queue's lock only.
    available: AtomicUsize,
}

/// How far a seat is: its group first, then its class or round trip.
type Distance = (u32, u32);

impl<T> Table<T> {
    /// Seats `instances` by closeness; equally close ones keep their order. Does not yet tell the
    /// instances their seats.
    pub(crate) fn new(policy: Policy, instances: Vec<Arc<Instance<T>>>) -> Self {
        let groups = groups(&policy, &instances);
        let distance = |instance: &Instance<T>| -> Distance {
            let group = groups.get(&*instance.region).copied().unwrap_or(0);
            (group, key(policy.spread, &instance.live))
        };
        let mut order: Vec<(Distance, Arc<Instance<T>>)> =
            instances.iter().map(|instance| (distance(instance), instance.clone())).collect();
        order.sort_by_key(|(distance, _)| *distance);
        let tiers = tiers(order.iter().map(|(distance, _)| *distance));
        let labels = Labels::new(&order.iter().map(|(_, instance)| instance).collect::<Vec<_>>());
        let limits = policy.limits();
        let index = (order.len() > SCAN_MOST).then(|| Index::new(limits, &tiers));
        let seats = order.into_iter().map(|(_, instance)| Seat::new(instance)).collect();
        let available = AtomicUsize::new(0);
        let table = Self { limits, policy, seats, tiers, labels, index, available };
        table.settle_all();
        table.count_available();
        table
    }

    /// The index, if looking at each seat would take too long.
    pub(crate) fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// Brings the index up to date with one seat's word. `true` if the seat had been out of sight,
    /// and the caller must look for waiters.
    pub(crate) fn settle(&self, number: usize) -> bool {
        match (&self.index, self.seats.get(number)) {
            (Some(index), Some(seat)) => index.settle(seat, number, &self.tiers),
            _ => false,
        }
    }

    /// The same for all seats.
    pub(crate) fn settle_all(&self) {
        if self.index.is_some() {
            for number in 0..self.seats.len() {
                self.settle(number);
            }
        }
    }

    pub(crate) fn available(&self) -> usize {
        self.available.load(Relaxed)
    }

    /// Counts the seats that may get traffic anew.
    pub(crate) fn count_available(&self) {
        let available = self.seats.iter().filter(|seat| seat.live.available()).count();
        self.available.store(available, Relaxed);
    }

    /// Notes that one seat's availability changed.
    pub(crate) fn adjust_available(&self, before: bool, after: bool) {
        let count = self.available() + usize::from(after) - usize::from(before);
        self.available.store(count, Relaxed);
    }

    /// The seat of an id.
    pub(crate) fn seat(&self, id: &str) -> Option<usize> {
        let id_of = |seat: u32| self.seats.get(seat as usize).map_or("", |s| &*s.instance.id);
        self.labels.seat(id, id_of).map(|seat| seat as usize)
    }

    /// Where `live` sits in this table, if it does.
    pub(crate) fn seat_of(&self, live: &Arc<Live>) -> Option<usize> {
        let seat = live.seat();
        self.seats.get(seat).filter(|s| Arc::ptr_eq(&s.live, live)).map(|_| seat)
    }

    /// All seats as bits, for tables of at most 64.
    pub(crate) fn mask(&self) -> u64 {
        u64::MAX.checked_shr(64 - self.seats.len() as u32).unwrap_or(0)
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
fn groups<'a, T>(policy: &Policy, instances: &'a [Arc<Instance<T>>]) -> BTreeMap<&'a str, u32> {
    let mut closest: BTreeMap<&str, Reverse<(u32, u32)>> = BTreeMap::new();
    if policy.scope == Scope::Global {
        return BTreeMap::new();
    }
    for instance in instances {
        let own = Reverse((key(policy.spread, &instance.live), instance.live.rtt_key()));
        let region = closest.entry(&instance.region).or_insert(own);
        *region = own.max(*region);
    }
    let mut distances: Vec<(u32, u32)> = closest.values().map(|Reverse(d)| *d).collect();
    distances.sort_unstable();
    distances.dedup();
    let group = |d: &(u32, u32)| distances.binary_search(d).unwrap_or(0) as u32;
    closest.iter().map(|(region, Reverse(d))| (*region, group(d))).collect()
}

fn tiers(distances: impl Iterator<Item = Distance>) -> Box<[Tier]> {
    let mut tiers: Vec<(Distance, Tier)> = Vec::new();
    for (seat, distance) in distances.enumerate() {
        let seat = seat as u32;
        match tiers.last_mut() {
            Some((last, tier)) if *last == distance => tier.end = seat + 1,
            _ => tiers.push((distance, Tier { start: seat, end: seat + 1, group: distance.0 })),
        }
    }
    tiers.into_iter().map(|(_, tier)| tier).collect()
}
