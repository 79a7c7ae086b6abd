//! P1-P6 over any order of arrivals, ends, aborts, flips and reloads, for small services and for
//! ones with an index, judged by what the status shows before each step.

use std::collections::BTreeMap;
use std::time::Duration;

use hither_balance::{
    Band, InstanceStatus, Permit, Picked, Policy, Refusal, RttClass, Scope, Spread, Waiter, Wanted,
};
use proptest::prelude::*;

use crate::service::{Service, poll, spec};

/// Requirements and preferences that requests come with.
const WISHES: [Wish; 6] = [
    Wish { require: &[], prefer: &[], exclude: &[] },
    Wish { require: &[], prefer: &[], exclude: &[] },
    Wish { require: &[("region", "r1")], prefer: &[], exclude: &[] },
    Wish { require: &[], prefer: &[("version", "new"), ("region", "r0")], exclude: &[] },
    Wish { require: &[("version", "new")], prefer: &[("id", "4")], exclude: &["1", "9"] },
    Wish { require: &[], prefer: &[], exclude: &["0", "2", "3"] },
];

#[derive(Clone, Copy)]
struct Wish {
    require: &'static [(&'static str, &'static str)],
    prefer: &'static [(&'static str, &'static str)],
    exclude: &'static [&'static str],
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(usize),
    End(usize),
    Abort(usize),
    Healthy(usize, bool),
    Draining(usize, bool),
    Measure(usize, Option<u8>),
    Reload(Policy, Vec<bool>),
}

fn policy() -> impl Strategy<Value = Policy> {
    let hard = prop_oneof![1 => Just(None), 6 => (0_u32..4).prop_map(Some)];
    (1_u32..4, hard, any::<bool>(), any::<bool>()).prop_map(|(soft, more, region, strict)| Policy {
        soft_limit: soft,
        hard_limit: more.map(|more| soft + more),
        scope: if region { Scope::Region } else { Scope::Global },
        spread: if strict { Spread::Strict } else { Spread::Class },
        max_waiting: Some(12),
        ..Policy::default()
    })
}

fn step(pool: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => (0..WISHES.len()).prop_map(Step::Arrive),
        20 => any::<usize>().prop_map(Step::End),
        4 => any::<usize>().prop_map(Step::Abort),
        3 => (0..pool, any::<bool>()).prop_map(|(i, up)| Step::Healthy(i, up)),
        2 => (0..pool, any::<bool>()).prop_map(|(i, on)| Step::Draining(i, on)),
        2 => (0..pool, prop::option::of(0_u8..90)).prop_map(|(i, rtt)| Step::Measure(i, rtt)),
        1 => (policy(), prop::collection::vec(prop::bool::weighted(0.9), pool))
            .prop_map(|(policy, present)| Step::Reload(policy, present)),
    ]
}

/// A service and everybody who was told something by it.
struct World {
    service: Service,
    policy: Policy,
    pool: usize,
    held: Vec<Permit<()>>,
    waiting: Vec<(usize, Waiter<()>)>,
}

fn instances(present: &[bool]) -> Vec<hither_balance::InstanceSpec> {
    let named = present.iter().enumerate().filter(|(_, present)| **present);
    named
        .map(|(number, _)| {
            let rtts = [Some(1), Some(1), Some(30), None];
            let rtt = rtts[number % 4].map(Duration::from_millis);
            let mut spec = spec(&number.to_string(), &format!("r{}", number % 3), rtt);
            if number % 5 == 4 {
                spec.labels.push(("version".into(), "new".into()));
            }
            spec
        })
        .collect()
}

impl World {
    fn new(policy: Policy, pool: usize) -> Self {
        let service = Service::of(policy.clone(), instances(&vec![true; pool]));
        Self { service, policy, pool, held: Vec::new(), waiting: Vec::new() }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Arrive(wish) => self.arrive(*wish),
            Step::End(number) if !self.held.is_empty() => {
                drop(self.held.swap_remove(number % self.held.len()));
            }
            Step::Abort(number) if !self.waiting.is_empty() => {
                drop(self.waiting.remove(number % self.waiting.len()));
            }
            Step::End(_) | Step::Abort(_) => {}
            Step::Healthy(instance, up) => {
                self.service.balancer.set_healthy(&instance.to_string(), *up);
            }
            Step::Draining(instance, on) => {
                self.service.balancer.set_draining(&instance.to_string(), *on);
            }
            Step::Measure(instance, rtt) => {
                self.service.now += Duration::from_millis(400);
                let rtt = rtt.map(|rtt| Duration::from_millis(u64::from(rtt)));
                let id = instance.to_string();
                self.service.balancer.measured([(id.as_str(), rtt)], self.service.now);
            }
            Step::Reload(policy, present) => {
                self.policy = policy.clone();
                let specs = instances(&present[..self.pool]);
                self.service.balancer.reconfigure(policy.clone(), specs).expect("unique ids");
            }
        }
        self.collect();
        self.check();
    }

    fn arrive(&mut self, wish: usize) {
        let before = self.service.balancer.instances();
        let picked = self.pick(wish);
        let eligible: Vec<_> = before.iter().filter(|i| may(i, &WISHES[wish])).collect();
        let room = eligible.iter().any(|i| i.band != Band::Full);
        match picked {
            Picked::Permit(permit) => {
                self.judge(&WISHES[wish], &before, &eligible, &permit);
                self.held.push(permit);
            }
            Picked::Wait(waiter) => {
                assert!(!eligible.is_empty() && !room, "P5: waits though something has room");
                self.waiting.push((wish, waiter));
            }
            Picked::Refused(Refusal::NoInstance) => assert!(eligible.is_empty()),
            Picked::Refused(_) => {
                assert!(!room, "refused though something has room");
                assert_eq!(self.waiting.len(), 12);
            }
        }
    }

    fn pick(&mut self, wish: usize) -> Picked<()> {
        let Wish { require, prefer, exclude } = WISHES[wish];
        let wanted = Wanted { require, prefer, exclude, affinity: &[] };
        self.service.balancer.pick(&wanted, &mut self.service.rng, self.service.now)
    }

    /// P1-P3 and the least load, for one permit.
    fn judge(
        &self,
        wish: &Wish,
        all: &[InstanceStatus],
        eligible: &[&InstanceStatus],
        permit: &Permit<()>,
    ) {
        let mut regions: BTreeMap<&str, u64> = BTreeMap::new();
        for instance in all.iter().filter(|_| self.policy.scope == Scope::Region) {
            let closest = regions.entry(&instance.region).or_insert(u64::MAX);
            *closest = self.distance(instance).min(*closest);
        }
        // Smaller is better: what the policy compares, in its order.
        let rank = |i: &InstanceStatus| {
            (regions.get(&*i.region).copied(), i.band, self.distance(i), i.in_flight)
        };
        let has_room = |label: &&(&str, &str)| {
            eligible.iter().any(|i| bears(i, label.0, label.1) && i.band != Band::Full)
        };
        let preferred = wish.prefer.iter().find(has_room);
        let among: Vec<_> = eligible
            .iter()
            .filter(|i| preferred.is_none_or(|(key, value)| bears(i, key, value)))
            .collect();
        let chosen = among.iter().find(|i| &*i.id == permit.id()).expect("an eligible one");
        assert_ne!(chosen.band, Band::Full, "P1");
        let chosen = rank(chosen);
        let best = among.iter().filter(|i| i.band != Band::Full).map(|i| rank(i)).min();
        assert_eq!(Some(chosen), best, "P2, P3");
    }

    fn distance(&self, instance: &InstanceStatus) -> u64 {
        let unknown = Duration::from_secs(10_000);
        match self.policy.spread {
            Spread::Class => u64::from(instance.class.rank()),
            Spread::Strict => instance.rtt.unwrap_or(unknown).as_micros() as u64,
        }
    }

    /// Everybody who was answered meanwhile; within one requirement in the order of arrival.
    fn collect(&mut self) {
        let mut still: Vec<(usize, Waiter<()>)> = Vec::new();
        for (wish, mut waiter) in std::mem::take(&mut self.waiting) {
            match poll(&mut waiter) {
                Some(Ok(permit)) => {
                    let overtaken = still.iter().any(|(other, _)| same(*other, wish));
                    assert!(!overtaken, "somebody was overtaken");
                    self.held.push(permit);
                }
                Some(Err(refusal)) => assert_eq!(refusal, Refusal::NoInstance),
                None => still.push((wish, waiter)),
            }
        }
        self.waiting = still;
    }

    fn check(&self) {
        let status = self.service.balancer.instances();
        let mut held: BTreeMap<&str, u32> = BTreeMap::new();
        self.held.iter().for_each(|permit| *held.entry(permit.id()).or_default() += 1);
        for instance in &status {
            let held = held.get(&*instance.id).copied().unwrap_or(0);
            assert_eq!(instance.in_flight, held, "P6 for {}", instance.id);
        }
        for (wish, _) in &self.waiting {
            let eligible = || status.iter().filter(|i| may(i, &WISHES[*wish]));
            assert!(eligible().all(|i| i.band == Band::Full), "P5: {status:?}");
            assert!(eligible().next().is_some(), "waits for nothing");
        }
        assert_eq!(self.service.balancer.queue(self.service.now).waiting, self.waiting.len());
    }
}

fn same(a: usize, b: usize) -> bool {
    let key = |wish: usize| (WISHES[wish].require, WISHES[wish].exclude);
    key(a) == key(b)
}

fn bears(instance: &InstanceStatus, key: &str, value: &str) -> bool {
    match key {
        "id" => &*instance.id == value,
        "region" => &*instance.region == value,
        _ => instance.labels.iter().any(|(k, v)| &**k == key && &**v == value),
    }
}

fn may(instance: &InstanceStatus, wish: &Wish) -> bool {
    instance.healthy
        && !instance.draining
        && wish.require.iter().all(|(key, value)| bears(instance, key, value))
        && !wish.exclude.contains(&&*instance.id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_small_service_keeps_its_promises(
        policy in policy(),
        steps in prop::collection::vec(step(11), 1..200),
    ) {
        let mut world = World::new(policy, 11);
        steps.iter().for_each(|step| world.step(step));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_service_with_an_index_keeps_its_promises(
        policy in policy(),
        steps in prop::collection::vec(step(150), 1..400),
    ) {
        let mut world = World::new(policy, 150);
        // Nearly full from the start, so that the steps are about the last places.
        for _ in 0..world.policy.hard_limit.unwrap_or(3) * 150 - 40 {
            let Picked::Permit(permit) = world.pick(0) else { panic!("it has room") };
            world.held.push(permit);
        }
        world.check();
        steps.iter().for_each(|step| world.step(step));
    }
}

#[test]
fn unknown_round_trips_come_last() {
    let near = spec("near", "a", Some(Duration::from_millis(250)));
    let unknown = spec("unknown", "b", None);
    let policy = Policy { soft_limit: 1, ..Policy::default() };
    let mut service = Service::of(policy, vec![unknown, near]);
    service.hold(2);
    assert_eq!(service.permits[0].id(), "near");
    assert_eq!(service.permits[1].id(), "unknown");
    assert_eq!(service.balancer.instances()[1].class, RttClass::UNKNOWN);
}
