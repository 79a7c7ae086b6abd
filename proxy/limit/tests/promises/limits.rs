//! Several limits of one service: all or none, shadow, reloads.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use hither_limit::{DuplicateName, KeyPart, KeySeed, LimitSpec, Limiter, Subject, Value};

use crate::rate;

/// The whole service.
pub(crate) const SERVICE: &[KeyPart] = &[];
pub(crate) const CLIENT: &[KeyPart] = &[KeyPart::ClientAddress];

/// A request by a client, with values for the other parts of a key in their order.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    client: IpAddr,
    path: Value<'a>,
    header: Value<'a>,
}

impl Subject for Ask<'_> {
    fn client(&self) -> IpAddr {
        self.client
    }

    fn value(&self, part: &KeyPart, with: &mut dyn FnMut(Value<'_>)) {
        with(match part {
            KeyPart::Path => self.path,
            KeyPart::Header(_) => self.header,
            part => panic!("no limit here counts by {part}"),
        });
    }
}

pub(crate) fn limit(name: &str, key: &[KeyPart], units: u32, burst: u32) -> LimitSpec {
    LimitSpec {
        name: name.into(),
        key: key.to_vec(),
        rate: rate(units, Duration::from_secs(1)),
        burst: NonZeroU32::new(burst).expect("not zero"),
        shadow: false,
    }
}

pub(crate) fn limiter(specs: Vec<LimitSpec>) -> Limiter {
    Limiter::new(specs, KeySeed::new([9; 16])).expect("different names")
}

pub(crate) fn client(last: u8) -> Ask<'static> {
    Ask { client: [192, 0, 2, last].into(), path: Value::Absent, header: Value::Absent }
}

fn both() -> Vec<LimitSpec> {
    vec![limit("all", SERVICE, 1, 5), limit("each", CLIENT, 1, 2)]
}

fn refused_by(limiter: &Limiter, subject: &Ask<'_>, cost: u32) -> Option<String> {
    let outcome = limiter.check(subject, cost, 0);
    let by = limiter.refusal(&outcome).map(|refusal| refusal.spec.name.clone());
    assert_eq!(by.is_none(), outcome.allowed());
    by
}

#[test]
fn no_limit_refuses_nothing() {
    let none = limiter(Vec::new());
    assert!(none.is_empty() && none.policy().is_none());
    assert_eq!(refused_by(&none, &client(1), 1_000), None);
}

#[test]
fn a_request_that_one_limit_refuses_is_charged_by_none() {
    let limiter = limiter(both());
    for _ in 0..2 {
        assert_eq!(refused_by(&limiter, &client(1), 1), None);
    }
    for _ in 0..100 {
        assert_eq!(refused_by(&limiter, &client(1), 1).as_deref(), Some("each"));
    }
    // Three of the service's five are left, for others.
    for other in [2, 2, 3] {
        assert_eq!(refused_by(&limiter, &client(other), 1), None);
    }
    for _ in 0..100 {
        assert_eq!(refused_by(&limiter, &client(4), 1).as_deref(), Some("all"));
    }
    // What the service refused was not charged to the client either.
    let outcome = limiter.check(&client(4), 0, 0);
    let each = limiter.verdicts(&outcome).find(|v| v.spec.name == "each").expect("asked");
    assert_eq!(each.decision.remaining(), 2);
}

#[test]
fn a_cost_counts_as_that_many() {
    let limiter = limiter(both());
    assert_eq!(refused_by(&limiter, &client(1), 2), None);
    assert_eq!(refused_by(&limiter, &client(1), 1).as_deref(), Some("each"));
}

#[test]
fn a_limit_in_shadow_tells_and_lets_pass() {
    let mut specs = both();
    specs[1].shadow = true;
    let limiter = limiter(specs);
    for request in 0..5 {
        let outcome = limiter.check(&client(1), 1, 0);
        assert!(outcome.allowed());
        let each = limiter.verdicts(&outcome).find(|v| v.spec.shadow).expect("asked");
        assert_eq!(each.decision.allowed, request < 2);
    }
    assert_eq!(refused_by(&limiter, &client(1), 1).as_deref(), Some("all"));
    assert!(!limiter.policy().expect("one is enforced").contains("each"));
}

#[test]
fn a_reload_keeps_the_counts_of_a_limit_of_the_same_name_and_key() {
    let before = limiter(both());
    for _ in 0..2 {
        assert_eq!(refused_by(&before, &client(1), 1), None);
    }
    let mut specs = both();
    specs[0].rate = rate(2, Duration::from_secs(1));
    let after = before.reconfigured(specs).expect("different names");
    assert_eq!(refused_by(&after, &client(1), 1).as_deref(), Some("each"));
    // Both count together while requests of the old snapshot end.
    assert_eq!(refused_by(&after, &client(2), 1), None);
    assert_eq!(refused_by(&before, &client(2), 1), None);
    assert_eq!(refused_by(&before, &client(2), 1).as_deref(), Some("each"));
}

#[test]
fn a_limit_of_another_name_or_key_starts_afresh() {
    let before = limiter(both());
    for _ in 0..2 {
        assert_eq!(refused_by(&before, &client(1), 1), None);
    }
    let renamed = vec![limit("other", CLIENT, 1, 2)];
    let rekeyed = vec![limit("each", SERVICE, 1, 2)];
    for specs in [renamed, rekeyed] {
        let after = before.reconfigured(specs).expect("different names");
        assert_eq!(refused_by(&after, &client(1), 1), None);
    }
}

#[test]
fn two_limits_of_one_name_are_an_error() {
    let twice = vec![limit("a", SERVICE, 1, 1), limit("a", SERVICE, 2, 2)];
    let error = Limiter::new(twice, KeySeed::new([0; 16])).expect_err("a name twice");
    assert_eq!(error, DuplicateName("a".into()));
}

/// Each limit's name, whether it allows, and what is left of it.
fn seen(limiter: &Limiter, subject: &Ask<'_>) -> Vec<(String, bool, u64)> {
    let outcome = limiter.peek(subject, 1, 0);
    let seen = limiter.verdicts(&outcome);
    seen.map(|v| (v.spec.name.clone(), v.decision.allowed, v.decision.remaining())).collect()
}

#[test]
fn a_look_says_what_a_check_would_and_charges_nothing() {
    let limiter = limiter(both());
    let each = |allowed, left| ("each".to_owned(), allowed, left);
    let all = |allowed, left| ("all".to_owned(), allowed, left);
    for left in (1..=2).rev() {
        for _ in 0..100 {
            assert_eq!(seen(&limiter, &client(1)), [each(true, left), all(true, left + 3)]);
        }
        assert_eq!(refused_by(&limiter, &client(1), 1), None);
    }
    // Unlike a check it asks on, and it names the one that a check would name.
    assert_eq!(seen(&limiter, &client(1)), [each(false, 0), all(true, 3)]);
    let outcome = limiter.peek(&client(1), 1, 0);
    assert!(!outcome.allowed());
    assert_eq!(limiter.refusal(&outcome).expect("refused").spec.name, "each");
    assert_eq!(seen(&limiter, &client(2)), [each(true, 2), all(true, 3)]);
}

#[test]
fn a_look_finds_what_a_limit_in_shadow_would_do() {
    let shadow = LimitSpec { shadow: true, ..limit("perhaps", SERVICE, 1, 1) };
    let limiter = limiter(vec![shadow]);
    assert_eq!(refused_by(&limiter, &client(1), 1), None);
    assert_eq!(seen(&limiter, &client(1)), [("perhaps".to_owned(), false, 0)]);
    assert!(limiter.peek(&client(1), 1, 0).allowed());
}

fn keyed(parts: &[&str]) -> Vec<KeyPart> {
    let part = |part: &&str| match *part {
        "client" => KeyPart::ClientAddress,
        "path" => KeyPart::Path,
        name => KeyPart::Header(name.into()),
    };
    parts.iter().map(part).collect()
}

#[test]
fn a_list_of_keys_counts_each_combination_apart() {
    let limiter = limiter(vec![limit("each", &keyed(&["x-key", "client", "path"]), 1, 1)]);
    let one = |text: &'static str| Value::One(text.as_bytes());
    let ask = |last, path, header| Ask { path, header, ..client(last) };
    let combinations = [
        ask(1, one("/a"), one("k")),
        ask(2, one("/a"), one("k")),
        ask(1, one("/b"), one("k")),
        ask(1, one("/a"), one("kk")),
        ask(1, one("/a"), one("")),
        ask(1, one("/a"), Value::Absent),
        ask(1, one("/a"), Value::Unclear),
    ];
    for ask in &combinations {
        assert_eq!(refused_by(&limiter, ask, 1), None);
    }
    for ask in &combinations {
        assert_eq!(refused_by(&limiter, ask, 1).as_deref(), Some("each"));
    }
}

#[test]
fn who_leaves_a_value_out_or_makes_it_unclear_is_counted_with_all_who_do() {
    let limiter = limiter(vec![limit("each", &keyed(&["x-key"]), 1, 2)]);
    for header in [Value::Absent, Value::Unclear] {
        let ask = |last| Ask { header, ..client(last) };
        assert_eq!(refused_by(&limiter, &ask(1), 1), None);
        assert_eq!(refused_by(&limiter, &ask(2), 1), None);
        assert_eq!(refused_by(&limiter, &ask(3), 1).as_deref(), Some("each"));
    }
}
