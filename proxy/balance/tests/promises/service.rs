//! A service on a test bench: instances in regions, and the requests that are held on it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fastrand::Rng;
use hither_balance::{Balancer, InstanceSpec, Permit, Picked, Policy, Refusal, Waiter, Wanted};

/// Round trips of the regions, closest first, each in a class of its own.
pub(crate) const ROUND_TRIPS: [u64; 4] = [1, 9, 120, 250];
pub(crate) const REGIONS: [&str; 4] = ["ams", "maa", "sea", "sin"];

pub(crate) struct Service {
    pub(crate) balancer: Balancer,
    pub(crate) rng: Rng,
    pub(crate) now: Duration,
    pub(crate) permits: Vec<Permit<()>>,
    pub(crate) waiters: Vec<Waiter<()>>,
}

pub(crate) fn spec(id: &str, region: &str, rtt: Option<Duration>) -> InstanceSpec {
    InstanceSpec {
        id: id.into(),
        address: format!("{id}:80"),
        region: region.into(),
        labels: Vec::new(),
        rtt,
        payload: (),
    }
}

/// `sizes[r]` instances in region `r`.
pub(crate) fn regions(sizes: &[u32]) -> Vec<InstanceSpec> {
    let mut specs = Vec::new();
    for (region, size) in sizes.iter().enumerate() {
        for number in 1..=*size {
            let rtt = Some(Duration::from_millis(ROUND_TRIPS[region]));
            specs.push(spec(&format!("{}-{number}", REGIONS[region]), REGIONS[region], rtt));
        }
    }
    specs
}

impl Service {
    pub(crate) fn new(policy: Policy, sizes: &[u32]) -> Self {
        Self::of(policy, regions(sizes))
    }

    pub(crate) fn of(policy: Policy, specs: Vec<InstanceSpec>) -> Self {
        Self {
            balancer: Balancer::new(policy, specs, 1).expect("unique ids"),
            rng: Rng::with_seed(2),
            now: Duration::ZERO,
            permits: Vec::new(),
            waiters: Vec::new(),
        }
    }

    /// Lets requests arrive until as many are held or wait.
    pub(crate) fn hold(&mut self, total: usize) {
        while self.permits.len() + self.waiters.len() < total {
            self.arrive(&Wanted::default()).expect("delayed, not refused");
        }
    }

    /// One request; `Ok(true)` if it got a place at once.
    pub(crate) fn arrive(&mut self, wanted: &Wanted<'_>) -> Result<bool, Refusal> {
        match self.balancer.pick(wanted, &mut self.rng, self.now) {
            Picked::Permit(permit) => {
                self.permits.push(permit);
                Ok(true)
            }
            Picked::Wait(waiter) => {
                self.waiters.push(waiter);
                Ok(false)
            }
            Picked::Refused(refusal) => Err(refusal),
        }
    }

    /// Ends the request with this number; tells the instance's id.
    pub(crate) fn end_one(&mut self, number: usize) -> String {
        self.permits.swap_remove(number).id().to_owned()
    }

    /// Holds the place that the first answered waiter was given.
    pub(crate) fn hold_answered(&mut self) {
        let permit = self.answered().expect("its turn").expect("not refused");
        self.permits.push(permit);
    }

    /// The answer of the first waiter that has one.
    pub(crate) fn answered(&mut self) -> Option<Result<Permit<()>, Refusal>> {
        for place in 0..self.waiters.len() {
            if let Some(answer) = poll(&mut self.waiters[place]) {
                drop(self.waiters.remove(place));
                return Some(answer);
            }
        }
        None
    }
}

/// One poll, by nobody who wants to be woken.
pub(crate) fn poll(waiter: &mut Waiter<()>) -> Option<Result<Permit<()>, Refusal>> {
    match Pin::new(waiter).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// Requests in flight, summed by region.
pub(crate) fn held_by_region(balancer: &Balancer) -> [u32; 4] {
    REGIONS.map(|region| {
        let instances = balancer.instances();
        instances.iter().filter(|i| &*i.region == region).map(|i| i.in_flight).sum()
    })
}
