//! Same key, same instance, while it is open and as close as any that is.

use std::collections::{BTreeMap, BTreeSet};

use hither_balance::{Picked, Policy, Scope, Wanted};

use crate::service::{Service, regions};

/// Where each key goes when nothing else is held.
fn places(service: &mut Service, keys: u32) -> BTreeMap<u32, String> {
    (0..keys).map(|key| (key, place(service, key))).collect()
}

fn place(service: &mut Service, key: u32) -> String {
    let key = key.to_le_bytes();
    let wanted = Wanted { affinity: &key, ..Wanted::default() };
    match service.balancer.pick(&wanted, &mut service.rng, service.now) {
        Picked::Permit(permit) => permit.id().to_owned(),
        other => panic!("no permit: {other:?}"),
    }
}

#[test]
fn a_key_keeps_its_instance_and_keys_spread_over_the_closest_tier() {
    for sizes in [[5, 5, 0, 0], [100, 100, 0, 0]] {
        let mut service = Service::new(Policy::default(), &sizes);
        let first = places(&mut service, 2000);
        assert_eq!(first, places(&mut service, 2000));
        let used: BTreeSet<&String> = first.values().collect();
        assert_eq!(used.len(), sizes[0] as usize, "every close instance has keys");
        assert!(used.iter().all(|id| id.starts_with("ams-")));
    }
}

#[test]
fn an_instance_that_goes_moves_only_its_own_keys() {
    let mut service = Service::new(Policy::default(), &[5, 0, 0, 0]);
    let before = places(&mut service, 500);
    assert!(service.balancer.set_healthy("ams-2", false));
    let after = places(&mut service, 500);
    for (key, place) in &before {
        if place == "ams-2" {
            assert_ne!(&after[key], "ams-2");
        } else {
            assert_eq!(&after[key], place);
        }
    }
}

#[test]
fn a_key_leaves_an_instance_that_is_busy_and_comes_back() {
    let policy = Policy { soft_limit: 1, hard_limit: Some(2), ..Policy::default() };
    let mut service = Service::new(policy, &[3, 0, 0, 0]);
    let key = 7_u32.to_le_bytes();
    let wanted = Wanted { affinity: &key, ..Wanted::default() };
    let Picked::Permit(held) = service.balancer.pick(&wanted, &mut service.rng, service.now) else {
        panic!("three open instances")
    };
    let home = held.id().to_owned();
    assert_ne!(place(&mut service, 7), home, "it is busy, others are open");
    drop(held);
    assert_eq!(place(&mut service, 7), home);
}

#[test]
fn with_regional_limits_a_key_stays_in_a_region_that_is_busy_but_not_full() {
    let policy =
        Policy { soft_limit: 1, hard_limit: Some(9), scope: Scope::Region, ..Policy::default() };
    let mut service = Service::of(policy, regions(&[2, 2, 0, 0]));
    let held: Vec<_> = (0..2)
        .map(|_| service.balancer.pick(&Wanted::default(), &mut service.rng, service.now))
        .collect();
    assert!(place(&mut service, 1).starts_with("ams-"), "{held:?}");
}
