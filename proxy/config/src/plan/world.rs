//! How a service learns of the world: what is checked, who is ejected, what DNS is asked.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use ipnet::IpNet;

use crate::value::{CheckMethod, DnsName, HostPattern, Name, Share};

/// `[[service.NAME.check]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckPlan {
    /// What passes.
    pub kind: CheckKind,
    /// From the beginning of one check to that of the next.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// Failures of an instance that is new count for nothing so long.
    pub grace_period: Duration,
    /// So many in a row make a healthy instance unhealthy.
    pub failures: NonZeroU32,
    /// So many in a row make an unhealthy instance healthy.
    pub successes: NonZeroU32,
}

/// What a check does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// Passes if the instance accepts a connection.
    Tcp,
    /// Passes if the instance answers with a 2xx status.
    Http(HttpCheckPlan),
}

/// `http = { … }` of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCheckPlan {
    /// With its query, as a request line has it.
    pub path: String,
    /// The method.
    pub method: CheckMethod,
    /// Names in lower case, values in visible ASCII; none that frames the message.
    pub headers: Vec<(String, String)>,
}

/// `[service.NAME.ejection]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EjectionPlan {
    /// Failed requests in a row after which an instance is ejected; none: never.
    pub failures: Option<NonZeroU32>,
    /// How long the first ejection lasts; the n-th lasts n times as long.
    pub time: Duration,
    /// The most instances that are ejected at once.
    pub max_share: Share,
}

/// `[service.NAME.dns]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsPlan {
    /// What is asked for.
    pub name: DnsName,
    /// Who is asked; empty: whom the system asks.
    pub resolvers: Vec<SocketAddr>,
    /// Where instances stand that no place fits.
    pub region: Name,
    /// Speak HTTP/2 with prior knowledge to them.
    pub http2: bool,
    /// The first that fits an instance tells where it stands.
    pub places: Vec<PlacePlan>,
}

/// `[[service.NAME.dns.place]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacePlan {
    /// Whom it fits.
    pub fits: Fits,
    /// Where they stand.
    pub region: Name,
    /// What they are labelled with.
    pub labels: BTreeMap<Name, String>,
}

/// Whom a place fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fits {
    /// Instances whose address is in it.
    Network(IpNet),
    /// Instances whose SRV target it is.
    Target(HostPattern),
}

impl PlacePlan {
    /// Whether an instance at `address`, found as the SRV target `target` (in lower case, without
    /// a final dot), stands here.
    pub fn fits(&self, address: IpAddr, target: Option<&str>) -> bool {
        match (&self.fits, target) {
            (Fits::Network(network), _) => network.contains(&address),
            (Fits::Target(pattern), Some(target)) => match pattern {
                HostPattern::Any => true,
                HostPattern::Exact(name) => name == target,
                HostPattern::Under(domain) => target
                    .strip_suffix(domain.as_str())
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            },
            (Fits::Target(_), None) => false,
        }
    }
}
