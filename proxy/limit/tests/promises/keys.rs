//! A key each, in bounded memory: what happens when there are very many of them.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use fastrand::Rng;
use hither_limit::{KeySeed, KeyedGcra, MAX_KEYS};

use crate::quota;

const SECOND: u64 = 1_000_000_000;

fn seed() -> KeySeed {
    KeySeed::new([5; 16])
}

fn random(rng: &mut Rng) -> IpAddr {
    Ipv6Addr::from_bits(rng.u128(..)).into()
}

#[test]
fn a_million_active_keys_fit_in_32_mib_and_each_has_its_own_bucket() {
    let quota = quota(1, Duration::from_secs(3_600), 1);
    let table = KeyedGcra::new(1_000_000);
    let mut rng = Rng::with_seed(1);
    let keys: Vec<_> = (0..1_000_000).map(|_| seed().client(random(&mut rng))).collect();
    for key in &keys {
        let decision = table.check(&quota, key, 0, 1);
        assert!(decision.allowed && !decision.by_parent);
    }
    for key in &keys {
        assert!(!table.check(&quota, key, SECOND, 1).allowed, "it is forgotten");
    }
    assert!(table.bytes() <= 32 << 20, "{} bytes", table.bytes());
}

#[test]
fn memory_stays_flat_however_many_keys_come() {
    let quota = quota(1, Duration::from_secs(3_600), 1);
    let table = KeyedGcra::new(MAX_KEYS);
    let mut rng = Rng::with_seed(2);
    let mut bytes = Vec::new();
    for _ in 0..10 {
        for _ in 0..1_000_000 {
            table.check(&quota, &seed().client(random(&mut rng)), 0, 1);
        }
        bytes.push(table.bytes());
    }
    assert!(bytes.iter().all(|bytes| *bytes <= 32 << 20), "{bytes:?}");
    assert!(bytes[2..].iter().all(|later| *later == bytes[2]), "{bytes:?}");
}

#[test]
fn an_idle_table_is_small() {
    assert!(KeyedGcra::new(MAX_KEYS).bytes() < 128 << 10);
}

#[test]
fn keys_that_have_refilled_make_room_for_others() {
    let quota = quota(10, Duration::from_secs(1), 1);
    let table = KeyedGcra::new(1_000);
    let mut rng = Rng::with_seed(3);
    for second in 0..100 {
        for _ in 0..1_000 {
            let decision =
                table.check(&quota, &seed().client(random(&mut rng)), second * SECOND, 1);
            assert!(decision.allowed && !decision.by_parent, "second {second}");
        }
    }
    assert!(table.bytes() < 256 << 10, "{} bytes", table.bytes());
}

fn network(number: u64, host: u64) -> IpAddr {
    Ipv6Addr::from_bits(0x2001_0db8_0001_u128 << 80 | u128::from(number) << 64 | u128::from(host))
        .into()
}

/// An attacker owns a /48 and sends from each of its /64 networks, a thousand times over.
#[test]
fn sixty_five_thousand_networks_of_one_48_share_its_bucket_once_the_table_is_full() {
    let burst = 5;
    let quota = quota(1, Duration::from_secs(3_600), burst);
    let room = 2_000;
    let table = KeyedGcra::new(room);
    let (mut passed, mut by_parent) = (0_u64, 0);
    for round in 0..10 {
        for number in 0..1 << 16 {
            let decision = table.check(&quota, &seed().client(network(number, round)), 0, 1);
            passed += u64::from(decision.allowed);
            by_parent += usize::from(decision.by_parent && decision.allowed);
        }
    }
    assert_eq!(by_parent, burst as usize, "the parent's bucket");
    let most = (room as u64 * 2 + 1_024) * u64::from(burst);
    assert!(passed <= most, "{passed} passed");
}

#[test]
fn a_client_that_was_known_before_a_flood_is_served_during_it() {
    let quota = quota(10, Duration::from_secs(60), 10);
    let table = KeyedGcra::new(1_000);
    let client = seed().client("192.0.2.1".parse().expect("an address"));
    for second in 0..50 {
        assert!(table.check(&quota, &client, second * 6 * SECOND, 1).allowed, "second {second}");
        for number in 0..5_000 {
            table.check(&quota, &seed().client(network(number, 0)), second * 6 * SECOND, 10);
        }
    }
}

#[test]
fn a_key_that_its_parent_answered_for_does_not_start_afresh() {
    let quota = quota(1, Duration::from_secs(100), 4);
    let table = KeyedGcra::new(1);
    let mut rng = Rng::with_seed(4);
    // Some key that finds the table full of others, the half of whose time has passed.
    let late = loop {
        let key = seed().client(random(&mut rng));
        let decision = table.check(&quota, &key, 0, 1);
        if decision.by_parent {
            break key;
        }
    };
    let mut passed = 1;
    for second in [0, 99, 101, 102, 103] {
        for _ in 0..10 {
            passed += u64::from(table.check(&quota, &late, second * SECOND, 1).allowed);
        }
    }
    assert!(passed <= 4 + 1, "{passed} passed in 103 seconds");
}
