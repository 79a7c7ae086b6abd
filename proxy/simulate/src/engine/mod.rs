//! A run: one policy, one scenario, one seed, in virtual time.
//!
//! The world takes the next event from its agenda, lets it have its effect, and so on until nobody
//! is under way. Nothing here reads a clock, and chance comes from seeded generators only: those of
//! arrivals and service times are the same for every policy, so that all meet the same traffic.

mod event;
mod life;
mod request;
mod server;
mod trouble;

use std::collections::VecDeque;
use std::time::Duration;

use fastrand::Rng;
use hither_balance::RetryBudget;

pub(crate) use event::Failure;
use event::{Agenda, Event};
use request::Request;
use server::Server;

use crate::arrivals::Times;
use crate::measure::Measure;
use crate::policy::{self, Others, Policy, PolicyKind};
use crate::report::PolicyReport;
use crate::scenario::{MOST_REQUESTS, Scenario, ScenarioError};

/// Things that may happen in one run. A request takes about six, and a health check two.
const MOST_EVENTS: u64 = 30_000_000;

/// Everything at one moment.
struct World<'s> {
    scenario: &'s Scenario,
    now: Duration,
    agenda: Agenda,
    edges: Vec<Edge<'s>>,
    servers: Vec<Server>,
    requests: Vec<Request>,
    /// Requests that are not over.
    open: u32,
    /// Edges with requests still to come.
    sources: usize,
    /// Edges whose queue may have moved.
    touched: VecDeque<usize>,
    measure: Measure<'s>,
}

/// One edge in a run.
struct Edge<'s> {
    policy: Box<dyn Policy>,
    arrivals: Times<'s>,
    /// Draws the luck of each request.
    luck: Rng,
    /// What its checks found last, by instance.
    healthy: Vec<bool>,
    /// How many of its requests may be retries.
    budget: RetryBudget,
    /// When its policy wants to be told the time, as far as the agenda knows.
    due: Option<Duration>,
}

/// Plays a scenario.
pub(crate) fn run(
    scenario: &Scenario,
    kind: PolicyKind,
    others: Others,
    seed: u64,
) -> Result<PolicyReport, ScenarioError> {
    let mut world = World::new(scenario, kind, others, seed)?;
    world.begin(seed);
    let mut happened = 0;
    while world.open > 0 || world.sources > 0 {
        let Some((time, event)) = world.agenda.next() else { break };
        happened += 1;
        if happened > MOST_EVENTS {
            return Err(ScenarioError::Endless(MOST_EVENTS));
        }
        if world.requests.len() > MOST_REQUESTS as usize {
            let (found, most) = (world.requests.len() as u64, u64::from(MOST_REQUESTS));
            return Err(ScenarioError::TooMany { what: "requests", found, most });
        }
        world.now = time;
        world.happen(event);
        world.settle();
    }
    world.measure.sample(world.now);
    Ok(world.measure.report(kind))
}

impl<'s> World<'s> {
    fn new(
        scenario: &'s Scenario,
        kind: PolicyKind,
        others: Others,
        seed: u64,
    ) -> Result<Self, ScenarioError> {
        let mut edges = Vec::with_capacity(scenario.edges.len());
        for (number, edge) in scenario.edges.iter().enumerate() {
            edges.push(Edge {
                policy: policy::build(kind, others, scenario, number, mixed(seed, number, 3))?,
                arrivals: edge.arrivals.times(Rng::with_seed(mixed(seed, number, 1))),
                luck: Rng::with_seed(mixed(seed, number, 2)),
                healthy: vec![true; scenario.instances.len()],
                budget: RetryBudget::new(scenario.retry.budget),
                due: None,
            });
        }
        let servers = scenario.instances.iter().map(|instance| Server::new(instance.workers));
        Ok(Self {
            scenario,
            now: Duration::ZERO,
            agenda: Agenda::default(),
            sources: edges.len(),
            edges,
            servers: servers.collect(),
            requests: Vec::new(),
            open: 0,
            touched: VecDeque::new(),
            measure: Measure::new(scenario),
        })
    }

    /// What is known to happen from the start.
    fn begin(&mut self, seed: u64) {
        for edge in 0..self.edges.len() {
            self.expect_arrival(edge);
        }
        for (number, outage) in self.scenario.outages.iter().enumerate() {
            self.agenda.add(outage.time.start, Event::OutageBegins(number));
            self.agenda.add(outage.time.end, Event::OutageEnds(number));
        }
        // Where nobody ever fails, looking after it finds nothing.
        if !self.scenario.outages.is_empty() {
            self.begin_checks(seed);
        }
        self.agenda.add(Duration::ZERO, Event::Sample);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival { edge } => self.arrive(edge),
            Event::Reach(job) => self.reach(job),
            Event::Worked { instance, job, epoch } => self.worked(instance, job, epoch),
            Event::Answer(job) => self.answered(job),
            Event::Failed(job, failure) => self.failed(job, failure),
            Event::QueueTimeout(job) => self.waited_enough(job),
            Event::ClientLeaves { request } => self.client_leaves(request),
            Event::OutageBegins(number) => self.outage_begins(number),
            Event::OutageEnds(number) => self.outage_ends(number),
            Event::Check { edge, instance } => self.check(edge, instance),
            Event::Checked { edge, instance, healthy } => self.checked(edge, instance, healthy),
            Event::Advance { edge } => {
                self.edges[edge].due = None;
                self.edges[edge].policy.advance(self.now);
                self.touched.push_back(edge);
            }
            Event::Sample => {
                self.measure.sample(self.now);
                self.agenda.add(self.now + self.measure.step(), Event::Sample);
            }
        }
    }

    /// Gives those who waited what has become free, until nothing moves any more.
    fn settle(&mut self) {
        while let Some(edge) = self.touched.pop_front() {
            while let Some((request, answer)) = self.edges[edge].policy.woken() {
                self.wait_is_over(request, answer);
            }
            let due = self.edges[edge].policy.next_advance();
            if due != self.edges[edge].due {
                self.edges[edge].due = due;
                if let Some(time) = due {
                    self.agenda.add(time.max(self.now), Event::Advance { edge });
                }
            }
        }
    }

    fn expect_arrival(&mut self, edge: usize) {
        match self.edges[edge].arrivals.next() {
            Some(time) => self.agenda.add(time, Event::Arrival { edge }),
            None => self.sources -= 1,
        }
    }

    /// Half of the round trip between an edge and an instance.
    fn way(&self, edge: usize, instance: usize) -> Duration {
        let region = self.scenario.instances[instance].region;
        self.scenario.edges[edge].rtt[region] / 2
    }
}

/// Seeds for many generators out of one, by Steele's SplitMix64.
fn mixed(seed: u64, number: usize, purpose: u64) -> u64 {
    let mut z = seed
        .wrapping_add((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add(purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
