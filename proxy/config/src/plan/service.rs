//! What one service wishes for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;

use super::cache::CachingPlan;
use super::component::ComponentPlan;
use super::world::{CheckPlan, DnsPlan, EjectionPlan};
use crate::value::{
    ConcurrencyType, HostPattern, LimitKey, Name, PathPattern, PathPrefix, Rate, Share, Size,
    SoftLimitScope, Spread,
};

/// `[service.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePlan {
    /// Which hosts it answers for; never empty ([`HostPattern::Any`] when none is named).
    pub hosts: Vec<HostPattern>,
    /// Which paths.
    pub path_prefix: PathPrefix,
    /// The plugins its requests pass, in this order, each once.
    pub plugins: Vec<AttachmentPlan>,
    /// Who asks in the clear is sent to the same place over TLS.
    pub force_https: bool,
    /// The largest request body; none: no bound.
    pub max_body: Option<Size>,
    /// Who answers in place of instances; then there are none, and what is said of instances is of no
    /// effect.
    pub component: Option<ComponentPlan>,
    /// How much each instance takes at once.
    pub concurrency: ConcurrencyPlan,
    /// Where requests wait while every instance is full.
    pub queue: QueuePlan,
    /// How often a request is tried.
    pub retry: RetryPlan,
    /// How long instances may take.
    pub timeouts: TimeoutsPlan,
    /// When an instance that fails gets a rest.
    pub ejection: EjectionPlan,
    /// Health checks; all must pass.
    pub checks: Vec<CheckPlan>,
    /// Whose addresses are instances, too.
    pub dns: Option<DnsPlan>,
    /// Rate limits, in the order of the file; names differ.
    pub limits: Vec<LimitPlan>,
    /// How its responses are kept; none: they are not.
    pub cache: Option<CachingPlan>,
    /// Its servers; empty only if DNS tells of others or a component answers. Ids and addresses differ.
    pub instances: Vec<InstancePlan>,
}

/// A plugin as one service uses it.
#[derive(Debug, Clone, PartialEq)]
pub struct AttachmentPlan {
    /// A key of [`crate::Plan::plugins`].
    pub plugin: Name,
    /// What it is configured with here: the service's own configuration if there is one, else the
    /// plugin's.
    pub config: Value,
    /// Which requests it is asked about; none: all.
    pub when: Option<WhenPlan>,
}

/// `[service.NAME.plugin.NAME.when]`: what a request must be for the plugin to be asked about it. All
/// that is said must hold; something is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhenPlan {
    /// The paths.
    pub path: Option<PathPattern>,
    /// The methods, each once; empty: any.
    pub methods: Vec<String>,
    /// A field that must be there, in lower case.
    pub header: Option<String>,
}

/// `[service.NAME.concurrency]`
#[derive(Debug, Clone, PartialEq)]
pub struct ConcurrencyPlan {
    /// What the limits count.
    pub counts: ConcurrencyType,
    /// From here on an instance is busy.
    pub soft_limit: NonZeroU32,
    /// Here it is full; never below the soft limit. None: never full.
    pub hard_limit: Option<NonZeroU32>,
    /// How far to look for an instance that is not busy.
    pub soft_limit_scope: SoftLimitScope,
    /// How load spreads over almost equally close instances.
    pub spread: Spread,
    /// How long the soft limit of a new or recovered instance takes to grow; none: it is whole at
    /// once.
    pub slow_start: Option<Duration>,
}

/// `[service.NAME.queue]`
#[derive(Debug, Clone, PartialEq)]
pub struct QueuePlan {
    /// The most requests that wait; 0: none does.
    pub max_waiting: u32,
    /// How long one may wait.
    pub timeout: Duration,
    /// After so long with every instance full and the queue never empty, newcomers are refused.
    pub shed_after: Duration,
}

/// `[service.NAME.retry]`
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPlan {
    /// Tries in all; 1 never tries again.
    pub attempts: NonZeroU32,
    /// The share of the running requests that may be retries; at least 3 may.
    pub budget: Share,
}

/// `[service.NAME.timeouts]`
#[derive(Debug, Clone, PartialEq)]
pub struct TimeoutsPlan {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the head of the response is complete.
    pub first_byte: Duration,
    /// Between two pieces of a body or upgraded stream.
    pub idle: Duration,
}

/// `[[service.NAME.limit]]`
#[derive(Debug, Clone, PartialEq)]
pub struct LimitPlan {
    /// Its name; a reload keeps the counters of a limit whose name stays.
    pub name: Name,
    /// What is counted apart; empty: the whole service.
    pub key: Vec<LimitKey>,
    /// How many may pass.
    pub quota: QuotaPlan,
}

/// How many may pass: of a service's limit, and all of `[limiter.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaPlan {
    /// How many in what time. The time in which a whole burst comes back is at most a year.
    pub rate: Rate,
    /// How many may come at once.
    pub burst: NonZeroU32,
    /// Count and tell, but refuse nothing.
    pub shadow: bool,
}

/// `[[service.NAME.instance]]`
#[derive(Debug, Clone, PartialEq)]
pub struct InstancePlan {
    /// Its name, unique in the service.
    pub id: Name,
    /// Where it is reached, unique in the service.
    pub address: SocketAddr,
    /// Where it stands.
    pub region: Name,
    /// What plugins choose by, without `id` and `region`, which are labels by themselves.
    pub labels: BTreeMap<Name, String>,
    /// Its fixed round trip; none: to be measured.
    pub rtt: Option<Duration>,
    /// Speak HTTP/2 with prior knowledge (RFC 9113 section 3.3).
    pub http2: bool,
}
