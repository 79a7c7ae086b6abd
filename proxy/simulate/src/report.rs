//! What a simulation found: numbers for machines, for the table and for the plot.
//!
//! Times are in seconds, shares from 0 to 1. Must not know how they are shown.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::policy::{Others, PolicyKind};

/// All policies in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The scenario's.
    pub title: String,
    /// What chance began with.
    pub seed: u64,
    /// What the policies beside Hither had.
    pub others: Others,
    /// How many edges there were.
    pub edges: usize,
    /// How many instances there were.
    pub instances: usize,
    /// The names of the regions, in the order of every list of regions.
    pub regions: Vec<String>,
    /// In which requests arrived.
    pub arrivals_seconds: f64,
    /// Hither's soft limit.
    pub soft_limit: u32,
    /// Hither's hard limit; `None`: there is none.
    pub hard_limit: Option<u32>,
    /// In which an instance has to answer.
    pub first_byte_timeout_seconds: f64,
    /// After which clients leave; `None`: they stay.
    pub client_timeout_seconds: Option<f64>,
    /// One for each policy.
    pub policies: Vec<PolicyReport>,
}

/// One policy in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyReport {
    /// Which one.
    pub policy: PolicyKind,
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that were answered by an instance.
    pub served: u64,
    /// Their share of all.
    pub success: f64,
    /// Of those that were served: from arrival at the edge to the answer there.
    pub latency_seconds: Percentiles,
    /// Of those that were served: from arrival until an instance worked on it, but for the way
    /// there. In the edge's queue, inside an instance, or lost in tries that failed.
    pub wait_seconds: Percentiles,
    /// The share of those that were served by an instance of the closest class that the edge has.
    pub closest_share: Option<f64>,
    /// 503s of the edge itself, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// 502s and 504s, by reason.
    pub failed: BTreeMap<&'static str, u64>,
    /// Clients that left before their answer.
    pub client_left: u64,
    /// The most that one edge had in flight on one instance: what its hard limit bounds.
    pub peak_in_flight: u32,
    /// The most that waited at one moment, in queues and inside instances.
    pub peak_waiting: u32,
    /// In the order of the scenario.
    pub instances: Vec<InstanceReport>,
    /// At the counts that the scenario asked for.
    pub looks: Vec<Look>,
    /// Over time.
    pub timeline: Timeline,
}

/// One instance under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceReport {
    /// Its name.
    pub id: String,
    /// Requests that it answered in time.
    pub served: u64,
    /// The most that all edges together had in flight on it.
    pub peak_in_flight: u32,
}

/// Half, 95 and 99 of a hundred are at most this; and the largest.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 95 of a hundred are at most this.
    pub p95: f64,
    /// 99 of a hundred are at most this.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// Who has how many, after some requests have arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Look {
    /// Requests that have arrived.
    pub requests: u32,
    /// In flight, by region.
    pub in_flight: Vec<u32>,
    /// Waiting.
    pub waiting: u32,
}

/// How things were, sampled.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Timeline {
    /// When.
    pub seconds: Vec<f64>,
    /// In flight, by region, for each time.
    pub in_flight: Vec<Vec<u32>>,
    /// Waiting, for each time.
    pub waiting: Vec<u32>,
}

impl Percentiles {
    /// By the nearest rank: each value is one that occurred.
    pub(crate) fn of(values: &mut [Duration]) -> Self {
        values.sort_unstable();
        let rank = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            values.get(rank.saturating_sub(1)).map_or(0.0, Duration::as_secs_f64)
        };
        Self { p50: rank(0.50), p95: rank(0.95), p99: rank(0.99), max: rank(1.0) }
    }
}

impl PolicyReport {
    /// The fewest and the most requests that one instance answered.
    #[must_use]
    pub fn spread(&self) -> (u64, u64) {
        let served = self.instances.iter().map(|instance| instance.served);
        (served.clone().min().unwrap_or(0), served.max().unwrap_or(0))
    }

    /// What went wrong, by the names of the proxy's faults, the most frequent first.
    #[must_use]
    pub fn faults(&self) -> Vec<(&'static str, u64)> {
        let mut faults: Vec<_> =
            self.refused.iter().chain(&self.failed).map(|(name, count)| (*name, *count)).collect();
        if self.client_left > 0 {
            faults.push(("client_left", self.client_left));
        }
        faults.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        faults
    }
}

impl Timeline {
    pub(crate) fn take(&mut self, now: Duration, regions: &[u32], waiting: u32) {
        self.seconds.push(now.as_secs_f64());
        self.in_flight.push(regions.to_vec());
        self.waiting.push(waiting);
    }

    /// Drops every other sample.
    pub(crate) fn thin_out(&mut self) {
        fn halve<T>(list: &mut Vec<T>) {
            let mut keep = false;
            list.retain(|_| {
                keep = !keep;
                keep
            });
        }
        halve(&mut self.seconds);
        halve(&mut self.in_flight);
        halve(&mut self.waiting);
    }
}

impl Serialize for PolicyKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for Others {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
