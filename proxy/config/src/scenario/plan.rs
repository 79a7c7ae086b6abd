//! A scenario that can be played: complete, consistent and within bounds.

use std::num::NonZeroU32;
use std::time::Duration;

use super::arrivals::ArrivalStep;
use super::service_time::ServiceTime;
use crate::plan::{ConcurrencyPlan, EjectionPlan, QueuePlan};
use crate::value::{Name, OutageKind, Process, Share};

/// A whole scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioPlan {
    /// What it shows, in a line.
    pub title: String,
    /// What chance begins with.
    pub seed: u32,
    /// Where requests arrive; never empty, names differ.
    pub edges: Vec<ScenarioEdge>,
    /// Every region that has an instance.
    pub regions: Vec<Name>,
    /// The servers; never empty, ids differ.
    pub instances: Vec<ScenarioInstance>,
    /// Limits; requests are what counts.
    pub concurrency: ConcurrencyPlan,
    /// Where requests wait.
    pub queue: QueuePlan,
    /// When instances that fail get a rest.
    pub ejection: EjectionPlan,
    /// Another try on another instance.
    pub retry: ScenarioRetry,
    /// Who gives up when.
    pub timeouts: ScenarioTimeouts,
    /// How edges find out who is down.
    pub check: ScenarioCheck,
    /// Whether instances stop working on what nobody waits for.
    pub cancels: bool,
    /// Outages, and deploys as the outages that they are.
    pub outages: Vec<ScenarioOutage>,
    /// After how many requests to look; ascending, each once.
    pub show_after: Vec<u32>,
}

/// `[edge.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioEdge {
    /// Its name.
    pub name: Name,
    /// Its traffic; never empty.
    pub arrivals: Vec<ArrivalStep>,
    /// How its requests fall in time.
    pub process: Process,
    /// The round trip to each of [`ScenarioPlan::regions`], in their order.
    pub rtt: Vec<Duration>,
}

/// One of the instances of an `[instances.NAME]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioInstance {
    /// The group's name, with a number if the group has several.
    pub id: Name,
    /// Its group's name.
    pub group: Name,
    /// Its place in [`ScenarioPlan::regions`].
    pub region: usize,
    /// How long it works on a request.
    pub time: ServiceTime,
    /// How many it works on at once; none: any number.
    pub workers: Option<NonZeroU32>,
}

/// `[retry]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioRetry {
    /// Tries in all; 1 never tries again.
    pub attempts: NonZeroU32,
    /// The most of an edge's active requests that may be retries.
    pub budget: Share,
}

/// `[timeouts]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioTimeouts {
    /// Until an instance accepts.
    pub connect: Duration,
    /// From a try until its answer.
    pub first_byte: Duration,
    /// From arrival until the client leaves; none: it never does.
    pub client: Option<Duration>,
}

/// `[check]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioCheck {
    /// From one check to the next; never zero.
    pub interval: Duration,
    /// How long a check waits.
    pub timeout: Duration,
}

/// A time in which some instances do not serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioOutage {
    /// Places in [`ScenarioPlan::instances`].
    pub instances: Vec<usize>,
    /// When it begins,
    pub from: Duration,
    /// and when it is over; later than `from`.
    pub to: Duration,
    /// What requests meet.
    pub kind: OutageKind,
    /// How long the instances take to be as fast as before.
    pub warm_up: Duration,
}
