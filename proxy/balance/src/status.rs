//! What there is to see of a service: for the status page, metrics and plugins.
//!
//! A view of one moment; must not change anything.

use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::health::Health;
use crate::instance::{Instance, Label};
use crate::policy::{Band, Limits};
use crate::rtt::RttClass;

/// One instance at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStatus {
    /// Unique within the service.
    pub id: Arc<str>,
    /// As it was written.
    pub address: Arc<str>,
    /// The region it runs in.
    pub region: Arc<str>,
    /// The operator's own labels.
    pub labels: Box<[Label]>,
    /// How full it is, whether or not it may get traffic.
    pub band: Band,
    /// Permits held.
    pub in_flight: u32,
    /// What it is ranked by: `in_flight`, and more while it starts slowly or has failed.
    pub load: u32,
    /// From which `in_flight` it is busy at the latest; less than the policy's in a slow start.
    pub soft_limit: u32,
    /// From which `in_flight` it is full; `None`: never.
    pub hard_limit: Option<u32>,
    /// Its round trip, if known.
    pub rtt: Option<Duration>,
    /// The class that the round trip is in, after hysteresis.
    pub class: RttClass,
    /// As the health checks found it.
    pub healthy: bool,
    /// Gets nothing new until then, because its requests failed.
    pub ejected_until: Option<Duration>,
    /// Gets nothing new, by the operator's wish.
    pub draining: bool,
}

/// The queue at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatus {
    /// Requests that wait.
    pub waiting: usize,
    /// Requests that may wait.
    pub places: usize,
    /// How long the oldest line has not been empty; zero if nobody waits.
    pub age: Duration,
    /// Whether newcomers of that line are refused at once.
    pub shedding: bool,
    /// What a client that is turned away now should be told.
    pub retry_after: Duration,
}

impl InstanceStatus {
    fn of<T>(
        instance: &Instance<T>,
        limits: Limits,
        hard_limit: Option<u32>,
        health: &Health,
    ) -> Self {
        let live = &instance.live;
        let (in_flight, handicap) = (live.in_flight(), live.handicap());
        let load = limits.load(u64::from(in_flight), handicap);
        Self {
            id: instance.id.clone(),
            address: instance.address.clone(),
            region: instance.region.clone(),
            labels: instance.labels.clone(),
            band: limits.band(load),
            load: u32::try_from(load).unwrap_or(in_flight),
            in_flight,
            soft_limit: limits.soft_of(handicap) as u32,
            hard_limit,
            rtt: live.rtt(),
            class: live.class(),
            healthy: live.healthy(),
            ejected_until: health.ejected_until(live),
            draining: live.draining(),
        }
    }
}

impl<T> Core<T> {
    pub(crate) fn instances(&self) -> Vec<InstanceStatus> {
        let table = self.table.load();
        let (limits, hard_limit) = (table.seats.limits, table.policy.hard_limit);
        let health = self.health.lock();
        let mut sitting: Vec<_> = table.sitting().collect();
        sitting.sort_by_key(|(seat, _)| table.seats.tier_of(*seat));
        let status = |i: &Arc<Instance<T>>| InstanceStatus::of(i, limits, hard_limit, &health);
        sitting.into_iter().map(|(_, instance)| status(instance)).collect()
    }

    pub(crate) fn queue_status(&self, now: Duration) -> QueueStatus {
        let queue = self.queue.lock();
        let table = self.table.load();
        let oldest = queue.lines().map(|(_, line)| line).max_by_key(|line| line.age(now));
        let age = oldest.map_or(Duration::ZERO, |line| line.age(now));
        QueueStatus {
            waiting: queue.waiting(),
            places: table.policy.places(table.size()),
            age,
            shedding: oldest.is_some() && age >= table.policy.shed_after,
            retry_after: oldest
                .map_or(crate::queue::RETRY_AFTER_UNKNOWN, |line| line.retry_after(now)),
        }
    }
}
