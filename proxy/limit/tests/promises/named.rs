//! Limits that others choose by name: all or none, apart by key, and counts that outlive a change.

use std::num::NonZeroU32;
use std::time::Duration;

use hither_limit::{Check, DuplicateName, KeySeed, Named, NamedSpec, UnknownName};
use proptest::prelude::*;

use crate::rate;

fn spec(name: &str, units: u32, burst: u32) -> NamedSpec {
    NamedSpec {
        name: name.into(),
        rate: rate(units, Duration::from_secs(1)),
        burst: NonZeroU32::new(burst).expect("not zero"),
        shadow: false,
    }
}

fn named(specs: Vec<NamedSpec>) -> Named {
    Named::new(specs, KeySeed::new([9; 16])).expect("different names")
}

fn check<'a>(limit: &'a str, key: &'a str, cost: u32) -> Check<'a> {
    Check { limit, key: key.as_bytes(), cost }
}

fn refused_by(named: &Named, checks: &[Check<'_>]) -> Option<String> {
    let rulings = named.take(checks, 0).expect("known");
    rulings.refusal().map(|ruling| ruling.spec.name.clone())
}

fn left(named: &Named, limit: &str, key: &str) -> u64 {
    let rulings = named.peek(&[check(limit, key, 0)], 0).expect("known");
    rulings.iter().next().expect("asked").decision.remaining()
}

#[test]
fn each_key_is_counted_apart() {
    let named = named(vec![spec("each", 1, 2)]);
    for _ in 0..2 {
        assert_eq!(refused_by(&named, &[check("each", "a", 1)]), None);
    }
    assert_eq!(refused_by(&named, &[check("each", "a", 1)]).as_deref(), Some("each"));
    assert_eq!(refused_by(&named, &[check("each", "b", 2)]), None);
}

#[test]
fn what_one_limit_refuses_is_charged_by_none() {
    let named = named(vec![spec("wide", 1, 5), spec("narrow", 1, 1)]);
    let checks = [check("wide", "a", 2), check("wide", "a", 1), check("narrow", "a", 2)];
    for _ in 0..100 {
        assert_eq!(refused_by(&named, &checks).as_deref(), Some("narrow"));
    }
    assert_eq!((left(&named, "wide", "a"), left(&named, "narrow", "a")), (5, 1));
}

#[test]
fn a_limit_in_shadow_counts_what_passes_and_refuses_nothing() {
    let shadow = NamedSpec { shadow: true, ..spec("shadow", 1, 1) };
    let named = named(vec![shadow, spec("real", 1, 2)]);
    let checks = [check("shadow", "a", 1), check("real", "a", 1)];
    assert_eq!(refused_by(&named, &checks), None);
    let rulings = named.take(&checks, 0).expect("known");
    let said: Vec<_> = rulings.iter().map(|r| (r.spec.shadow, r.decision.allowed)).collect();
    assert_eq!(said, [(false, true), (true, false)]);
    assert_eq!(refused_by(&named, &checks).as_deref(), Some("real"));
}

#[test]
fn an_unknown_name_charges_nothing() {
    let named = named(vec![spec("each", 1, 2)]);
    let unknown = named.take(&[check("each", "a", 1), check("ecah", "a", 1)], 0);
    assert_eq!(unknown.err(), Some(UnknownName("ecah".into())));
    assert_eq!(left(&named, "each", "a"), 2);
}

#[test]
fn counts_outlive_a_change_and_two_of_one_name_are_refused() {
    let before = named(vec![spec("each", 1, 2)]);
    assert_eq!(refused_by(&before, &[check("each", "a", 2)]), None);
    let after = before.reconfigured(vec![spec("new", 1, 1), spec("each", 1, 3)]);
    let after = after.expect("different names");
    assert_eq!((left(&after, "each", "a"), left(&after, "new", "a")), (1, 1));
    let twice = Named::new(vec![spec("a", 1, 1), spec("a", 2, 2)], KeySeed::new([9; 16]));
    assert_eq!(twice.err(), Some(DuplicateName("a".into())));
}

#[test]
fn a_refusal_writes_its_headers() {
    let named = named(vec![spec("each", 10, 2), spec("other", 1, 1)]);
    let rulings = named.take(&[check("other", "a", 1), check("each", "a", 3)], 0).expect("known");
    let refusal = rulings.refusal().expect("more than the burst");
    assert_eq!(refusal.policy(), r#""each";q=10;w=1"#);
    assert_eq!(refusal.rate_limit(), r#""each";r=0;t=1"#);
}

proptest! {
    /// Whatever is asked in whatever sets: what passed under one key is never more than burst and rate.
    #[test]
    fn never_over(sets: Vec<Vec<(bool, u8, u8)>>, step in 0_u64..2_000_000_000) {
        let named = named(vec![spec("a", 1, 3), spec("b", 2, 5)]);
        let mut passed = std::collections::HashMap::new();
        let mut now = 0;
        for set in &sets {
            let keys: Vec<[u8; 1]> = set.iter().map(|(_, key, _)| [*key % 2]).collect();
            let checks: Vec<Check<'_>> = set.iter().zip(&keys).map(|((b, _, cost), key)| Check {
                limit: if *b { "b" } else { "a" },
                key,
                cost: u32::from(*cost % 4),
            }).collect();
            if named.take(&checks, now).expect("known").refusal().is_none() {
                for check in &checks {
                    *passed.entry((check.limit.to_owned(), check.key.to_vec())).or_insert(0) += u64::from(check.cost);
                }
            }
            now += step;
        }
        for ((limit, _), units) in passed {
            let (rate, burst) = if limit == "a" { (1, 3) } else { (2, 5) };
            prop_assert!(units <= burst + rate * now / 1_000_000_000, "{limit}: {units}");
        }
    }
}
