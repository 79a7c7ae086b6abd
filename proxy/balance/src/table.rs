//! The picture of one service that a pick looks at: instances in the order of closeness.
//!
//! Immutable but for the live words behind the seats and the hints about them; replaced as a whole
//! when the order or the policy changes. Must not know the queue.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::core::Core;
use crate::instance::{Instance, Spec};
use crate::labels::Labels;
use crate::live::Live;
use crate::policy::{Policy, Scope, Spread};
use crate::seats::{Seats, Tier};

pub(crate) struct Table<T> {
    pub(crate) policy: Policy,
    pub(crate) seats: Arc<Seats>,
    pub(crate) instances: Box<[Arc<Instance<T>>]>,
    pub(crate) labels: Labels,
    /// Seats that may get traffic; changed under the queue's lock only.
    available: AtomicUsize,
}

/// What is known of an instance before it has a seat.
pub(crate) type Member<T> = (Arc<Spec<T>>, Arc<Live>);

/// How far a seat is: its group first, then its class or round trip.
type Distance = (u32, u32);

impl<T> Table<T> {
    /// Seats `members` by closeness; equally close ones keep their order. Does not yet tell the
    /// live words their seats.
    pub(crate) fn new(policy: Policy, members: Vec<Member<T>>, core: &Arc<Core<T>>) -> Self {
        let groups = groups(&policy, &members);
        let distance = |(spec, live): &Member<T>| -> Distance {
            let group = groups.get(&*spec.region).copied().unwrap_or(0);
            (group, key(policy.spread, live))
        };
        let mut order: Vec<(Distance, &Member<T>)> =
            members.iter().map(|member| (distance(member), member)).collect();
        order.sort_by_key(|(distance, _)| *distance);
        let tiers = tiers(order.iter().map(|(distance, _)| *distance));
        let lives = order.iter().map(|(_, (_, live))| live.clone()).collect();
        let seats = Arc::new(Seats::new(policy.limits(), lives, tiers));
        let instance = |(seat, (_, (spec, live))): (usize, &(Distance, &Member<T>))| Instance {
            spec: spec.clone(),
            live: live.clone(),
            core: core.clone(),
            seats: seats.clone(),
            seat: seat as u32,
        };
        let instances = order.iter().enumerate().map(instance).map(Arc::new).collect();
        Self::seated(policy, seats, instances)
    }

    /// A table without instances, which needs no core.
    pub(crate) fn empty(policy: Policy) -> Self {
        let seats = Arc::new(Seats::new(policy.limits(), Box::default(), Box::default()));
        Self::seated(policy, seats, Box::default())
    }

    fn seated(policy: Policy, seats: Arc<Seats>, instances: Box<[Arc<Instance<T>>]>) -> Self {
        let labels = Labels::new(&instances);
        Self { policy, seats, instances, labels, available: AtomicUsize::new(0) }
    }

    /// The members, to be seated anew.
    pub(crate) fn members(&self) -> Vec<Member<T>> {
        self.instances.iter().map(|i| (i.spec.clone(), i.live.clone())).collect()
    }

    /// The seat of an id.
    pub(crate) fn seat(&self, id: &str) -> Option<usize> {
        let id_of = |seat: u32| self.instances.get(seat as usize).map_or("", |i| i.id());
        self.labels.seat(id, id_of).map(|seat| seat as usize)
    }

    pub(crate) fn available(&self) -> usize {
        self.available.load(Relaxed)
    }

    /// Looks who may get traffic. The queue's lock is held.
    pub(crate) fn count_available(&self) {
        let count = self.seats.lives.iter().filter(|live| live.available()).count();
        self.available.store(count, Relaxed);
    }

    /// How many instances may be ejected at a time.
    pub(crate) fn most_ejected(&self) -> usize {
        match self.instances.len() {
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
fn groups<'a, T>(policy: &Policy, members: &'a [Member<T>]) -> BTreeMap<&'a str, u32> {
    let mut closest: BTreeMap<&str, Reverse<(u32, u32)>> = BTreeMap::new();
    if policy.scope == Scope::Global {
        return BTreeMap::new();
    }
    for (spec, live) in members {
        let own = Reverse((key(policy.spread, live), live.rtt_key()));
        let region = closest.entry(&spec.region).or_insert(own);
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
