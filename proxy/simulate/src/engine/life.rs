//! A request's way: it arrives, asks, is sent, worked on and answered, or fails and tries again.

use std::time::Duration;

use fastrand::Rng;
use hither_balance::Active;

use super::event::{Event, Failure, Try};
use super::request::{Phase, Request};
use super::server::Door;
use super::{World, mixed};
use crate::measure::{Outcome, Served};
use crate::policy::{Choice, Reason, Verdict};

impl World<'_> {
    pub(super) fn arrive(&mut self, edge: usize) {
        let request = self.requests.len() as u32;
        let (luck, active) = (self.edges[edge].luck.u64(..), self.edges[edge].budget.enter());
        self.requests.push(Request::new(edge, self.now, luck, active));
        self.open += 1;
        if let Some(patience) = self.scenario.timeouts.client {
            self.agenda.add(self.now + patience, Event::ClientLeaves { request });
        }
        self.ask(request);
        self.settle();
        self.measure.arrived();
        self.expect_arrival(edge);
    }

    fn ask(&mut self, request: u32) {
        let (now, entry) = (self.now, &mut self.requests[request as usize]);
        entry.attempt += 1;
        entry.phase = Phase::Asking;
        let (edge, job) = (entry.edge, Try { request, attempt: entry.attempt });
        match self.edges[edge].policy.pick(request, &entry.tried, now) {
            Choice::Go(instance) => self.send(request, instance),
            Choice::Wait => {
                self.measure.waiting(1);
                self.agenda.add(now + self.scenario.queue_timeout, Event::QueueTimeout(job));
            }
            Choice::Refuse(reason) => self.refuse(request, reason),
        }
        self.touched.push_back(edge);
    }

    pub(super) fn wait_is_over(&mut self, request: u32, answer: Result<usize, Reason>) {
        self.measure.waiting(-1);
        match answer {
            Ok(instance) => self.send(request, instance),
            Err(reason) => self.refuse(request, reason),
        }
    }

    fn refuse(&mut self, request: u32, reason: Reason) {
        // A retry that finds nobody else is told why it was one.
        let outcome = match (reason, self.requests[request as usize].failure) {
            (Reason::NoInstance, Some(failure)) => Outcome::Failed(failure),
            _ => Outcome::Refused(reason),
        };
        self.finish(request, outcome);
    }

    fn send(&mut self, request: u32, instance: usize) {
        let now = self.now;
        let entry = &mut self.requests[request as usize];
        entry.phase = Phase::Away { instance };
        entry.sent = now;
        let (edge, job) = (entry.edge, Try { request, attempt: entry.attempt });
        self.measure.taken(edge, instance);
        self.agenda.add(now + self.way(edge, instance), Event::Reach(job));
        let late = Event::Failed(job, Failure::FirstByteTimeout);
        self.agenda.add(now + self.scenario.timeouts.first_byte, late);
    }

    /// The request of a try, while that is its current one.
    fn current(&mut self, job: Try) -> Option<&mut Request> {
        self.requests.get_mut(job.request as usize).filter(|request| request.is_at(job))
    }

    pub(super) fn reach(&mut self, job: Try) {
        let Some(request) = self.current(job) else { return };
        let (edge, sent) = (request.edge, request.sent);
        let Some(instance) = request.phase.instance() else { return };
        let back = self.now + self.way(edge, instance);
        match self.servers[instance].door() {
            Door::Open => match self.servers[instance].accept(job) {
                true => self.work(instance, job),
                false => {
                    self.measure.waiting(1);
                    self.requests[job.request as usize].phase = Phase::Backlog { instance };
                }
            },
            Door::Closed => self.agenda.add(back, Event::Failed(job, Failure::Refused)),
            Door::Dark => {
                let gives_up = sent + self.scenario.timeouts.connect;
                self.agenda.add(gives_up, Event::Failed(job, Failure::ConnectTimeout));
            }
        }
    }

    /// A worker begins.
    fn work(&mut self, instance: usize, job: Try) {
        let now = self.now;
        let request = &mut self.requests[job.request as usize];
        let luck = mixed(request.luck, usize::from(job.attempt), 0);
        if request.is_at(job) {
            if matches!(request.phase, Phase::Backlog { .. }) {
                self.measure.waiting(-1);
            }
            request.phase = Phase::Working { instance };
            request.begun = now;
        }
        let time = self.scenario.instances[instance].time.draw(&mut Rng::with_seed(luck));
        let server = &self.servers[instance];
        let seconds = time.as_secs_f64() * server.slowness(now);
        let end = now + Duration::from_secs_f64(seconds);
        self.agenda.add(end, Event::Worked { instance, job, epoch: server.epoch() });
    }

    pub(super) fn worked(&mut self, instance: usize, job: Try, epoch: u32) {
        let server = &mut self.servers[instance];
        if server.epoch() != epoch || !server.leave(job) {
            return;
        }
        if let Some(request) = self.current(job) {
            request.phase = Phase::Away { instance };
            let edge = request.edge;
            self.agenda.add(self.now + self.way(edge, instance), Event::Answer(job));
        }
        self.next_job(instance);
    }

    fn next_job(&mut self, instance: usize) {
        let (requests, cancels) = (&self.requests, self.scenario.cancels);
        let wanted = |job: Try| {
            !cancels || requests.get(job.request as usize).is_some_and(|request| request.is_at(job))
        };
        if let Some(job) = self.servers[instance].next(wanted) {
            self.work(instance, job);
        }
    }

    pub(super) fn answered(&mut self, job: Try) {
        let Some(request) = self.current(job) else { return };
        let Some(instance) = request.phase.instance() else { return };
        let (edge, arrived, begun) = (request.edge, request.arrived, request.begun);
        let waited = (begun - arrived).saturating_sub(self.way(edge, instance));
        let served = Served { edge, instance, took: self.now - arrived, waited };
        self.give_back(job.request, Verdict::Good);
        self.finish(job.request, Outcome::Served(served));
    }

    pub(super) fn failed(&mut self, job: Try, failure: Failure) {
        if self.current(job).is_none_or(|request| request.phase == Phase::Asking) {
            return;
        }
        let tried = self.give_back(job.request, Verdict::Bad);
        let request = &mut self.requests[job.request as usize];
        request.failure = Some(failure);
        request.retry = None;
        let left = u32::from(job.attempt) < self.scenario.retry.attempts.get();
        if left && failure.may_retry() {
            request.retry = request.active.as_ref().and_then(Active::retry);
        }
        if request.retry.is_none() {
            return self.finish(job.request, Outcome::Failed(failure));
        }
        request.tried.extend(tried);
        self.ask(job.request);
    }

    /// Ends a request's try: its place is free, whoever worked on it may stop.
    fn give_back(&mut self, request: u32, verdict: Verdict) -> Option<usize> {
        let entry = &mut self.requests[request as usize];
        let (edge, phase) = (entry.edge, entry.phase);
        let job = Try { request, attempt: entry.attempt };
        let instance = phase.instance()?;
        entry.phase = Phase::Over;
        self.measure.given_back(edge, instance);
        if matches!(phase, Phase::Backlog { .. }) {
            self.measure.waiting(-1);
        }
        let working = matches!(phase, Phase::Working { .. });
        if working && self.scenario.cancels && self.servers[instance].leave(job) {
            self.next_job(instance);
        }
        self.edges[edge].policy.release(request, verdict, self.now);
        self.touched.push_back(edge);
        Some(instance)
    }

    pub(super) fn waited_enough(&mut self, job: Try) {
        let Some(request) = self.current(job) else { return };
        if request.phase == Phase::Asking {
            self.leave_queue(job.request);
            self.finish(job.request, Outcome::Refused(Reason::QueueTimeout));
        }
    }

    pub(super) fn client_leaves(&mut self, request: u32) {
        match self.requests[request as usize].phase {
            Phase::Over => return,
            Phase::Asking => self.leave_queue(request),
            Phase::Away { .. } | Phase::Backlog { .. } | Phase::Working { .. } => {
                self.give_back(request, Verdict::Unknown);
            }
        }
        self.finish(request, Outcome::ClientLeft);
    }

    fn leave_queue(&mut self, request: u32) {
        let edge = self.requests[request as usize].edge;
        self.measure.waiting(-1);
        self.edges[edge].policy.leave(request);
        self.touched.push_back(edge);
    }

    fn finish(&mut self, request: u32, outcome: Outcome) {
        let entry = &mut self.requests[request as usize];
        entry.phase = Phase::Over;
        entry.tried = Vec::new();
        (entry.active, entry.retry) = (None, None);
        self.open -= 1;
        self.measure.finished(outcome);
    }
}
