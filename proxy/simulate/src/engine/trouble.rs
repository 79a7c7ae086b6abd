//! What goes wrong, and how edges learn of it.

use fastrand::Rng;

use super::event::{Event, Failure, Try};
use super::request::Phase;
use super::server::Door;
use super::{World, mixed};
use crate::scenario::OutageKind;

impl World<'_> {
    pub(super) fn outage_begins(&mut self, number: usize) {
        let outage = &self.scenario.outages[number];
        for instance in &outage.instances {
            for job in self.servers[*instance].begin(outage.kind) {
                self.lose(*instance, job, outage.kind);
            }
        }
    }

    /// What ran on an instance that is gone.
    fn lose(&mut self, instance: usize, job: Try, kind: OutageKind) {
        let request = &mut self.requests[job.request as usize];
        if !request.is_at(job) {
            return;
        }
        if matches!(request.phase, Phase::Backlog { .. }) {
            self.measure.waiting(-1);
        }
        request.phase = Phase::Away { instance };
        let edge = request.edge;
        match kind {
            OutageKind::Refused => {
                let told = self.now + self.way(edge, instance);
                self.agenda.add(told, Event::Failed(job, Failure::Reset));
            }
            // Nobody will ever say so; the edge's or the client's patience ends it.
            OutageKind::Blackhole => {}
        }
    }

    pub(super) fn outage_ends(&mut self, number: usize) {
        let outage = &self.scenario.outages[number];
        for instance in &outage.instances {
            self.servers[*instance].end(outage.kind, outage.warm_up, self.now);
        }
    }

    /// Each edge looks after each instance at its own times.
    pub(super) fn begin_checks(&mut self, seed: u64) {
        let interval = self.scenario.check.interval;
        for edge in 0..self.edges.len() {
            let mut rng = Rng::with_seed(mixed(seed, edge, 4));
            for instance in 0..self.servers.len() {
                let first = interval.mul_f64(rng.f64());
                self.agenda.add(first, Event::Check { edge, instance });
            }
        }
    }

    pub(super) fn check(&mut self, edge: usize, instance: usize) {
        let round_trip = self.way(edge, instance) * 2;
        let check = self.scenario.check;
        let (healthy, takes) = match self.servers[instance].door() {
            Door::Open => (true, round_trip),
            Door::Closed => (false, round_trip),
            Door::Dark => (false, check.timeout),
        };
        self.agenda.add(self.now + takes, Event::Checked { edge, instance, healthy });
        self.agenda.add(self.now + check.interval, Event::Check { edge, instance });
    }

    pub(super) fn checked(&mut self, edge: usize, instance: usize, healthy: bool) {
        let known = &mut self.edges[edge].healthy[instance];
        if *known != healthy {
            *known = healthy;
            self.edges[edge].policy.set_healthy(instance, healthy);
            self.touched.push_back(edge);
        }
    }
}
