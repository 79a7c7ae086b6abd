//! The index against the scan of all seats, which is its model.

use crate::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use proptest::prelude::*;

use super::Draw;
use super::ladder::Ladder;
use crate::core::Core;
use crate::instance::{Instance, InstanceSpec};
use crate::live::Live;
use crate::policy::{Policy, Scope, Spread};
use crate::table::Table;
use crate::wanted::Wanted;

fn table(policy: &Policy, instances: &[(u8, Option<u16>, u32)]) -> Table<()> {
    let core = Arc::new(Core::new(Table::empty(policy.clone()), 0));
    let member = |(number, (region, rtt, held)): (usize, &(u8, Option<u16>, u32))| {
        let live = Arc::new(Live::new());
        for _ in 0..*held {
            live.take_below(u64::MAX);
        }
        let spec = InstanceSpec {
            id: number.to_string(),
            address: String::new(),
            region: region.to_string(),
            labels: Vec::new(),
            rtt: rtt.map(|rtt| Duration::from_micros(u64::from(rtt) * 100)),
            payload: (),
        };
        live.fix_rtt(spec.rtt);
        let region = spec.region.as_str().into();
        Arc::new(Instance::new(spec, region, live, core.clone()))
    };
    let table = Table::new(policy.clone(), instances.iter().enumerate().map(member).collect());
    for (seat, slot) in table.seats.first.iter().enumerate() {
        slot.live.set_seat(seat as u32);
    }
    table
}

/// Group, tier and level of what index and scan choose.
type Rank = Option<(u32, usize, u8)>;

fn ranks(table: &Table<()>, wanted: &Wanted<'_>, rng: &mut Rng) -> (Rank, Rank) {
    let ladder = Ladder::new(table.seats.limits);
    let rank = |choice: crate::choose::Choice| {
        let tier = table.seats.tier_of(choice.seat);
        (table.seats.tiers[tier].group, tier, ladder.level(choice.look.load))
    };
    let mut draw = Draw { rng, revealed: false };
    let by_index = table.choose(wanted, &mut draw).map(rank);
    let by_scan = table.scan(table.first_seats(), wanted, rng).choice.map(rank);
    (by_index, by_scan)
}

/// What happens to one seat between two choices.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// `true`: the index is told at once.
    Take(usize, bool),
    Give(usize),
    Health(usize, bool),
    Choose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<usize>(), any::<bool>()).prop_map(|(seat, told)| Step::Take(seat, told)),
        any::<usize>().prop_map(Step::Give),
        (any::<usize>(), any::<bool>()).prop_map(|(seat, up)| Step::Health(seat, up)),
        Just(Step::Choose),
    ]
}

fn policy() -> impl Strategy<Value = Policy> {
    let hard = prop_oneof![Just(None), (0_u32..8).prop_map(Some), (0_u32..400).prop_map(Some)];
    let soft = prop_oneof![0_u32..6, 60_u32..300];
    (soft, hard, any::<bool>(), any::<bool>()).prop_map(|(soft_limit, more, region, strict)| {
        Policy {
            soft_limit,
            hard_limit: more.map(|more| soft_limit + more),
            scope: if region { Scope::Region } else { Scope::Global },
            spread: if strict { Spread::Strict } else { Spread::Class },
            ..Policy::default()
        }
    })
}

/// Few round trips, so that tiers are large, and a few odd ones.
fn instances() -> impl Strategy<Value = Vec<(u8, Option<u16>, u32)>> {
    let rtt = prop_oneof![4 => Just(Some(5)), 4 => Just(Some(70)), 1 => Just(None), 1 => (0_u16..3000).prop_map(Some)];
    prop::collection::vec((0_u8..3, rtt, 0_u32..9), 65..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_index_chooses_as_the_scan_does(
        policy in policy(),
        instances in instances(),
        steps in prop::collection::vec(step(), 0..300),
        excluded in prop::collection::vec(0_usize..400, 0..4),
    ) {
        let table = table(&policy, &instances);
        let (table, seats) = (&table, table.size());
        let mut rng = Rng::with_seed(3);
        let ids: Vec<String> = excluded.iter().map(usize::to_string).collect();
        let exclude: Vec<&str> = ids.iter().map(String::as_str).collect();
        for step in steps {
            match step {
                Step::Take(seat, told) => {
                    let taken = table.seats.first[seat % seats].live.take_below(table.seats.limits.hard);
                    if taken.is_some() && told {
                        table.seats.settle(seat % seats);
                    }
                }
                Step::Give(seat) => {
                    if table.seats.first[seat % seats].live.in_flight() > 0 {
                        table.seats.first[seat % seats].live.give_back();
                        table.seats.lower(seat % seats);
                    }
                }
                Step::Health(seat, up) => {
                    table.seats.first[seat % seats].live.set_healthy(up);
                    table.seats.settle(seat % seats);
                }
                Step::Choose => {
                    for exclude in [&[][..], &exclude] {
                        let wanted = Wanted { exclude, ..Wanted::default() };
                        let (by_index, by_scan) = ranks(table, &wanted, &mut rng);
                        prop_assert_eq!(by_index, by_scan, "exclude {:?}", exclude);
                    }
                }
            }
        }
        let (by_index, by_scan) = ranks(table, &Wanted::default(), &mut rng);
        prop_assert_eq!(by_index, by_scan);
    }
}

/// Threads take and give back at random; when they have gone, the index must be exactly what the
/// words say, or seats would be lost from sight for ever.
#[test]
fn the_index_is_exact_once_the_threads_are_gone() {
    let policy = Policy { soft_limit: 2, hard_limit: Some(3), ..Policy::default() };
    let instances: Vec<_> = (0..200).map(|n| (0, Some(if n < 190 { 5 } else { 70 }), 0)).collect();
    for round in 0..20 {
        let table = table(&policy, &instances);
        std::thread::scope(|threads| {
            for thread in 0..8 {
                let table = &table;
                threads.spawn(move || {
                    let mut rng = Rng::with_seed(round * 100 + thread);
                    let mut held: Vec<usize> = Vec::new();
                    for _ in 0..3_000 {
                        let mut own = rng.fork();
                        let mut draw = Draw { rng: &mut own, revealed: false };
                        let choice = table.choose(&Wanted::default(), &mut draw);
                        if let Some(choice) = choice
                            && table.seats.first[choice.seat].live.take_seen(choice.look.word)
                        {
                            if !choice.may_lag {
                                table.seats.settle(choice.seat);
                            }
                            held.push(choice.seat);
                        }
                        while held.len() > 70 || (!held.is_empty() && rng.bool()) {
                            let seat = held.swap_remove(rng.usize(0..held.len()));
                            table.seats.first[seat].live.give_back();
                            table.seats.lower(seat);
                        }
                    }
                });
            }
        });
        let (table, mut rng) = (&table, Rng::with_seed(round));
        // Filling up what is left must find every seat that the scan finds, in its order.
        loop {
            let (by_index, by_scan) = ranks(table, &Wanted::default(), &mut rng);
            assert_eq!(by_index, by_scan);
            let mut draw = Draw { rng: &mut rng, revealed: false };
            let Some(choice) = table.choose(&Wanted::default(), &mut draw) else { break };
            assert!(table.seats.first[choice.seat].live.take_seen(choice.look.word));
            table.seats.settle(choice.seat);
        }
        assert!(table.seats.first.iter().all(|slot| slot.live.in_flight() == 3));
    }
}

/// Threads that serve an idle service must not write what others read, but for the words.
#[test]
fn a_request_that_comes_and_goes_in_an_idle_service_leaves_the_index_alone() {
    let instances: Vec<_> = (0..200).map(|_| (0, Some(5), 0)).collect();
    let table = table(&Policy::default(), &instances);
    let mut rng = Rng::with_seed(1);
    for _ in 0..100 {
        let mut draw = Draw { rng: &mut rng, revealed: false };
        let choice = table.choose(&Wanted::default(), &mut draw).expect("it is idle");
        assert!(choice.may_lag);
        let slot = &table.seats.first[choice.seat];
        assert!(slot.live.take_seen(choice.look.word));
        slot.live.give_back();
        assert!(!table.seats.lower(choice.seat));
        assert!(table.seats.first.iter().all(|slot| slot.mark.load(Relaxed) == 0));
    }
}

/// However many seats lag, a choice finds one that does not in a few looks: never by a scan of
/// all of them.
#[test]
fn a_choice_among_seats_that_lag_takes_few_looks() {
    let instances: Vec<_> = (0..2_000).map(|_| (0, Some(5), 0)).collect();
    let table = table(&Policy::default(), &instances);
    let Some(index) = &table.seats.index else { panic!("so many have an index") };
    let mut rng = Rng::with_seed(1);
    for number in 0..6_000 {
        let mut draw = Draw { rng: &mut rng, revealed: false };
        let Ok(Some(choice)) = index.choose(&table.seats, &[], &mut draw) else {
            panic!("choice {number} gave up");
        };
        assert_eq!(choice.look.load, number / 2_000, "the least loaded first");
        assert!(table.seats.first[choice.seat].live.take_seen(choice.look.word));
        if !choice.may_lag {
            table.seats.settle(choice.seat);
        }
    }
}
