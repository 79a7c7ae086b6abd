//! What an explanation tells: complete enough for a program, and the only thing that the text for
//! people is made from.

use super::cache::CacheLine;
use super::reason::reason;
use crate::chain::{RequestMessage, Wish};
use crate::decide::{Call, Client, Failure, Matched};
use crate::snapshot::{Snapshot, Standing};
use hither_balance::QueueStatus;
use hither_config::HostPattern;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// What a request would get, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Explanation {
    /// Whom it is by.
    pub(crate) source: Source,
    pub(crate) edge: String,
    pub(crate) region: String,
    pub(crate) snapshot: u64,
    pub(crate) request: Asked,
    #[serde(flatten)]
    pub(crate) told: Told,
    /// What there would have been, where nothing matched.
    pub(crate) services: Vec<ServiceLine>,
}

/// Whom an explanation is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A running edge, as things stand.
    Edge,
    /// A configuration, as if it had just been started and every instance were well and idle.
    File,
}

/// The request, as the edge understands it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// By which the client asks.
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) path: String,
    /// Whose request it is, by what trusted proxies say.
    pub(crate) client: IpAddr,
    /// Whose connection it is.
    pub(crate) peer: IpAddr,
    pub(crate) listener: Option<String>,
}

/// What was found out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// What would happen.
    pub(crate) outcome: Outcome,
    pub(crate) matched: Option<Matched>,
    /// In the order of asking; all of them, also after one that refuses.
    pub(crate) limits: Vec<Standing>,
    /// In the order of the calls.
    pub(crate) plugins: Vec<Call>,
    /// Where the service has one.
    pub(crate) cache: Option<CacheLine>,
    /// Plugins that are asked when an instance has answered.
    pub(crate) later: Vec<String>,
    /// What all plugins together ask of the balancer.
    pub(crate) wanted: Wanted,
    /// The service's, where the balancer was asked.
    pub(crate) queue: Option<Queue>,
    /// Places are counted for connections: this is for the first request of a new one.
    pub(crate) by_connection: bool,
    /// In the order in which the policy prefers them.
    pub(crate) candidates: Vec<Candidate>,
    /// How many more there are.
    pub(crate) omitted: usize,
}

/// What would happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It would go to this instance at once: the first of those between which chance decides.
    Instance { id: String, among: usize },
    /// It would wait in line, for so long at most.
    Wait { position: usize, timeout_seconds: f64 },
    /// It would be given what is kept.
    Kept { status: u16, age_seconds: f64 },
    /// The service's component would answer it.
    Component { revision: u64, digest: String },
    /// A plugin would answer it.
    Answered { status: u16, plugin: String },
    /// It would be sent to the same place over TLS.
    Redirected { status: u16, to: String },
    /// The edge would refuse it; `by`: the limit or plugin.
    Refused { status: u16, fault: String, by: Option<String>, retry_after_seconds: Option<f64> },
}

/// What plugins ask of the balancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) require: Vec<(String, String)>,
    pub(crate) prefer: Vec<(String, String)>,
    /// Requests with the same key go to the same instance while it is open.
    pub(crate) affinity: bool,
}

/// A service's queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) waiting: usize,
    pub(crate) places: usize,
}

/// One instance, as the request sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(crate) id: String,
    pub(crate) region: String,
    pub(crate) rtt_seconds: Option<f64>,
    pub(crate) class: String,
    pub(crate) band: String,
    pub(crate) in_flight: u32,
    /// What it is ranked by: more than `in_flight` while it fails or starts slowly.
    pub(crate) load: u32,
    pub(crate) soft_limit: u32,
    pub(crate) hard_limit: Option<u32>,
    /// The balancer's word.
    pub(crate) verdict: String,
    /// The same as a sentence.
    pub(crate) reason: String,
}

/// What a service answers for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceLine {
    pub(crate) name: String,
    /// Empty: any.
    pub(crate) hosts: Vec<String>,
    pub(crate) path_prefix: String,
}

impl Explanation {
    pub(super) fn new(snapshot: &Snapshot, source: Source, request: Asked, told: Told) -> Self {
        let services = match told.matched {
            Some(_) => Vec::new(),
            None => services(snapshot),
        };
        Explanation {
            source,
            edge: snapshot.edge.name.to_string(),
            region: snapshot.edge.region.to_string(),
            snapshot: snapshot.id,
            request,
            told,
            services,
        }
    }
}

fn services(snapshot: &Snapshot) -> Vec<ServiceLine> {
    let named = snapshot.plan.services.iter();
    named
        .map(|(name, plan)| ServiceLine {
            name: name.to_string(),
            hosts: plan
                .hosts
                .iter()
                .filter(|host| **host != HostPattern::Any)
                .map(ToString::to_string)
                .collect(),
            path_prefix: plan.path_prefix.as_str().to_owned(),
        })
        .collect()
}

impl Asked {
    pub(super) fn of(head: &Parts, client: Client, peer: IpAddr, listener: Option<&str>) -> Asked {
        Asked {
            scheme: client.hop.scheme(&head.headers).to_owned(),
            method: head.method.as_str().to_owned(),
            host: head.authority().to_owned(),
            path: RequestMessage::path(head).to_owned(),
            client: client.address,
            peer,
            listener: listener.map(str::to_owned),
        }
    }
}

impl Told {
    /// Nothing but how it ends.
    pub(super) fn ended(outcome: Outcome) -> Told {
        Told {
            outcome,
            matched: None,
            limits: Vec::new(),
            plugins: Vec::new(),
            cache: None,
            later: Vec::new(),
            wanted: Wanted::default(),
            queue: None,
            by_connection: false,
            candidates: Vec::new(),
            omitted: 0,
        }
    }
}

impl Outcome {
    pub(super) fn refused(failure: &Failure) -> Outcome {
        let limit = failure.limit.as_ref().map(|limit| &limit.name);
        Outcome::Refused {
            status: failure.fault.status(),
            fault: failure.fault.reason().to_owned(),
            by: limit.or(failure.plugin.as_ref()).map(ToString::to_string),
            retry_after_seconds: failure.retry_after.map(|after| after.as_secs_f64()),
        }
    }
}

impl Wanted {
    pub(super) fn of(wish: &Wish) -> Wanted {
        Wanted {
            require: wish.require().cloned().collect(),
            prefer: wish.prefer().cloned().collect(),
            affinity: !wish.affinity().is_empty(),
        }
    }
}

impl From<QueueStatus> for Queue {
    fn from(status: QueueStatus) -> Queue {
        Queue { waiting: status.waiting, places: status.places }
    }
}

impl Candidate {
    pub(super) fn of(one: &hither_balance::Candidate, now: Duration) -> Candidate {
        Candidate {
            id: one.id.to_string(),
            region: one.region.to_string(),
            rtt_seconds: one.rtt.map(|rtt| rtt.as_secs_f64()),
            class: one.class.name().to_owned(),
            band: one.band.name().to_owned(),
            in_flight: one.in_flight,
            load: one.load,
            soft_limit: one.soft_limit,
            hard_limit: one.hard_limit,
            verdict: one.verdict.name().to_owned(),
            reason: reason(&one.verdict, now),
        }
    }
}
