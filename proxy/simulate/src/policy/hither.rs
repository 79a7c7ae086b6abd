//! The real balancer under simulated time: the same crate that the proxy links, asked the same way.
//!
//! Must not decide anything itself.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use fastrand::Rng;
use hither_balance::{Balancer, InstanceSpec, Permit, Picked, Refusal, Waiter, Wanted};

use super::{Choice, Policy, Reason, Verdict};
use crate::scenario::{Scenario, ScenarioError};

/// One edge's balancer. Maps are only asked for single keys: their order decides nothing.
pub(crate) struct Hither {
    balancer: Balancer<usize>,
    ids: Vec<String>,
    rng: Rng,
    permits: HashMap<u32, Permit<usize>>,
    waiters: HashMap<u32, Waiter<usize>>,
    bell: Arc<Bell>,
}

/// Requests whose waiter was woken, in that order.
#[derive(Default)]
struct Bell(Mutex<VecDeque<u32>>);

/// Wakes one request.
struct Rope {
    request: u32,
    bell: Arc<Bell>,
}

impl Bell {
    fn ring(&self, request: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(request);
    }

    fn next(&self) -> Option<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Wake for Rope {
    fn wake(self: Arc<Self>) {
        self.bell.ring(self.request);
    }
}

impl Hither {
    pub(crate) fn new(scenario: &Scenario, edge: usize, seed: u64) -> Result<Self, ScenarioError> {
        let rtt = |region: usize| scenario.edges.get(edge)?.rtt.get(region).copied();
        let specs = scenario.instances.iter().enumerate().map(|(number, instance)| InstanceSpec {
            id: instance.id.clone(),
            address: instance.id.clone(),
            region: scenario.regions.get(instance.region).cloned().unwrap_or_default(),
            labels: Vec::new(),
            rtt: rtt(instance.region),
            payload: number,
        });
        let policy = scenario.balancing.clone();
        Ok(Self {
            balancer: Balancer::new(policy, specs.collect(), seed)?,
            ids: scenario.instances.iter().map(|instance| instance.id.clone()).collect(),
            rng: Rng::with_seed(seed),
            permits: HashMap::new(),
            waiters: HashMap::new(),
            bell: Arc::default(),
        })
    }

    fn hold(&mut self, request: u32, permit: Permit<usize>) -> usize {
        let instance = *permit.payload();
        self.permits.insert(request, permit);
        instance
    }
}

impl Policy for Hither {
    fn pick(&mut self, request: u32, tried: &[usize], now: Duration) -> Choice {
        let exclude: Vec<&str> =
            tried.iter().filter_map(|number| self.ids.get(*number)).map(String::as_str).collect();
        let wanted = Wanted { exclude: &exclude, ..Wanted::default() };
        match self.balancer.pick(&wanted, &mut self.rng, now) {
            Picked::Permit(permit) => Choice::Go(self.hold(request, permit)),
            Picked::Refused(refusal) => Choice::Refuse(reason(refusal)),
            Picked::Wait(waiter) => {
                self.waiters.insert(request, waiter);
                // The first look leaves the waker behind.
                self.bell.ring(request);
                Choice::Wait
            }
        }
    }

    fn release(&mut self, request: u32, verdict: Verdict, now: Duration) {
        let Some(permit) = self.permits.remove(&request) else { return };
        match verdict {
            Verdict::Good => permit.succeeded(),
            Verdict::Bad => permit.failed(now),
            Verdict::Unknown => {}
        }
        drop(permit);
    }

    fn leave(&mut self, request: u32) {
        drop(self.waiters.remove(&request));
    }

    fn set_healthy(&mut self, instance: usize, healthy: bool) {
        if let Some(id) = self.ids.get(instance) {
            self.balancer.set_healthy(id, healthy);
        }
    }

    fn advance(&mut self, now: Duration) {
        self.balancer.advance(now);
    }

    fn next_advance(&self) -> Option<Duration> {
        self.balancer.next_advance()
    }

    fn woken(&mut self) -> Option<(u32, Result<usize, Reason>)> {
        loop {
            let request = self.bell.next()?;
            let Some(waiter) = self.waiters.get_mut(&request) else { continue };
            let waker = Waker::from(Arc::new(Rope { request, bell: self.bell.clone() }));
            let polled = Pin::new(waiter).poll(&mut Context::from_waker(&waker));
            let Poll::Ready(answer) = polled else { continue };
            self.waiters.remove(&request);
            let answer = match answer {
                Ok(permit) => Ok(self.hold(request, permit)),
                Err(refusal) => Err(reason(refusal)),
            };
            return Some((request, answer));
        }
    }
}

fn reason(refusal: Refusal) -> Reason {
    match refusal {
        Refusal::NoInstance => Reason::NoInstance,
        Refusal::QueueFull { .. } => Reason::QueueFull,
        Refusal::Overloaded { .. } => Reason::Overloaded,
    }
}
