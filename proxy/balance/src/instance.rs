//! One instance of a service: what was written about it, and where it stands.
//!
//! Must not know the other instances, the queue's order or how one is chosen.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::live::Live;
use crate::rtt::RttClass;

/// A name and a value, such as `version` and `stable`.
pub type Label = (Arc<str>, Arc<str>);

/// An instance as the operator describes it. `T` is the caller's own (a peer, a pool): the
/// balancer carries it and never looks inside.
#[derive(Debug, Clone)]
pub struct InstanceSpec<T = ()> {
    /// Unique within the service.
    pub id: String,
    /// Where it is, opaque to the balancer. An instance of the same id elsewhere is another one.
    pub address: String,
    /// The region it runs in.
    pub region: String,
    /// The operator's own labels; `id` and `region` are labels by themselves.
    pub labels: Vec<(String, String)>,
    /// Fixes the round trip; measurements are then ignored.
    pub rtt: Option<Duration>,
    /// The caller's own.
    pub payload: T,
}

/// An instance as it was written once. Described anew, it is another one of these with the same
/// live word.
pub struct Instance<T> {
    pub(crate) live: Arc<Live>,
    pub(crate) core: Arc<Core<T>>,
    pub(crate) id: Arc<str>,
    pub(crate) address: Arc<str>,
    pub(crate) region: Arc<str>,
    pub(crate) labels: Box<[Label]>,
    payload: T,
}

impl<T> Instance<T> {
    /// `region` is the spec's, shared with the others there.
    pub(crate) fn new(
        spec: InstanceSpec<T>,
        region: Arc<str>,
        live: Arc<Live>,
        core: Arc<Core<T>>,
    ) -> Self {
        let labels = spec.labels.into_iter().map(|(key, value)| (key.into(), value.into()));
        Self {
            live,
            core,
            id: spec.id.into(),
            address: spec.address.into(),
            region,
            labels: labels.collect(),
            payload: spec.payload,
        }
    }

    /// Unique within the service.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where it is, as it was written.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The region it runs in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The operator's own labels.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// What the caller stored with it.
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// Permits held at this moment, on all threads.
    pub fn in_flight(&self) -> u32 {
        self.live.in_flight()
    }

    /// Its round trip, if one is fixed or was measured.
    pub fn rtt(&self) -> Option<Duration> {
        self.live.rtt()
    }

    /// The class of its round trip, after hysteresis.
    pub fn class(&self) -> RttClass {
        self.live.class()
    }

    /// A request succeeded here: it connected and got an answer that is no 5xx. Costs one look
    /// at the instance unless failures of it are remembered.
    pub fn succeeded(&self) {
        if self.live.failing() {
            self.core.succeeded(&self.live);
        }
    }

    /// A request failed here: no connection, a reset, a 5xx. It counts as load for a while, and
    /// enough in a row eject the instance: see [`Ejection`](crate::Ejection). Reset streams and
    /// clients that leave are not the instance's failures.
    pub fn failed(&self, now: Duration) {
        self.core.failed(&self.live, now);
    }

    /// Whether it bears this label; `id` and `region` count as labels and cannot be overridden.
    pub fn bears(&self, key: &str, value: &str) -> bool {
        match key {
            "id" => *self.id == *value,
            "region" => *self.region == *value,
            _ => self.labels.iter().any(|(k, v)| **k == *key && **v == *value),
        }
    }
}

impl<T> fmt::Debug for Instance<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}
