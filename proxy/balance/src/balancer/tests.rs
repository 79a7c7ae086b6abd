//! Which changes of one instance a large service's table takes without being made anew.

use std::sync::Arc;
use std::time::Duration;

use super::Balancer;
use crate::instance::{Instance, InstanceSpec};
use crate::policy::{Policy, Scope, Spread};
use crate::table::Table;

fn spec(number: usize, region: &str, millis: Option<u64>) -> InstanceSpec {
    InstanceSpec {
        id: number.to_string(),
        address: number.to_string(),
        region: region.into(),
        labels: Vec::new(),
        rtt: millis.map(Duration::from_millis),
        payload: (),
    }
}

/// A service, and what time it is there.
struct World(Balancer, Duration);

impl World {
    /// Fifty instances each in `ams` (1 ms), `maa` (9 ms) and `sea` (120 ms), some of them measured:
    /// 0 and 1 in `ams`, 50 and 51 in `maa`, 100 and 101 in `sea`.
    fn new(scope: Scope) -> Self {
        let regions = [("ams", 1), ("maa", 9), ("sea", 120)];
        let specs = (0..150).map(|number| {
            let (region, millis) = regions[number / 50];
            spec(number, region, (number % 50 > 1).then_some(millis))
        });
        let policy = Policy { scope, ..Policy::default() };
        Self(Balancer::new(policy, specs.collect(), 1).unwrap(), Duration::ZERO)
    }

    /// In strict order, 10 ms apart; all are measured.
    fn strict() -> Self {
        let specs = (0..150).map(|number| spec(number, "ams", None)).collect();
        let policy = Policy { spread: Spread::Strict, ..Policy::default() };
        let mut world = Self(Balancer::new(policy, specs, 1).unwrap(), Duration::ZERO);
        (0..150).for_each(|number| world.measure(number, 10 + 10 * number as u64));
        world
    }

    fn table(&self) -> Arc<Table<()>> {
        self.0.core.table.load_full()
    }

    fn measure(&mut self, number: usize, millis: u64) {
        self.1 += Duration::from_secs(2);
        let rtt = Some(Duration::from_millis(millis));
        self.0.measured([(number.to_string().as_str(), rtt)], self.1);
    }

    /// Whether the table stays; afterwards, the order must be that of one made anew.
    fn stays(&mut self, change: impl FnOnce(&mut Self)) -> bool {
        let before = self.table();
        change(self);
        let after = self.table();
        let anew = Table::new(after.policy.clone(), after.members());
        // Nobody has been told of a seat in that one.
        let seats = anew.seats.first.iter().map(|slot| &slot.instance).enumerate();
        let anew = order(&anew, seats.collect());
        assert_eq!(order(&after, after.sitting().collect()), anew, "the order is as if made anew");
        Arc::ptr_eq(&before, &after)
    }
}

/// Who is in which group and tier, as one reads it: tiers that hold nobody are left out.
fn order(
    table: &Table<()>,
    mut sitting: Vec<(usize, &Arc<Instance<()>>)>,
) -> Vec<(usize, usize, Vec<String>)> {
    let mut order: Vec<(usize, usize, Vec<String>)> = Vec::new();
    sitting.sort_by_key(|(seat, instance)| (table.seats.tier_of(*seat), instance.id.clone()));
    let (mut groups, mut last) = (0, None);
    for (seat, instance) in sitting {
        let tier = table.seats.tier_of(seat);
        let at = (table.seats.tiers[tier].group, tier);
        if last.is_none_or(|last: (u32, usize)| last.0 != at.0) {
            groups += 1;
        }
        if last != Some(at) {
            order.push((groups, order.len(), Vec::new()));
        }
        last = Some(at);
        order.last_mut().unwrap().2.push(instance.id.to_string());
    }
    order
}

#[test]
fn instances_come_go_and_move_between_classes_in_the_same_table() {
    for scope in [Scope::Global, Scope::Region] {
        let mut world = World::new(scope);
        for round in 0..20 {
            assert!(world.stays(|world| world.measure(50, 30)), "round {round}");
            assert!(world.stays(|world| world.measure(50, 9)), "round {round}");
            assert!(world.stays(|world| world.measure(101, 150)), "round {round}");
        }
        assert!(world.stays(|world| world.0.put(spec(500, "sea", Some(250))).unwrap()));
        assert!(world.stays(|world| world.0.put(spec(500, "sea", Some(120))).unwrap()));
        assert!(world.stays(|world| world.0.put(spec(501, "ams", Some(1))).unwrap()));
        assert!(world.stays(|world| assert!(world.0.remove("500"))));
        assert!(world.stays(|world| assert!(world.0.remove("60"))));
    }
}

#[test]
fn an_instance_may_move_to_another_region_in_the_same_table() {
    let mut world = World::new(Scope::Region);
    assert!(world.stays(|world| world.0.put(spec(120, "maa", Some(9))).unwrap()));
    assert!(world.stays(|world| world.0.put(spec(120, "sea", Some(120))).unwrap()));
}

#[test]
fn regions_that_change_their_order_are_put_into_it() {
    let mut world = World::new(Scope::Region);
    // The closest of all, by one instance that is close; then it is gone again.
    assert!(!world.stays(|world| world.measure(100, 0)), "sea is the closest now");
    assert!(world.stays(|world| world.measure(101, 0)), "it is already");
    assert!(world.stays(|world| assert!(world.0.remove("100"))), "another one is as close");
    assert!(!world.stays(|world| assert!(world.0.remove("101"))), "sea is far away again");
    // As close as another region exactly, hence the same group, and no longer.
    assert!(!world.stays(|world| world.0.put(spec(52, "maa", Some(1))).unwrap()), "as ams");
    assert!(!world.stays(|world| world.0.put(spec(52, "maa", Some(9))).unwrap()), "not any more");
    assert!(!world.stays(|world| world.0.put(spec(600, "new", Some(50))).unwrap()), "unknown");
}

#[test]
fn the_last_of_a_region_may_leave_and_others_come() {
    let mut world = World::new(Scope::Region);
    world.0.put(spec(700, "sin", Some(250))).unwrap();
    assert!(world.stays(|world| assert!(world.0.remove("700"))));
    assert!(world.stays(|world| world.0.put(spec(701, "sin", Some(250))).unwrap()));
    assert!(world.stays(|world| assert!(world.0.remove("701"))));
    assert!(!world.stays(|world| world.0.put(spec(702, "sin", Some(4))).unwrap()), "before maa");
}

#[test]
fn in_strict_order_only_who_passes_another_one_needs_a_new_table() {
    let mut world = World::strict();
    assert!(world.stays(|world| world.measure(70, 715)));
    assert!(world.stays(|world| world.measure(0, 1)));
    assert!(world.stays(|world| world.measure(149, 3_000)));
    assert!(!world.stays(|world| world.measure(70, 725)), "behind 71");
    assert!(!world.stays(|world| world.measure(70, 720)), "beside 71");
    assert!(!world.stays(|world| world.measure(71, 721)), "no longer");
    assert!(world.stays(|world| assert!(world.0.remove("5"))));
}
