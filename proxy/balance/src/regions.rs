//! Which region is closer, for services whose regions come before classes.
//!
//! A region is as close as its closest instance. One instance's change leaves the order of regions
//! as it is, most often, and that is found out without a look at the others. Must not know seats,
//! load or the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::instance::Instance;
use crate::live::Live;
use crate::policy::{Policy, Scope, Spread};

/// How far an instance is: what the policy compares first, and its round trip.
type Distance = (u32, u32);

/// By name. None at all where regions do not matter.
#[derive(Default)]
pub(crate) struct Regions(Vec<Region>);

struct Region {
    name: Arc<str>,
    /// Its place in the order of regions; shared by those that are exactly equally close, so that
    /// names do not matter.
    group: u32,
    /// `None` once nobody is left there.
    closest: Option<Closest>,
}

/// The closest instance of a region, and how far it was when it became that.
struct Closest {
    live: Arc<Live>,
    distance: Distance,
}

impl Regions {
    pub(crate) fn new<T>(policy: &Policy, members: &[Arc<Instance<T>>]) -> Self {
        if policy.scope == Scope::Global {
            return Self::default();
        }
        let mut closest: BTreeMap<&Arc<str>, Closest> = BTreeMap::new();
        for instance in members {
            let own = Closest::now(policy.spread, &instance.live);
            match closest.get_mut(&instance.region) {
                Some(known) if known.distance <= own.distance => {}
                Some(known) => *known = own,
                None => {
                    closest.insert(&instance.region, own);
                }
            }
        }
        let mut distances: Vec<Distance> = closest.values().map(|c| c.distance).collect();
        distances.sort_unstable();
        distances.dedup();
        let region = |(name, closest): (&Arc<str>, Closest)| Region {
            name: name.clone(),
            group: distances.binary_search(&closest.distance).unwrap_or(0) as u32,
            closest: Some(closest),
        };
        Self(closest.into_iter().map(region).collect())
    }

    /// The group of a region; `None` if it was not there when the order was made.
    pub(crate) fn group(&self, name: &str) -> Option<u32> {
        if self.0.is_empty() {
            return Some(0);
        }
        let place = self.0.binary_search_by(|region| (*region.name).cmp(name)).ok()?;
        self.0.get(place).map(|region| region.group)
    }

    /// Takes note that an instance has changed and is in this region now, or gone. `false` if the
    /// order has to be made anew. `members` are all; they are looked at only if it was the closest
    /// of its region, and is no longer.
    pub(crate) fn follow<'a, T: 'a, M>(
        &mut self,
        spread: Spread,
        live: &Arc<Live>,
        now_in: Option<&str>,
        members: impl Fn() -> M,
    ) -> bool
    where
        M: Iterator<Item = &'a Arc<Instance<T>>>,
    {
        for region in &mut self.0 {
            let here = now_in.is_some_and(|name| *name == *region.name);
            let own = here.then(|| Closest::now(spread, live));
            let known = region.closest.as_ref();
            let was_closest = known.is_some_and(|known| Arc::ptr_eq(&known.live, live));
            let least = known.map(|known| known.distance);
            match own {
                // Of equals, the first remains: they come and go without a look at the others.
                Some(own) if least.is_none_or(|least| own.distance < least) => {
                    region.closest = Some(own);
                }
                Some(own) if was_closest && least == Some(own.distance) => {}
                own if was_closest => {
                    let others = members()
                        .filter(|i| *i.region == *region.name && !Arc::ptr_eq(&i.live, live))
                        .map(|instance| Closest::now(spread, &instance.live));
                    region.closest = others.chain(own).min_by_key(|closest| closest.distance);
                }
                _ => {}
            }
        }
        now_in.is_none_or(|name| self.group(name).is_some()) && self.is_in_order()
    }

    /// Whether the groups are in the order of the distances.
    fn is_in_order(&self) -> bool {
        let inhabited = self.0.iter().filter_map(|r| Some((r.group, r.closest.as_ref()?.distance)));
        let mut order: Vec<(u32, Distance)> = inhabited.collect();
        order.sort_unstable();
        order.windows(2).all(|pair| {
            let [one, next] = pair else { return true };
            one.0.cmp(&next.0) == one.1.cmp(&next.1)
        })
    }
}

impl Closest {
    fn now(spread: Spread, live: &Arc<Live>) -> Self {
        let first = match spread {
            Spread::Class => u32::from(live.class().rank()),
            Spread::Strict => live.rtt_key(),
        };
        Self { live: live.clone(), distance: (first, live.rtt_key()) }
    }
}
