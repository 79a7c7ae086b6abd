//! What is taken down while a run goes on, and the report that comes of it.
//!
//! It counts places itself, by what is sent and given back: a policy's own books are not asked.

use std::collections::BTreeMap;
use std::time::Duration;

use hither_balance::RttClass;

use crate::engine::Failure;
use crate::policy::{PolicyKind, Reason};
use crate::report::{InstanceReport, Look, Percentiles, PolicyReport, Timeline};
use crate::scenario::Scenario;

/// Samples that a timeline is begun with, over the time in which requests arrive,
const SAMPLES: u32 = 240;
/// and the most of them: from there on every other one is dropped and time goes in larger steps.
const MOST_SAMPLES: usize = 960;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Served(Served),
    Refused(Reason),
    Failed(Failure),
    ClientLeft,
}

/// A request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) edge: usize,
    pub(crate) instance: usize,
    /// From its arrival to its answer.
    pub(crate) took: Duration,
    /// From its arrival until somebody worked on it, the way there left out.
    pub(crate) waited: Duration,
}

/// The books of a run.
pub(crate) struct Measure<'s> {
    scenario: &'s Scenario,
    /// The closest class that each edge has an instance in.
    closest: Vec<Option<RttClass>>,
    /// Places taken, by edge and instance, and the most there ever were.
    held: Vec<Vec<u32>>,
    peak: u32,
    instances: Vec<InstanceReport>,
    in_flight: Vec<u32>,
    regions: Vec<u32>,
    waiting: u32,
    peak_waiting: u32,
    arrived: u32,
    took: Vec<Duration>,
    waited: Vec<Duration>,
    from_closest: u64,
    refused: BTreeMap<&'static str, u64>,
    failed: BTreeMap<&'static str, u64>,
    left: u64,
    looks: Vec<Look>,
    timeline: Timeline,
    step: Duration,
}

impl<'s> Measure<'s> {
    pub(crate) fn new(scenario: &'s Scenario) -> Self {
        let instances = scenario.instances.len();
        let report = |id: &String| InstanceReport { id: id.clone(), served: 0, peak_in_flight: 0 };
        let span = scenario.arrivals_end().max(Duration::from_secs(1));
        Self {
            scenario,
            closest: (0..scenario.edges.len()).map(|edge| closest(scenario, edge)).collect(),
            held: vec![vec![0; instances]; scenario.edges.len()],
            peak: 0,
            instances: scenario.instances.iter().map(|i| report(&i.id)).collect(),
            in_flight: vec![0; instances],
            regions: vec![0; scenario.regions.len()],
            waiting: 0,
            peak_waiting: 0,
            arrived: 0,
            took: Vec::new(),
            waited: Vec::new(),
            from_closest: 0,
            refused: BTreeMap::new(),
            failed: BTreeMap::new(),
            left: 0,
            looks: Vec::new(),
            timeline: Timeline::default(),
            step: span / SAMPLES,
        }
    }

    /// From one sample to the next.
    pub(crate) fn step(&self) -> Duration {
        self.step
    }

    /// A request has arrived and got what it gets at once.
    pub(crate) fn arrived(&mut self) {
        self.arrived += 1;
        if self.scenario.show_after.binary_search(&self.arrived).is_ok() {
            self.looks.push(Look {
                requests: self.arrived,
                in_flight: self.regions.clone(),
                waiting: self.waiting,
            });
        }
    }

    pub(crate) fn taken(&mut self, edge: usize, instance: usize) {
        let held = &mut self.held[edge][instance];
        *held += 1;
        self.peak = self.peak.max(*held);
        self.in_flight[instance] += 1;
        let report = &mut self.instances[instance];
        report.peak_in_flight = report.peak_in_flight.max(self.in_flight[instance]);
        self.regions[self.scenario.instances[instance].region] += 1;
    }

    pub(crate) fn given_back(&mut self, edge: usize, instance: usize) {
        self.held[edge][instance] -= 1;
        self.in_flight[instance] -= 1;
        self.regions[self.scenario.instances[instance].region] -= 1;
    }

    /// So many more, or fewer, wait: in an edge's queue or inside an instance.
    pub(crate) fn waiting(&mut self, change: i32) {
        self.waiting = self.waiting.saturating_add_signed(change);
        self.peak_waiting = self.peak_waiting.max(self.waiting);
    }

    pub(crate) fn finished(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Served(served) => self.served(served),
            Outcome::Refused(reason) => *self.refused.entry(reason.name()).or_default() += 1,
            Outcome::Failed(failure) => *self.failed.entry(failure.name()).or_default() += 1,
            Outcome::ClientLeft => self.left += 1,
        }
    }

    fn served(&mut self, served: Served) {
        self.took.push(served.took);
        self.waited.push(served.waited);
        self.instances[served.instance].served += 1;
        let region = self.scenario.instances[served.instance].region;
        let class = RttClass::of(self.scenario.edges[served.edge].rtt[region]);
        self.from_closest += u64::from(self.closest[served.edge] == Some(class));
    }

    pub(crate) fn sample(&mut self, now: Duration) {
        if self.timeline.seconds.len() >= MOST_SAMPLES {
            self.timeline.thin_out();
            self.step *= 2;
        }
        self.timeline.take(now, &self.regions, self.waiting);
    }

    pub(crate) fn report(mut self, kind: PolicyKind) -> PolicyReport {
        let (served, requests) = (self.took.len() as u64, u64::from(self.arrived));
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        PolicyReport {
            policy: kind,
            requests,
            served,
            success: share(served, requests).unwrap_or(1.0),
            latency_seconds: Percentiles::of(&mut self.took),
            wait_seconds: Percentiles::of(&mut self.waited),
            closest_share: share(self.from_closest, served),
            refused: self.refused,
            failed: self.failed,
            client_left: self.left,
            peak_in_flight: self.peak,
            peak_waiting: self.peak_waiting,
            instances: self.instances,
            looks: self.looks,
            timeline: self.timeline,
        }
    }
}

fn closest(scenario: &Scenario, edge: usize) -> Option<RttClass> {
    let rtt = &scenario.edges.get(edge)?.rtt;
    scenario.instances.iter().filter_map(|i| rtt.get(i.region)).map(|rtt| RttClass::of(*rtt)).min()
}
