//! The picture of the world that a request sees: immutable, built off the request path, swapped as
//! a whole. What must outlive a swap (counters, queues, pools) it refers to, and carries over.

mod build;
mod clock;
mod code;
mod diff;
mod limiters;
mod limits;
mod look;
mod materials;
mod trace;

pub(crate) use crate::upstream::Endpoint;
pub(crate) use build::Builder;
pub(crate) use clock::{Clock, unix_time};
pub(crate) use code::{Fetched, image};
pub(crate) use diff::diff;
pub(crate) use limiters::{Limiters, Way};
pub(crate) use limits::{Limits, Refused, Standing, key_seed};
pub(crate) use look::{Look, Looks};
pub(crate) use materials::{
    MAX_PLUGIN, Materials, PluginBytes, PluginSecrets, Rejection, TrialWish, Trials,
};
pub(crate) use trace::{Origin as TraceOrigin, TraceRule};

use crate::chain::{Chain, Plugin, Trial};
use crate::component::Answerer;
use crate::rollout::Rollout;
use crate::route::{Match, Routes};
use crate::serve::{DoorRules, Patience, Tls};
use crate::telemetry::{ServiceMetrics, Telemetry};
use crate::upstream::Fleet;
use hither_balance::{Balancer, RetryBudget};
use hither_cache::Wishes;
use hither_config::Plan;
use http::HeaderValue;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Everything that a request needs to know of the configuration.
pub(crate) struct Snapshot {
    /// Counts up with each swap of this process.
    pub(crate) id: u64,
    pub(crate) built: SystemTime,
    pub(crate) plan: Arc<Plan>,
    pub(crate) edge: Edge,
    pub(crate) clock: Clock,
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) plugins: Vec<Arc<Plugin>>,
    /// New revisions beside some of them.
    pub(crate) trials: Vec<Arc<Trial>>,
    /// Those that plugins charge.
    pub(crate) limiters: Limiters,
    /// In the order of the file.
    pub(crate) listeners: Vec<ListenerRules>,
    /// Who may be told of decisions with an answer; none: nobody, and nobody is asked.
    pub(crate) trace: Option<TraceRule>,
    routes: Routes,
    _live: LiveSnapshot,
}

/// RFC 9110 section 4.2.2.
pub(crate) const HTTPS: u16 = 443;

/// This edge.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) name: Arc<str>,
    pub(crate) region: Arc<str>,
    /// The region as a field value, made once.
    pub(crate) region_value: HeaderValue,
    /// Where clients reach it over TLS.
    pub(crate) secure_port: u16,
}

/// One service.
pub(crate) struct Service {
    pub(crate) name: Arc<str>,
    pub(crate) balancer: Arc<Balancer<Endpoint>>,
    /// Who answers in place of instances; then there are none.
    pub(crate) component: Option<Arc<Answerer>>,
    /// Who the instances are and how they are found to be.
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    pub(crate) chain: Chain,
    pub(crate) metrics: Arc<ServiceMetrics>,
    pub(crate) concurrency: Concurrency,
    pub(crate) attempts: u8,
    pub(crate) retries: RetryBudget,
    pub(crate) queue_timeout: Duration,
    pub(crate) first_byte: Duration,
    /// Between two pieces of a body, in either direction.
    pub(crate) idle: Duration,
    /// Who asks in the clear is sent to the same place over TLS.
    pub(crate) force_https: bool,
    /// Bytes of a request body.
    pub(crate) max_body: Option<u64>,
    /// How responses are kept; none: they are not.
    pub(crate) cache: Option<Wishes>,
}

/// What a place on an instance is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concurrency {
    Requests,
    Connections,
}

/// How one listener treats its connections.
pub(crate) struct ListenerRules {
    /// As configured.
    pub(crate) address: Arc<str>,
    pub(crate) patience: Patience,
    pub(crate) door: DoorRules,
    /// Where it has certificates.
    pub(crate) tls: Option<Arc<Tls>>,
    trusted: Vec<IpNet>,
}

impl ListenerRules {
    /// Whether this peer's `X-Forwarded-For` is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&peer))
    }
}

impl Snapshot {
    /// The service for an authority and a normalised path.
    pub(crate) fn route(&self, authority: &str, path: &str) -> Option<(&Arc<Service>, Match<'_>)> {
        let found = self.routes.find(authority, path)?;
        Some((self.services.get(found.service)?, found))
    }

    /// The rules of a listener, by its configured address.
    pub(crate) fn listener(&self, address: &str) -> Option<&ListenerRules> {
        self.listeners.iter().find(|rules| &*rules.address == address)
    }

    /// Whether responses of any service are kept.
    pub(crate) fn caches(&self) -> bool {
        self.services.iter().any(|service| service.cache.is_some())
    }

    /// The service of this name.
    pub(crate) fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| &*service.name == name)
    }

    /// All revisions of a plugin.
    fn revisions(&self, name: &str) -> Vec<&Arc<Plugin>> {
        let trials = self.trials.iter().map(|trial| &trial.plugin);
        self.plugins.iter().chain(trials).filter(|plugin| &*plugin.name == name).collect()
    }

    /// The new revision of a rollout.
    pub(crate) fn trial(&self, rollout: &Arc<Rollout>) -> Option<&Arc<Trial>> {
        self.trials.iter().find(|trial| Arc::ptr_eq(&trial.rollout, rollout))
    }

    /// The plugin of this name.
    pub(crate) fn plugin(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| &*plugin.name == name)
    }
}

/// Counts a snapshot in the metrics for as long as it lives.
struct LiveSnapshot(Arc<Telemetry>);

impl LiveSnapshot {
    fn new(telemetry: Arc<Telemetry>) -> LiveSnapshot {
        telemetry.snapshots_live(1);
        LiveSnapshot(telemetry)
    }
}

impl Drop for LiveSnapshot {
    fn drop(&mut self) {
        self.0.snapshots_live(-1);
    }
}
