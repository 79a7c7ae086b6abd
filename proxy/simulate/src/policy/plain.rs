//! What Hither is compared with: random, round robin, least requests, the better of two.
//!
//! Each is what its name says and nothing more; see [`super::Others`] for what it is given.

use std::collections::HashMap;
use std::time::Duration;

use fastrand::Rng;

use hither_balance::Policy as Limits;

use super::ejection::Ejection;
use super::{Choice, Policy, Reason, Verdict};

/// How one is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Random,
    RoundRobin,
    LeastRequests,
    TwoChoices,
}

/// One edge's policy.
pub(crate) struct Plain {
    rule: Rule,
    /// Requests that this edge has sent and that have not ended.
    in_flight: Vec<u32>,
    healthy: Vec<bool>,
    limit: Option<u32>,
    ejection: Option<Ejection>,
    /// By request, while it holds a place.
    places: HashMap<u32, usize>,
    /// Whose turn it is.
    next: usize,
    /// Those that may be chosen at this moment; kept to spare an allocation for each request.
    candidates: Vec<usize>,
    rng: Rng,
}

impl Plain {
    pub(crate) fn new(rule: Rule, instances: usize, equipment: Option<&Limits>, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            rule,
            in_flight: vec![0; instances],
            healthy: vec![true; instances],
            limit: equipment.and_then(|limits| limits.hard_limit),
            ejection: equipment.map(|limits| Ejection::new(&limits.ejection, instances)),
            places: HashMap::new(),
            // Edges do not begin in step.
            next: rng.usize(..instances.max(1)),
            candidates: Vec::with_capacity(instances),
            rng,
        }
    }

    fn load(&self, instance: usize) -> u32 {
        self.in_flight.get(instance).copied().unwrap_or(u32::MAX)
    }

    /// Fills `candidates`; the reason if there are none.
    fn gather(&mut self, tried: &[usize], now: Duration) -> Result<(), Reason> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.clear();
        let rests = |number| self.ejection.as_ref().is_some_and(|list| list.rests(number, now));
        let eligible = |number: &usize| {
            let healthy = self.healthy.get(*number) == Some(&true);
            healthy && !tried.contains(number) && !rests(*number)
        };
        candidates.extend((0..self.in_flight.len()).filter(eligible));
        let any = !candidates.is_empty();
        let below = |number: &usize| self.limit.is_none_or(|limit| self.load(*number) < limit);
        candidates.retain(below);
        self.candidates = candidates;
        match self.candidates.is_empty() {
            true if any => Err(Reason::AllFull),
            true => Err(Reason::NoInstance),
            false => Ok(()),
        }
    }

    fn choose(&mut self) -> Option<usize> {
        let count = self.candidates.len();
        match self.rule {
            Rule::RoundRobin => {
                let place = self.candidates.partition_point(|number| *number < self.next);
                let chosen = *self.candidates.get(place).or(self.candidates.first())?;
                self.next = chosen + 1;
                Some(chosen)
            }
            Rule::TwoChoices if count > 1 => {
                let first = self.rng.usize(..count);
                // Another one: drawn from those that are left.
                let second = (first + 1 + self.rng.usize(..count - 1)) % count;
                let (first, second) = (self.candidates[first], self.candidates[second]);
                Some(if self.load(second) < self.load(first) { second } else { first })
            }
            Rule::LeastRequests => {
                let least = self.candidates.iter().map(|number| self.load(*number)).min()?;
                let mut candidates = std::mem::take(&mut self.candidates);
                candidates.retain(|number| self.load(*number) == least);
                self.candidates = candidates;
                self.rng.choice(&self.candidates).copied()
            }
            Rule::Random | Rule::TwoChoices => self.rng.choice(&self.candidates).copied(),
        }
    }
}

impl Policy for Plain {
    fn pick(&mut self, request: u32, tried: &[usize], now: Duration) -> Choice {
        if let Err(reason) = self.gather(tried, now) {
            return Choice::Refuse(reason);
        }
        let Some(chosen) = self.choose() else { return Choice::Refuse(Reason::NoInstance) };
        self.in_flight[chosen] += 1;
        self.places.insert(request, chosen);
        Choice::Go(chosen)
    }

    fn release(&mut self, request: u32, verdict: Verdict, now: Duration) {
        let Some(instance) = self.places.remove(&request) else { return };
        self.in_flight[instance] -= 1;
        if let Some(ejection) = &mut self.ejection {
            ejection.ended(instance, verdict, now);
        }
    }

    /// Nobody waits here.
    fn leave(&mut self, _request: u32) {}

    fn set_healthy(&mut self, instance: usize, healthy: bool) {
        if let Some(slot) = self.healthy.get_mut(instance) {
            *slot = healthy;
        }
    }

    /// Rests are looked at with each pick, and nobody waits for their end.
    fn advance(&mut self, _now: Duration) {}

    fn next_advance(&self) -> Option<Duration> {
        None
    }

    fn woken(&mut self) -> Option<(u32, Result<usize, Reason>)> {
        None
    }
}
