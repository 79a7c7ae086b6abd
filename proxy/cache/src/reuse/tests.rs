//! What is given again, by section of RFC 9111 and RFC 5861.

use super::*;
use crate::terms::{Arrival, Wishes, terms};
use http::{HeaderMap, Method, StatusCode};
use std::time::{Duration, SystemTime};

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().expect("value"));
    }
    headers
}

fn asked(fields: &[(&'static str, &str)]) -> Ask {
    Ask::read(&Method::GET, "/", &headers(fields), true).expect("may be looked up")
}

/// What a response that says `said` is, `after` so many seconds, for a request with `fields`; and whether
/// it may be given when the origin fails.
fn of(said: &str, after: u64, fields: &[(&'static str, &str)]) -> (Reuse, bool) {
    let at = Instant::now();
    let arrival = Arrival { wall: SystemTime::now(), at, delay: Duration::ZERO };
    let nothing = Duration::ZERO;
    let wishes = Wishes {
        default_ttl: Duration::from_secs(10),
        stale_while_revalidate: nothing,
        stale_if_error: nothing,
        max_object: 1,
    };
    let mut response = headers(&[("etag", "\"a\"")]);
    if !said.is_empty() {
        response.insert("cache-control", said.parse().expect("value"));
    }
    let terms = terms(&asked(&[]), StatusCode::OK, &response, arrival, &wishes).expect("kept");
    let now = at + Duration::from_secs(after);
    (reuse(&terms, &asked(fields), now), on_error(&terms, &asked(fields), now))
}

fn with(said: &str, after: u64, wants: &str) -> Reuse {
    of(said, after, &[("cache-control", wants)]).0
}

#[test]
fn rfc9111_4_2_fresh_while_its_lifetime_exceeds_its_age() {
    assert_eq!(of("max-age=10", 9, &[]).0, Reuse::Fresh);
    assert_eq!(of("max-age=10", 10, &[]).0, Reuse::Validate);
    assert_eq!(of("no-cache", 0, &[]).0, Reuse::Validate);
    assert_eq!(of("no-cache, max-age=10", 0, &[]).0, Reuse::Validate);
}

#[test]
fn rfc9111_5_2_1_what_requests_want() {
    assert_eq!(with("max-age=10", 5, "no-cache"), Reuse::Validate);
    assert_eq!(with("max-age=10", 5, "max-age=4"), Reuse::Validate);
    assert_eq!(with("max-age=10", 5, "max-age=5"), Reuse::Fresh);
    assert_eq!(with("max-age=10", 5, "min-fresh=6"), Reuse::Validate);
    assert_eq!(with("max-age=10", 5, "min-fresh=5"), Reuse::Fresh);
    assert_eq!(with("max-age=10", 15, "max-stale=5"), Reuse::Wished);
    assert_eq!(with("max-age=10", 15, "max-stale=4"), Reuse::Validate);
    assert_eq!(with("max-age=10", 9999, "max-stale"), Reuse::Wished);
    assert_eq!(with("max-age=10", 15, "max-stale, max-age=12"), Reuse::Validate);
}

#[test]
fn rfc9111_4_2_4_what_is_never_given_stale() {
    for never in ["must-revalidate", "proxy-revalidate", "s-maxage=10", "no-cache"] {
        let said = format!("max-age=10, {never}");
        assert_eq!(with(&said, 15, "max-stale"), Reuse::Validate, "{never}");
        assert!(!of(&said, 15, &[]).1, "{never}");
    }
}

#[test]
fn rfc5861_3_stale_while_it_is_fetched_anew() {
    let said = "max-age=10, stale-while-revalidate=5";
    assert_eq!(of(said, 14, &[]).0, Reuse::WhileRevalidating);
    assert_eq!(of(said, 15, &[]).0, Reuse::Validate);
    assert_eq!(with(said, 12, "max-age=60"), Reuse::Validate);
}

#[test]
fn rfc5861_4_stale_while_it_cannot_be_fetched() {
    let said = "max-age=10, stale-if-error=5";
    assert!(of(said, 14, &[]).1);
    assert!(!of(said, 15, &[]).1);
    assert!(!of(said, 14, &[("cache-control", "no-cache")]).1);
    assert!(!of(said, 14, &[("cache-control", "max-age=12")]).1);
    // Fresh, but the request wants more: it is not given what it does not want.
    assert!(!of(said, 5, &[("cache-control", "min-fresh=9")]).1);
}

#[test]
fn rfc9111_3_5_credentials_and_cookies_may_have_another_answer() {
    let authorized = [("authorization", "Basic eA==")];
    assert_eq!(of("max-age=10", 1, &authorized).0, Reuse::Unfit);
    assert_eq!(of("public, max-age=10", 1, &authorized).0, Reuse::Fresh);
    let cookie = [("cookie", "a=b")];
    assert_eq!(of("max-age=10", 1, &cookie).0, Reuse::Fresh);
    // By the service's default: others may be given something else.
    assert_eq!(of("", 1, &cookie).0, Reuse::Unfit);
    assert!(!of("stale-if-error=99", 11, &cookie).1);
}
