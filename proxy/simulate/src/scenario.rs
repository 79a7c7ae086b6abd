//! What is simulated: edges, regions, instances, traffic and what goes wrong when.
//!
//! Plain data in the simulator's own words; must not know files or how a scenario was written.

use std::num::NonZeroU32;
use std::ops::Range;
use std::time::Duration;

use hither_balance::Allowance;

use crate::arrivals::Arrivals;
use crate::service_time::ServiceTime;

/// The most requests that one run plays; each costs about a hundred bytes while it runs.
pub const MOST_REQUESTS: u32 = 1_000_000;
/// The most instances. Some of the policies look at each of them for each request.
pub const MOST_INSTANCES: usize = 2_000;
/// The most edges.
pub const MOST_EDGES: usize = 64;

/// Everything that a run depends on, but for its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What it shows, in a line.
    pub title: String,
    /// Where requests arrive; each edge has a balancer of its own, as in reality.
    pub edges: Vec<Edge>,
    /// The names of the regions; instances refer to them by number.
    pub regions: Vec<String>,
    /// The servers, shared by all edges.
    pub instances: Vec<Instance>,
    /// How Hither balances.
    pub balancing: hither_balance::Policy,
    /// How long a request may wait in an edge's queue.
    pub queue_timeout: Duration,
    /// Another try on another instance: the same for every policy.
    pub retry: Retry,
    /// Who gives up when.
    pub timeouts: Timeouts,
    /// How edges find out who is down: the same for every policy.
    pub check: Check,
    /// Whether an instance stops working on a request whose client or edge has given up. Most
    /// servers do not notice before they write.
    pub cancels: bool,
    /// What goes wrong.
    pub outages: Vec<Outage>,
    /// After how many requests to look at who has how many; ascending.
    pub show_after: Vec<u32>,
}

/// One edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Its name.
    pub name: String,
    /// The requests that arrive at it.
    pub arrivals: Arrivals,
    /// The round trip to each of [`Scenario::regions`], in their order.
    pub rtt: Vec<Duration>,
}

/// One server.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its name, unique.
    pub id: String,
    /// Its place in [`Scenario::regions`].
    pub region: usize,
    /// How long it works on a request.
    pub time: ServiceTime,
    /// How many requests it works on at once; more wait inside it. `None`: any number.
    pub workers: Option<NonZeroU32>,
}

/// When a failed try is repeated on another instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all.
    pub attempts: NonZeroU32,
    /// How many of an edge's requests may be retries at a time.
    pub budget: Allowance,
}

/// Who gives up when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until an instance accepts.
    pub connect: Duration,
    /// From a try until its answer; the edge answers 504 then.
    pub first_byte: Duration,
    /// From arrival until the client leaves. `None`: it never does.
    pub client: Option<Duration>,
}

/// The active health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// From one check of an instance to the next.
    pub interval: Duration,
    /// How long a check waits for a dark instance.
    pub timeout: Duration,
}

/// A time in which some instances do not serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Outage {
    /// Their places in [`Scenario::instances`].
    pub instances: Vec<usize>,
    /// From when, and when it is over.
    pub time: Range<Duration>,
    /// What a request meets.
    pub kind: OutageKind,
    /// How long it takes them to be as fast as before, once back. Work takes four times as long at
    /// first, then less and less.
    pub warm_up: Duration,
}

/// What a request meets at an instance that does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutageKind {
    /// The process is gone: what runs on it is reset, what comes is refused.
    Refused,
    /// The network swallows everything: what runs on it is never answered, what comes waits for
    /// `timeouts.connect`.
    Blackhole,
}

/// Why a scenario is not played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// No edge, no instance or no request.
    #[error("there is no {0} in this scenario")]
    Nothing(&'static str),
    /// Larger than a simulation should be.
    #[error("{found} {what} are too many to simulate: at most {most}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many there may be.
        most: u64,
    },
    /// A number that refers to nothing.
    #[error("{0} does not exist in this scenario")]
    Dangling(String),
    /// The balancer does not take the instances.
    #[error(transparent)]
    Balancer(#[from] hither_balance::SpecError),
    /// It goes on for longer than it may.
    #[error("more than {0} things happen in this scenario: make it shorter or its traffic lighter")]
    Endless(u64),
}

impl Scenario {
    /// How many requests all edges get, as far as it can be known before chance has had its say.
    #[must_use]
    pub fn expected_requests(&self) -> f64 {
        self.edges.iter().map(|edge| edge.arrivals.expected()).sum()
    }

    /// When the last request may arrive.
    #[must_use]
    pub fn arrivals_end(&self) -> Duration {
        self.edges.iter().map(|edge| edge.arrivals.duration()).max().unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Result<(), ScenarioError> {
        let sizes = [
            ("edges", "edge", self.edges.len() as u64, MOST_EDGES as u64),
            ("instances", "instance", self.instances.len() as u64, MOST_INSTANCES as u64),
            ("requests", "request", self.expected_requests() as u64, u64::from(MOST_REQUESTS)),
        ];
        for (what, one, found, most) in sizes {
            if found == 0 {
                return Err(ScenarioError::Nothing(one));
            }
            if found > most {
                return Err(ScenarioError::TooMany { what, found, most });
            }
        }
        let dangling = |what: &str| Err(ScenarioError::Dangling(what.to_owned()));
        if let Some(lost) = self.instances.iter().find(|i| i.region >= self.regions.len()) {
            return dangling(&format!("the region of {}", lost.id));
        }
        if let Some(edge) = self.edges.iter().find(|edge| edge.rtt.len() != self.regions.len()) {
            return dangling(&format!("a round trip of edge {}", edge.name));
        }
        let hit = self.outages.iter().flat_map(|outage| &outage.instances);
        match hit.max().is_some_and(|number| *number >= self.instances.len()) {
            true => dangling("an instance of an outage"),
            false => Ok(()),
        }
    }
}
