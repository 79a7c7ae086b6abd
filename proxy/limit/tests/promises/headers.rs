//! What clients are told, in the syntax of draft-ietf-httpapi-ratelimit-headers-11.

use std::time::Duration;

use hither_limit::{LimitSpec, Limiter};

use crate::limits::{CLIENT, SERVICE, client, limit, limiter};
use crate::rate;

fn told(limiter: &Limiter, now: u64) -> String {
    let mut header = String::new();
    let outcome = limiter.check(&client(1), 1, now);
    limiter.write_rate_limit(&outcome, &mut header).expect("a string takes all");
    header
}

#[test]
fn the_policy_is_the_rate_as_it_was_written() {
    let minute =
        LimitSpec { rate: rate(90, Duration::from_secs(60)), ..limit("per-minute", SERVICE, 1, 1) };
    let fraction = LimitSpec {
        rate: rate(3, Duration::from_millis(100)),
        ..limit("per-tenth", SERVICE, 1, 1)
    };
    let limiter = limiter(vec![limit("per-client", CLIENT, 100, 200), minute, fraction]);
    let wanted = r#""per-client";q=100;w=1, "per-minute";q=90;w=60, "per-tenth";q=30;w=1"#;
    assert_eq!(limiter.policy(), Some(wanted));
}

#[test]
fn what_remains_is_told_for_every_enforced_limit() {
    let shadow = LimitSpec { shadow: true, ..limit("quiet", SERVICE, 1, 1) };
    let limiter = limiter(vec![
        limit("service", SERVICE, 100, 100),
        shadow,
        limit("per-client", CLIENT, 100, 250),
    ]);
    assert_eq!(told(&limiter, 0), r#""per-client";r=249;t=3, "service";r=99;t=1"#);
}

#[test]
fn a_refusal_tells_of_the_limit_that_refused() {
    let limiter = limiter(vec![
        limit("service", SERVICE, 1_000, 100),
        LimitSpec { rate: rate(1, Duration::from_secs(30)), ..limit("per-client", CLIENT, 1, 1) },
    ]);
    told(&limiter, 0);
    assert_eq!(told(&limiter, 500_000_000), r#""per-client";r=0;t=30"#);
    let outcome = limiter.check(&client(1), 1, 500_000_000);
    let refusal = limiter.refusal(&outcome).expect("refused");
    assert_eq!(refusal.decision.retry_after_seconds(), 30);
    assert_eq!(refusal.decision.retry_after(), Duration::from_millis(29_500));
}

#[test]
fn retry_after_is_at_least_a_second() {
    let limiter = limiter(vec![limit("quick", SERVICE, 1_000, 1)]);
    told(&limiter, 0);
    let outcome = limiter.check(&client(1), 1, 0);
    let refusal = limiter.refusal(&outcome).expect("refused");
    assert_eq!(refusal.decision.retry_after_seconds(), 1);
    assert_eq!(told(&limiter, 0), r#""quick";r=0;t=1"#);
}

#[test]
fn a_name_cannot_break_out_of_its_string() {
    let limiter = limiter(vec![limit("a\"b\\c\r\né", SERVICE, 1, 1)]);
    assert_eq!(limiter.policy(), Some(r#""a\"b\\c";q=1;w=1"#));
}
