//! Who chooses an instance: Hither's balancer and those that it is compared with, behind one face.
//!
//! Must not know servers, networks or how long anything takes: like the real thing, a policy knows
//! what its own edge has sent and what health checks said.

mod ejection;
mod hither;
mod plain;

use std::time::Duration;

use crate::scenario::{Scenario, ScenarioError};

use hither::Hither;
use plain::{Plain, Rule};

/// A policy that can be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// The balancer of this proxy itself, the same code.
    Hither,
    /// Any healthy instance.
    Random,
    /// Each healthy instance in turn.
    RoundRobin,
    /// A healthy instance with the fewest requests in flight.
    LeastRequests,
    /// Of two healthy instances drawn, the one with fewer requests in flight.
    TwoChoices,
}

impl PolicyKind {
    /// Every policy, in the order of tables.
    pub const ALL: [Self; 5] =
        [Self::Hither, Self::Random, Self::RoundRobin, Self::LeastRequests, Self::TwoChoices];

    /// The word on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hither => "hither",
            Self::Random => "random",
            Self::RoundRobin => "round-robin",
            Self::LeastRequests => "least-requests",
            Self::TwoChoices => "two-choices",
        }
    }
}

/// What the policies beside Hither are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// Nothing but the policy, as proxies have it before anybody configures more: no limit per
    /// instance, no queue, no closeness, no ejection. Health checks, time limits and retries are
    /// the same for all.
    #[default]
    Bare,
    /// And what an operator can add to them: Hither's hard limit as a circuit breaker (full
    /// instances are passed over, a request that finds all of them full is answered 503 at once)
    /// and Hither's ejection as outlier detection.
    Equipped,
}

impl Others {
    /// The word on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Equipped => "equipped",
        }
    }
}

/// Why an edge answers 503 by itself; the names are those of the proxy's own faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reason {
    NoInstance,
    QueueFull,
    QueueTimeout,
    Overloaded,
    /// An equipped policy without a queue found every instance full.
    AllFull,
}

impl Reason {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NoInstance => "no_instance",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::Overloaded => "overloaded",
            Self::AllFull => "all_full",
        }
    }
}

/// What becomes of a request that asks for an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Go(usize),
    Wait,
    Refuse(Reason),
}

/// How a try ended, as far as it tells something about the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// The client left.
    Unknown,
}

/// One edge's policy. Requests are known by number and hold at most one place at a time.
pub(crate) trait Policy {
    /// An instance for a request that has none, but not one of those it has tried.
    fn pick(&mut self, request: u32, tried: &[usize], now: Duration) -> Choice;
    /// A try is over: its place is free.
    fn release(&mut self, request: u32, verdict: Verdict, now: Duration);
    /// A request that waits goes away.
    fn leave(&mut self, request: u32);
    /// What a health check found.
    fn set_healthy(&mut self, instance: usize, healthy: bool);
    /// The time is such, as was wished for.
    fn advance(&mut self, now: Duration);
    /// When to be told the time next, if at all.
    fn next_advance(&self) -> Option<Duration>;
    /// A request whose wait is over, if there is one.
    fn woken(&mut self) -> Option<(u32, Result<usize, Reason>)>;
}

/// The policy of one edge.
pub(crate) fn build(
    kind: PolicyKind,
    others: Others,
    scenario: &Scenario,
    edge: usize,
    seed: u64,
) -> Result<Box<dyn Policy>, ScenarioError> {
    let rule = match kind {
        PolicyKind::Hither => return Ok(Box::new(Hither::new(scenario, edge, seed)?)),
        PolicyKind::Random => Rule::Random,
        PolicyKind::RoundRobin => Rule::RoundRobin,
        PolicyKind::LeastRequests => Rule::LeastRequests,
        PolicyKind::TwoChoices => Rule::TwoChoices,
    };
    let equipment = match others {
        Others::Bare => None,
        Others::Equipped => Some(&scenario.balancing),
    };
    Ok(Box::new(Plain::new(rule, scenario.instances.len(), equipment, seed)))
}
