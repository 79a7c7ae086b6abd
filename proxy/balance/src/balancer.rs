//! The balancer of one service: what the proxy holds and asks.
//!
//! Must not know sockets, clocks or where configuration comes from.

use crate::sync::atomic::Ordering::Relaxed;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::core::{Core, Wakers, nanos, wake};
use crate::departed::Identity;
use crate::explain::Explanation;
use crate::instance::{Instance, InstanceSpec};
use crate::live::Live;
use crate::permit::Permit;
use crate::policy::{Policy, Spread};
use crate::queue::Queue;
use crate::rtt::CLASS_HOLD;
use crate::status::{InstanceStatus, QueueStatus};
use crate::table::Table;
use crate::waiter::Waiter;
use crate::wanted::Wanted;

#[cfg(test)]
mod tests;

/// Instances of one service, at most: their numbers are kept in 32 bits.
const MOST_INSTANCES: usize = i32::MAX as usize;

/// One service's balancer. It lives across changes of configuration and is shared by all threads;
/// permits and waiters may outlive it.
pub struct Balancer<T = ()> {
    core: Arc<Core<T>>,
}

/// The answer to [`Balancer::pick`].
#[derive(Debug)]
pub enum Picked<T> {
    /// Go.
    Permit(Permit<T>),
    /// Everything eligible is full: wait for this, as long as you like.
    Wait(Waiter<T>),
    /// Neither.
    Refused(Refusal),
}

/// Why a request gets neither an instance nor a place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No instance is healthy, not draining, and what the request requires.
    #[error("no instance is eligible")]
    NoInstance,
    /// As many wait as may wait.
    #[error("the queue is full")]
    QueueFull {
        /// When it may be worth another try, by the pace of the queue; at least a second.
        retry_after: Duration,
    },
    /// The queue has not been empty for longer than `shed_after`.
    #[error("the service has been overloaded for too long")]
    Overloaded {
        /// When it may be worth another try, by the pace of the queue; at least a second.
        retry_after: Duration,
    },
}

impl Refusal {
    /// The reason's name in logs and metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoInstance => "no_instance",
            Self::QueueFull { .. } => "queue_full",
            Self::Overloaded { .. } => "overloaded",
        }
    }
}

/// Why a list of instances is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Two instances of one service bear the same id.
    #[error("two instances have the id {0:?}")]
    DuplicateId(String),
    /// More than a service can have: 2^31.
    #[error("{0} instances are too many for one service")]
    TooMany(usize),
}

impl<T> Balancer<T> {
    /// A balancer with these instances. `seed` determines how equal choices fall when the queue
    /// hands permits over: the same seed and the same calls give the same answers.
    ///
    /// # Errors
    /// If two instances bear the same id.
    pub fn new(
        policy: Policy,
        instances: Vec<InstanceSpec<T>>,
        seed: u64,
    ) -> Result<Self, SpecError> {
        let balancer = Self { core: Arc::new(Core::new(Table::empty(policy.clone()), seed)) };
        balancer.reconfigure(policy, instances)?;
        Ok(balancer)
    }

    /// An instance for this request, or a place in the queue, or a refusal.
    ///
    /// `now` is any monotonic time, the same clock for every call.
    pub fn pick(&self, wanted: &Wanted<'_>, rng: &mut Rng, now: Duration) -> Picked<T> {
        self.core.pick(wanted, rng, now)
    }

    /// Takes another policy and other instances. An instance whose id and address stay the same
    /// keeps its count, health, draining and measured round trip; one that is gone gets nothing
    /// new and its permits drain. Who waits and now fits is served at once; who waits for
    /// something that no longer exists is told so.
    ///
    /// # Errors
    /// If two instances bear the same id. Nothing has changed then.
    pub fn reconfigure(
        &self,
        policy: Policy,
        instances: Vec<InstanceSpec<T>>,
    ) -> Result<(), SpecError> {
        check(&instances)?;
        // The old table goes when the lock is gone: the caller's payloads are dropped with it.
        let _old = self.change(|_| self.replace(policy, instances));
        Ok(())
    }

    /// Adds one instance, or replaces the one of the same id; as [`Balancer::reconfigure`] with a
    /// list that differs in this one, but the others are not touched.
    ///
    /// # Errors
    /// If there are too many. Nothing has changed then.
    pub fn put(&self, instance: InstanceSpec<T>) -> Result<(), SpecError> {
        let _old = self.change(|_| self.replace_one(instance))?;
        Ok(())
    }

    /// The table that was replaced, if there was no free seat in it.
    fn replace_one(&self, instance: InstanceSpec<T>) -> Result<Option<Arc<Table<T>>>, SpecError> {
        let table = self.core.table.load_full();
        if table.size() >= MOST_INSTANCES {
            return Err(SpecError::TooMany(table.size() + 1));
        }
        let identity: Identity = (instance.id.as_str().into(), instance.address.as_str().into());
        let before = table.seat(&instance.id).and_then(|seat| table.at(seat)).cloned();
        let (same, other) = match before {
            Some(before) if before.address == identity.1 => (Some(before), None),
            other => (None, other),
        };
        let stays = other.is_none_or(|other| self.depart(&table, &other));
        let available = same.as_ref().is_some_and(|same| same.live.available());
        let known = || self.core.departed.lock().take(&identity);
        let live = match &same {
            Some(same) => same.live.clone(),
            None => known().unwrap_or_else(|| self.newcomer(&table, &table.policy)),
        };
        live.restore();
        live.fix_rtt(instance.rtt);
        let region = table.labels.region(&instance.region);
        let instance = Arc::new(Instance::new(instance, region, live.clone(), self.core.clone()));
        if stays && table.follow(&instance) {
            table.adjust_size(usize::from(same.is_none()), 0);
            table.adjust_available(available, live.available());
            return Ok(None);
        }
        let mut members = table.members();
        members.retain(|member| !Arc::ptr_eq(&member.live, &live));
        members.push(instance);
        self.core.publish(Table::new(table.policy.clone(), members));
        Ok(Some(table))
    }

    /// Takes one instance out; it gets nothing new and its permits drain. `false` if there is no
    /// such instance.
    pub fn remove(&self, id: &str) -> bool {
        // What is replaced is dropped when the lock is gone.
        let removed = self.change(|_| {
            let table = self.core.table.load_full();
            let instance = table.seat(id).and_then(|seat| table.at(seat)).cloned()?;
            if !self.depart(&table, &instance) {
                let members = table.members();
                self.core.publish(Table::new(table.policy.clone(), members));
            }
            Some((table, instance))
        });
        removed.is_some()
    }

    /// An instance leaves the table that it sits in. `false` if a new table has to be made: a small
    /// one, or one whose regions are in another order without it.
    fn depart(&self, table: &Table<T>, instance: &Instance<T>) -> bool {
        let live = &instance.live;
        let (before, seat) = (live.available(), table.seats.seat_of(live));
        let identity = (instance.id.clone(), instance.address.clone());
        self.core.departed.lock().add(identity, live.clone());
        self.core.with_health(|health| health.forget(live));
        table.adjust_size(0, 1);
        table.adjust_available(before, live.available());
        if let Some(seat) = seat {
            table.seats.settle(seat);
        }
        table.follow_leave(live)
    }

    /// An instance that was not there before. It starts slowly if the policy says so, unless the
    /// service starts with it.
    fn newcomer(&self, old: &Table<T>, policy: &Policy) -> Arc<Live> {
        let live = Arc::new(Live::new());
        if old.size() > 0 {
            self.core.with_health(|health| health.warm_up(&live, policy));
        }
        live
    }

    fn replace(&self, policy: Policy, instances: Vec<InstanceSpec<T>>) -> Arc<Table<T>> {
        let old = self.core.table.load_full();
        let mut departed = self.core.departed.lock();
        let mut known = departed.known(&old);
        let mut members = Vec::with_capacity(instances.len());
        let mut regions: HashSet<Arc<str>> = HashSet::new();
        for spec in instances {
            let identity: Identity = (spec.id.as_str().into(), spec.address.as_str().into());
            let live = known.remove(&identity).unwrap_or_else(|| self.newcomer(&old, &policy));
            live.restore();
            live.fix_rtt(spec.rtt);
            let region = match regions.get(spec.region.as_str()) {
                Some(known) => known.clone(),
                None => spec.region.as_str().into(),
            };
            regions.insert(region.clone());
            members.push(Arc::new(Instance::new(spec, region, live, self.core.clone())));
        }
        departed.keep(known);
        self.core.publish(Table::new(policy, members));
        old
    }

    /// Sets what the active checks found, whatever the requests' own failures say. One that
    /// recovers starts slowly if the policy says so. `false` if there is no such instance.
    pub fn set_healthy(&self, id: &str, healthy: bool) -> bool {
        self.set(id, |live, policy| {
            if healthy && !live.healthy() {
                self.core.with_health(|health| health.warm_up(live, policy));
            }
            live.set_healthy(healthy);
        })
    }

    /// Sets the operator's wish that an instance get nothing new. `false` if there is no such
    /// instance.
    pub fn set_draining(&self, id: &str, draining: bool) -> bool {
        self.set(id, |live, _| live.set_draining(draining))
    }

    /// Takes measured round trips, `None` for a failed one. By class, an instance of a large
    /// service finds its new place by itself, and in strict order it keeps it unless it has come
    /// past another one. Otherwise, and where regions come first and change their order, all of it
    /// is made anew, which costs the same for one as for many. Instances that are unknown or whose
    /// round trip is fixed are passed over.
    pub fn measured<'a>(
        &self,
        rtts: impl IntoIterator<Item = (&'a str, Option<Duration>)>,
        now: Duration,
    ) {
        let _old = self.change(|_| {
            let table = self.core.table.load_full();
            let mut stale = false;
            for (id, rtt) in rtts {
                let Some(instance) = table.seat(id).and_then(|seat| table.at(seat)) else {
                    continue;
                };
                let live = &instance.live;
                let before = (live.class(), live.rtt_key());
                live.measure(rtt, now, CLASS_HOLD);
                let moved = match table.policy.spread {
                    Spread::Class => before.0 != live.class(),
                    Spread::Strict => before.1 != live.rtt_key(),
                };
                stale |= moved && !table.follow_rtt(instance);
            }
            if stale {
                let policy = table.policy.clone();
                self.core.publish(Table::new(policy, table.members()));
            }
            table
        });
    }

    /// Does what is due: ejections end, failures are forgotten, slow starts go on, and who waited
    /// for that is served. Each pick does so, too; waiters alone do not.
    pub fn advance(&self, now: Duration) {
        if nanos(now) >= self.core.due.load(Relaxed) {
            self.core.advance(now);
        }
    }

    /// When [`Balancer::advance`] should be called next; `None`: not before something happens.
    /// Costs one look at a number.
    pub fn next_advance(&self) -> Option<Duration> {
        let due = self.core.due.load(Relaxed);
        (due != u64::MAX).then(|| Duration::from_nanos(due))
    }

    /// What would happen to such a request, and why: at most `limit` instances in the order of
    /// preference. Changes nothing. Looks at every instance, and holds up who waits meanwhile.
    pub fn explain(&self, wanted: &Wanted<'_>, now: Duration, limit: usize) -> Explanation {
        self.core.explain(wanted, now, limit)
    }

    /// The instances, closest first.
    pub fn instances(&self) -> Vec<InstanceStatus> {
        self.core.instances()
    }

    /// The queue. `now` as for [`Balancer::pick`].
    pub fn queue(&self, now: Duration) -> QueueStatus {
        self.core.queue_status(now)
    }

    fn set(&self, id: &str, set: impl FnOnce(&Arc<Live>, &Policy)) -> bool {
        self.change(|_| {
            let table = self.core.table.load();
            let Some(seat) = table.seat(id) else { return false };
            let Some(live) = table.at(seat).map(|instance| &instance.live) else { return false };
            let before = live.available();
            set(live, &table.policy);
            table.adjust_available(before, live.available());
            table.seats.settle(seat);
            true
        })
    }

    /// Changes something under the lock and gives those who wait what follows from it.
    fn change<R>(&self, change: impl FnOnce(&mut Queue<T>) -> R) -> R {
        let mut wakers = Wakers::new();
        let mut queue = self.core.queue.lock();
        let changed = change(&mut queue);
        let table = self.core.table.load();
        self.core.pardon_if_alone(&table);
        self.core.serve(&mut queue, &table, &mut wakers);
        self.core.end_hopeless(&mut queue, &table, &mut wakers);
        drop(queue);
        wake(wakers);
        changed
    }
}

fn check<T>(instances: &[InstanceSpec<T>]) -> Result<(), SpecError> {
    if instances.len() > MOST_INSTANCES {
        return Err(SpecError::TooMany(instances.len()));
    }
    let mut ids = HashSet::with_capacity(instances.len());
    match instances.iter().find(|spec| !ids.insert(spec.id.as_str())) {
        Some(twice) => Err(SpecError::DuplicateId(twice.id.clone())),
        None => Ok(()),
    }
}

impl<T> Drop for Balancer<T> {
    /// Instances hold the core and the core's table holds the instances; an empty table ends the
    /// circle, and the wait of those who wait.
    fn drop(&mut self) {
        let policy = self.core.table.load().policy.clone();
        let _old = self.change(|_| self.replace(policy, Vec::new()));
    }
}

impl<T> fmt::Debug for Balancer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("instances", &self.instances()).finish_non_exhaustive()
    }
}
