//! P1-P6 over any order of arrivals, ends, failures, retries, aborts, flips, probes, single changes
//! and reloads while time passes, for small services and for ones with an index, judged by what the
//! status shows before each step. A connection is a place that is held while requests on it end
//! well or badly.

use std::collections::BTreeMap;
use std::time::Duration;

use hither_balance::{
    Band, Ejection, InstanceSpec, InstanceStatus, Outcome, Permit, Picked, Policy, Refusal,
    RttClass, Scope, Spread, Verdict, Waiter, Wanted,
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

/// A wish, and the instance that a retry keeps away from.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    wish: usize,
    tried: Option<String>,
}

impl Asked {
    fn with<R>(&self, ask: impl FnOnce(&Wanted<'_>) -> R) -> R {
        let Wish { require, prefer, exclude } = WISHES[self.wish];
        let exclude: Vec<&str> = exclude.iter().copied().chain(self.tried.as_deref()).collect();
        ask(&Wanted { require, prefer, exclude: &exclude, affinity: &[] })
    }

    fn same_line(&self, other: &Self) -> bool {
        let key = |asked: &Self| {
            asked.with(|wanted| {
                let mut exclude: Vec<String> =
                    wanted.exclude.iter().map(|id| (*id).into()).collect();
                exclude.sort();
                exclude.dedup();
                (WISHES[asked.wish].require, exclude)
            })
        };
        key(self) == key(other)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Arrive(usize),
    /// A request ends, well or badly.
    End(usize, bool),
    /// A request of a connection ends, the connection stays.
    OnConnection(usize, bool),
    /// A request fails and is tried elsewhere.
    Retry(usize),
    Abort(usize),
    Tick(u16),
    Healthy(usize, bool),
    /// Checks of all but one fail, or all pass.
    Outage(usize, bool),
    Draining(usize, bool),
    Measure(usize, Option<u8>),
    Put(usize, bool),
    Remove(usize),
    Reload(Policy, Vec<bool>),
}

fn policy() -> impl Strategy<Value = Policy> {
    let hard = prop_oneof![1 => Just(None), 6 => (0_u32..4).prop_map(Some)];
    let world = (prop::sample::select(vec![0_u32, 2, 5]), prop::option::of(1_u64..30));
    (1_u32..6, hard, any::<bool>(), any::<bool>(), world).prop_map(
        |(soft, more, region, strict, (failures, slow_start))| Policy {
            soft_limit: soft,
            hard_limit: more.map(|more| soft + more),
            scope: if region { Scope::Region } else { Scope::Global },
            spread: if strict { Spread::Strict } else { Spread::Class },
            max_waiting: Some(12),
            shed_after: Duration::MAX,
            slow_start: slow_start.map(Duration::from_secs),
            ejection: Ejection { failures, ..Ejection::default() },
        },
    )
}

fn step(pool: usize) -> impl Strategy<Value = Step> {
    let rtt = prop::option::weighted(0.9, prop::sample::select(vec![0_u8, 1, 3, 3, 30, 80]));
    prop_oneof![
        40 => (0..WISHES.len()).prop_map(Step::Arrive),
        20 => (any::<usize>(), prop::bool::weighted(0.7)).prop_map(|(n, ok)| Step::End(n, ok)),
        8 => (any::<usize>(), any::<bool>()).prop_map(|(n, ok)| Step::OnConnection(n, ok)),
        6 => any::<usize>().prop_map(Step::Retry),
        4 => any::<usize>().prop_map(Step::Abort),
        4 => (0_u16..20_000).prop_map(Step::Tick),
        3 => (0..pool, any::<bool>()).prop_map(|(i, up)| Step::Healthy(i, up)),
        1 => (0..pool, any::<bool>()).prop_map(|(i, on)| Step::Outage(i, on)),
        2 => (0..pool, any::<bool>()).prop_map(|(i, on)| Step::Draining(i, on)),
        6 => (0..pool, rtt).prop_map(|(i, rtt)| Step::Measure(i, rtt)),
        2 => (0..pool, prop::bool::weighted(0.9)).prop_map(|(i, same)| Step::Put(i, same)),
        1 => (0..pool).prop_map(Step::Remove),
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
    waiting: Vec<(Asked, Waiter<()>)>,
}

fn instances(present: &[bool]) -> Vec<InstanceSpec> {
    let named = present.iter().enumerate().filter(|(_, present)| **present);
    named.map(|(number, _)| instance(number)).collect()
}

/// Some are fixed, some are measured.
fn instance(number: usize) -> InstanceSpec {
    let rtts = [Some(1), None, Some(30), None, None];
    let rtt = rtts[number % 5].map(Duration::from_millis);
    let mut spec = spec(&number.to_string(), &format!("r{}", number % 3), rtt);
    if number % 5 == 4 {
        spec.labels.push(("version".into(), "new".into()));
    }
    spec
}

impl World {
    fn new(policy: Policy, pool: usize) -> Self {
        let service = Service::of(policy.clone(), instances(&vec![true; pool]));
        Self { service, policy, pool, held: Vec::new(), waiting: Vec::new() }
    }

    fn step(&mut self, step: &Step) {
        let place = |number: usize, len: usize| (len > 0).then(|| number % len);
        match step {
            Step::Arrive(wish) => self.arrive(Asked { wish: *wish, tried: None }),
            Step::End(number, ok) => {
                if let Some(place) = place(*number, self.held.len()) {
                    self.report(place, *ok);
                    drop(self.held.swap_remove(place));
                }
            }
            Step::OnConnection(number, ok) => {
                if let Some(place) = place(*number, self.held.len()) {
                    self.report(place, *ok);
                }
            }
            Step::Retry(number) => {
                if let Some(place) = place(*number, self.held.len()) {
                    self.report(place, false);
                    let tried = self.held.swap_remove(place).id().to_owned();
                    self.collect();
                    self.arrive(Asked { wish: number % WISHES.len(), tried: Some(tried) });
                }
            }
            Step::Abort(number) => {
                if let Some(place) = place(*number, self.waiting.len()) {
                    drop(self.waiting.remove(place));
                }
            }
            Step::Tick(millis) => self.service.now += Duration::from_millis((*millis).into()),
            Step::Healthy(instance, up) => {
                self.service.balancer.set_healthy(&instance.to_string(), *up);
            }
            Step::Outage(spared, on) => {
                for number in (0..self.pool).filter(|number| number != spared) {
                    self.service.balancer.set_healthy(&number.to_string(), !on);
                }
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
            Step::Put(number, same) => {
                let mut spec = instance(*number);
                if !same {
                    spec.address = format!("{number}:81");
                }
                self.service.balancer.put(spec).expect("not too many");
            }
            Step::Remove(instance) => {
                self.service.balancer.remove(&instance.to_string());
            }
            Step::Reload(policy, present) => {
                self.policy = policy.clone();
                let specs = instances(&present[..self.pool]);
                self.service.balancer.reconfigure(policy.clone(), specs).expect("unique ids");
            }
        }
        self.service.balancer.advance(self.service.now);
        self.collect();
        self.check();
    }

    /// A request on a held place ends. Failures may eject, but never too many.
    fn report(&mut self, place: usize, ok: bool) {
        if ok {
            self.held[place].succeeded();
            return;
        }
        let ejected = |service: &Service| {
            let status = service.balancer.instances();
            (status.iter().filter(|i| i.ejected_until.is_some()).count(), status.len())
        };
        let (before, all) = ejected(&self.service);
        self.held[place].failed(self.service.now);
        let (after, _) = ejected(&self.service);
        assert!(after <= before.max((all / 10).max(1)), "{after} of {all} are ejected");
        assert!(after == 0 || all > 1);
    }

    fn arrive(&mut self, asked: Asked) {
        let wish = &WISHES[asked.wish];
        let before = self.service.balancer.instances();
        let (balancer, now) = (&self.service.balancer, self.service.now);
        let told = asked.with(|wanted| balancer.explain(wanted, now, usize::MAX));
        let picked = self.pick(&asked);
        let eligible: Vec<_> = before.iter().filter(|i| may(i, &asked)).collect();
        let room = eligible.iter().any(|i| i.band != Band::Full);
        match picked {
            Picked::Permit(permit) => {
                let said = told.candidates.iter().find(|c| &*c.id == permit.id()).expect("listed");
                assert!(matches!(said.verdict, Verdict::Chosen | Verdict::Tie), "{told:?}");
                assert!(matches!(told.outcome, Outcome::Permit { .. }));
                self.judge(wish, &before, &eligible, &permit);
                self.held.push(permit);
            }
            Picked::Wait(waiter) => {
                assert!(!eligible.is_empty() && !room, "P5: waits though something has room");
                let ahead = self.waiting.iter().filter(|(other, _)| other.same_line(&asked));
                assert_eq!(told.outcome, Outcome::Wait { position: 1 + ahead.count() });
                self.waiting.push((asked, waiter));
            }
            Picked::Refused(refusal) => {
                assert_eq!(told.outcome, Outcome::Refused(refusal));
                match refusal {
                    Refusal::NoInstance => assert!(eligible.is_empty()),
                    _ => assert!(!room && self.waiting.len() == 12, "refused though it has room"),
                }
            }
        }
    }

    fn pick(&mut self, asked: &Asked) -> Picked<()> {
        let Service { balancer, rng, now, .. } = &mut self.service;
        asked.with(|wanted| balancer.pick(wanted, rng, *now))
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
            (regions.get(&*i.region).copied(), i.band, self.distance(i), i.load)
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
        // Two regions whose closest instances are of one class are told apart by round trips as they
        // were when a class last changed, which the status does not show.
        let told_apart = self.policy.scope == Scope::Region && self.policy.spread == Spread::Class;
        let room = among.iter().filter(|i| i.band != Band::Full);
        let rival = |i: &&&&InstanceStatus| !told_apart || i.region == chosen.region;
        let best = room.clone().filter(rival).map(|i| rank(i)).min();
        assert_eq!(Some(rank(chosen)), best, "P2, P3");
        assert_eq!(Some(rank(chosen).0), room.map(|i| rank(i).0).min(), "P2, P3 of regions");
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
        let mut still: Vec<(Asked, Waiter<()>)> = Vec::new();
        for (asked, mut waiter) in std::mem::take(&mut self.waiting) {
            match poll(&mut waiter) {
                Some(Ok(permit)) => {
                    let overtaken = still.iter().any(|(other, _)| other.same_line(&asked));
                    assert!(!overtaken, "somebody was overtaken");
                    self.held.push(permit);
                }
                Some(Err(refusal)) => assert_eq!(refusal, Refusal::NoInstance),
                None => still.push((asked, waiter)),
            }
        }
        self.waiting = still;
    }

    fn check(&self) {
        let status = self.service.balancer.instances();
        let mut held: BTreeMap<&str, u32> = BTreeMap::new();
        self.held.iter().for_each(|permit| *held.entry(permit.address()).or_default() += 1);
        for instance in &status {
            let held = held.get(&*instance.address).copied().unwrap_or(0);
            assert_eq!(instance.in_flight, held, "P6 for {}", instance.id);
        }
        for (asked, _) in &self.waiting {
            let eligible = || status.iter().filter(|i| may(i, asked));
            assert!(eligible().all(|i| i.band == Band::Full), "P5: {status:?}");
            assert!(eligible().next().is_some(), "waits for nothing");
        }
        assert_eq!(self.service.balancer.queue(self.service.now).waiting, self.waiting.len());
        let ejected = status.iter().any(|i| i.ejected_until.is_some());
        let open = |i: &InstanceStatus| i.healthy && !i.draining && i.ejected_until.is_none();
        assert!(!ejected || status.iter().any(open), "the last one is ejected: {status:?}");
    }
}

fn bears(instance: &InstanceStatus, key: &str, value: &str) -> bool {
    match key {
        "id" => &*instance.id == value,
        "region" => &*instance.region == value,
        _ => instance.labels.iter().any(|(k, v)| &**k == key && &**v == value),
    }
}

fn may(instance: &InstanceStatus, asked: &Asked) -> bool {
    let labelled = asked.with(|wanted| {
        wanted.require.iter().all(|(key, value)| bears(instance, key, value))
            && !wanted.exclude.contains(&&*instance.id)
    });
    instance.healthy && !instance.draining && instance.ejected_until.is_none() && labelled
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
        full in any::<bool>(),
    ) {
        let mut world = World::new(policy, 150);
        // Nearly full from the start, so that the steps are about the last places, or nearly idle.
        let places = world.policy.hard_limit.unwrap_or(3) * 150 - 40;
        for _ in 0..if full { places } else { 100 } {
            let Picked::Permit(permit) = world.pick(&Asked { wish: 0, tried: None }) else { panic!("it has room") };
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
