//! The worked example of the load balancing document, as a table: ten instances in four regions,
//! soft limit 20, hard limit 25, every request held open.

use crate::service::{Service, held_by_region};
use hither_balance::{Policy, Scope};

/// Requests held, then how many of them each distance has, closest first.
type Row = (usize, [u32; 4]);

fn policy(scope: Scope) -> Policy {
    Policy { soft_limit: 20, hard_limit: Some(25), scope, ..Policy::default() }
}

/// What the rule says for any split of the ten instances over regions: fill to soft, closest
/// first, then to hard, closest first; in region scope, both for one region before the next.
fn expected(sizes: [u32; 4], held: u32, scope: Scope) -> [u32; 4] {
    let mut left = held;
    let mut counts = [0; 4];
    let steps: Vec<(usize, u32)> = match scope {
        Scope::Global => (0..4).map(|r| (r, 20)).chain((0..4).map(|r| (r, 25))).collect(),
        Scope::Region => (0..4).flat_map(|r| [(r, 20), (r, 25)]).collect(),
    };
    for (region, limit) in steps {
        let more = left.min(sizes[region] * limit - counts[region]);
        counts[region] += more;
        left -= more;
    }
    counts
}

#[test]
fn the_table_of_the_document_holds() {
    let global: [Row; 10] = [
        (30, [30, 0, 0, 0]),
        (60, [60, 0, 0, 0]),
        (61, [60, 1, 0, 0]),
        (100, [60, 40, 0, 0]),
        (150, [60, 40, 40, 10]),
        (200, [60, 40, 40, 60]),
        (201, [61, 40, 40, 60]),
        (216, [75, 41, 40, 60]),
        (250, [75, 50, 50, 75]),
        (251, [75, 50, 50, 75]),
    ];
    let region: [Row; 10] = [
        (30, [30, 0, 0, 0]),
        (60, [60, 0, 0, 0]),
        (61, [61, 0, 0, 0]),
        (100, [75, 25, 0, 0]),
        (150, [75, 50, 25, 0]),
        (200, [75, 50, 50, 25]),
        (201, [75, 50, 50, 26]),
        (216, [75, 50, 50, 41]),
        (250, [75, 50, 50, 75]),
        (251, [75, 50, 50, 75]),
    ];
    for (scope, rows) in [(Scope::Global, global), (Scope::Region, region)] {
        let mut service = Service::new(policy(scope), &[3, 2, 2, 3]);
        for (held, counts) in rows {
            service.hold(held);
            assert_eq!(held_by_region(&service.balancer), counts, "{held} held, {scope:?}");
            let waiting = service.balancer.queue(service.now).waiting;
            assert_eq!(waiting, held.saturating_sub(250), "{held} held, {scope:?}");
        }
    }
}

#[test]
fn the_rule_holds_for_every_split_of_the_other_seven() {
    let mut splits = 0;
    for second in 0..=7 {
        for third in 0..=(7 - second) {
            let sizes = [3, second, third, 7 - second - third];
            splits += 1;
            for scope in [Scope::Global, Scope::Region] {
                let mut service = Service::new(policy(scope), &sizes);
                for held in [30, 60, 61, 100, 150, 200, 201, 216, 250, 251] {
                    service.hold(held);
                    let counts = held_by_region(&service.balancer);
                    let wanted = expected(sizes, held.min(250) as u32, scope);
                    assert_eq!(counts, wanted, "{sizes:?}, {held} held, {scope:?}");
                }
            }
        }
    }
    assert_eq!(splits, 36);
}

#[test]
fn load_is_even_inside_a_region() {
    let mut service = Service::new(policy(Scope::Global), &[3, 2, 2, 3]);
    for (held, each) in [(30, 10), (60, 20)] {
        service.hold(held);
        let near = service.balancer.instances();
        assert!(near[..3].iter().all(|i| i.in_flight == each), "{held} held: {near:?}");
    }
}

#[test]
fn the_251st_is_delayed_and_served_when_one_ends() {
    let mut service = Service::new(policy(Scope::Global), &[3, 2, 2, 3]);
    service.hold(251);
    assert!(service.answered().is_none(), "nothing has ended yet");
    let freed = service.end_one(100);
    let served = service.answered().expect("a place is free").expect("not refused");
    assert_eq!(served.id(), freed);
    assert_eq!(service.balancer.queue(service.now).waiting, 0);
    assert_eq!(held_by_region(&service.balancer), [75, 50, 50, 75]);
}
