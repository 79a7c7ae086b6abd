//! What is kept, by section of RFC 9111 and its companions.

use super::*;
use http::Method;

const DATE: &str = "Fri, 01 May 2026 00:00:00 GMT";
const WEEK_BEFORE: &str = "Fri, 24 Apr 2026 00:00:00 GMT";
const HOUR_AFTER: &str = "Fri, 01 May 2026 01:00:00 GMT";

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().expect("value"));
    }
    headers
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn wishes() -> Wishes {
    Wishes {
        default_ttl: Duration::ZERO,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        max_object: 100,
    }
}

fn asked(target: &str, fields: &[(&'static str, &str)]) -> Ask {
    Ask::read(&Method::GET, target, &headers(fields), true).expect("may be looked up")
}

fn arrival() -> Arrival {
    let wall = httpdate::parse_http_date(DATE).expect("date");
    Arrival { wall, at: Instant::now(), delay: Duration::ZERO }
}

fn of(ask: &Ask, status: u16, fields: &[(&'static str, &str)]) -> Result<Terms, Refusal> {
    let status = StatusCode::from_u16(status).expect("status");
    terms(ask, status, &headers(fields), arrival(), &wishes())
}

fn plain(fields: &[(&'static str, &str)]) -> Result<Terms, Refusal> {
    of(&asked("/a", &[]), 200, fields)
}

fn lifetime(fields: &[(&'static str, &str)]) -> u64 {
    plain(fields).expect("kept").lifetime.as_secs()
}

#[test]
fn rfc9111_3_what_is_not_kept() {
    let fresh = ("cache-control", "max-age=60");
    for (status, fields, why) in [
        (200, [fresh, ("cache-control", "no-store")], Refusal::NoStore),
        (200, [fresh, ("cache-control", "private")], Refusal::Private),
        (200, [fresh, ("cache-control", "private=\"x-a\"")], Refusal::Private),
        (200, [fresh, ("set-cookie", "a=b")], Refusal::SetCookie),
        (200, [fresh, ("vary", "accept, *")], Refusal::Vary),
        (200, [fresh, ("vary", "a b")], Refusal::Vary),
        (200, [fresh, ("content-length", "101")], Refusal::TooLarge),
        (206, [fresh, ("etag", "\"a\"")], Refusal::Status),
        (299, [fresh, ("etag", "\"a\"")], Refusal::Status),
        (500, [fresh, ("etag", "\"a\"")], Refusal::Status),
        (400, [fresh, ("etag", "\"a\"")], Refusal::Status),
        (200, [("x-a", "b"), ("x-b", "c")], Refusal::NotFresh),
        (200, [("cache-control", "max-age=0"), ("x-b", "c")], Refusal::NotFresh),
        (200, [("cache-control", "no-cache"), ("x-b", "c")], Refusal::NotFresh),
        (200, [("cache-control", "max-age=60"), ("age", "60")], Refusal::NotFresh),
    ] {
        assert_eq!(of(&asked("/a", &[]), status, &fields), Err(why), "{status} {fields:?}");
    }
}

#[test]
fn rfc9111_3_5_answers_to_credentials_are_kept_only_where_they_say_so() {
    let ask = asked("/a", &[("authorization", "Basic eA==")]);
    let with = |said| of(&ask, 200, &[("cache-control", said)]);
    assert_eq!(with("max-age=60"), Err(Refusal::Authorization));
    for said in ["public, max-age=60", "s-maxage=60", "max-age=60, must-revalidate"] {
        assert!(with(said).is_ok_and(|terms| terms.for_authorized), "{said}");
    }
    assert!(!plain(&[("cache-control", "max-age=60")]).expect("kept").for_authorized);
}

#[test]
fn rfc9111_4_2_1_what_counts_first() {
    let expires = ("expires", HOUR_AFTER);
    let date = ("date", DATE);
    assert_eq!(lifetime(&[("cache-control", "s-maxage=5, max-age=60"), expires, date]), 5);
    assert_eq!(lifetime(&[("cache-control", "max-age=60"), expires, date]), 60);
    assert_eq!(lifetime(&[expires, date]), 3600);
    // RFC 9213: what is said to caches like this one counts before all of them, and Expires not at all.
    let targeted = ("cdn-cache-control", "max-age=7");
    assert_eq!(lifetime(&[targeted, ("cache-control", "s-maxage=5"), expires, date]), 7);
    let nothing = [("cdn-cache-control", "public"), expires, date];
    assert_eq!(plain(&nothing), Err(Refusal::NotFresh));
}

#[test]
fn rfc9111_5_3_expires_that_is_none_is_over() {
    let etag = ("etag", "\"a\"");
    assert_eq!(lifetime(&[("expires", "0"), etag]), 0);
    assert_eq!(lifetime(&[("expires", WEEK_BEFORE), etag]), 0);
    assert_eq!(lifetime(&[("expires", HOUR_AFTER), ("expires", HOUR_AFTER), etag]), 0);
}

#[test]
fn rfc9111_4_2_2_heuristics_are_for_what_looks_the_same_to_everybody() {
    let old = [("last-modified", WEEK_BEFORE), ("date", DATE)];
    assert_eq!(lifetime(&old), 7 * 86_400 / 10);
    let anciently = [("last-modified", "Thu, 01 May 2025 00:00:00 GMT"), ("date", DATE)];
    assert_eq!(lifetime(&anciently), 86_400);
    assert_eq!(of(&asked("/a?b", &[]), 200, &old), Err(Refusal::NotFresh));
    assert_eq!(of(&asked("/a", &[("cookie", "a=b")]), 200, &old), Err(Refusal::NotFresh));
    assert_eq!(of(&asked("/a", &[]), 404, &old), Err(Refusal::NotFresh));
}

#[test]
fn the_services_default_is_for_what_does_not_say_it() {
    let with = |ask: &Ask, fields: &[(&'static str, &str)]| {
        let wishes = Wishes { default_ttl: seconds(9), ..wishes() };
        terms(ask, StatusCode::OK, &headers(fields), arrival(), &wishes)
    };
    let terms = with(&asked("/a?b", &[]), &[]).expect("kept");
    assert!(terms.lifetime == seconds(9) && !terms.said);
    let told = with(&asked("/a", &[]), &[("cache-control", "max-age=60")]).expect("kept");
    assert!(told.lifetime == seconds(60) && told.said);
    assert_eq!(with(&asked("/a", &[("cookie", "a=b")]), &[]), Err(Refusal::NotFresh));
}

#[test]
fn rfc9111_4_2_3_age_is_what_others_say_or_what_the_date_says() {
    let age = |fields: &[(&'static str, &str)], delay| {
        let arrival = Arrival { delay, ..arrival() };
        let fields = headers(fields);
        let ask = asked("/a", &[]);
        let terms = terms(&ask, StatusCode::OK, &fields, arrival, &wishes()).expect("kept");
        terms.age(arrival.at + seconds(5)).as_secs()
    };
    let fresh = ("cache-control", "max-age=9999999");
    assert_eq!(age(&[fresh], Duration::ZERO), 5);
    assert_eq!(age(&[fresh, ("age", "30")], seconds(2)), 37);
    assert_eq!(age(&[fresh, ("date", WEEK_BEFORE), ("age", "30")], seconds(2)), 7 * 86_400 + 5);
    // From the future, or no number: nothing.
    assert_eq!(age(&[fresh, ("date", HOUR_AFTER), ("age", "-3")], Duration::ZERO), 5);
    assert_eq!(age(&[fresh, ("age", "3, 9")], Duration::ZERO), 8);
}

#[test]
fn rfc9111_4_2_4_and_rfc5861_how_long_it_may_be_stale() {
    let with = |said: &str| {
        let wishes =
            Wishes { stale_while_revalidate: seconds(7), stale_if_error: seconds(8), ..wishes() };
        let fields = headers(&[("cache-control", said), ("etag", "\"a\"")]);
        let ask = asked("/a", &[]);
        let terms = terms(&ask, StatusCode::OK, &fields, arrival(), &wishes).expect("kept");
        let of = |time: Duration| time.as_secs();
        (of(terms.stale_while_revalidate), of(terms.stale_if_error), terms.stale_on_wish)
    };
    assert_eq!(with("max-age=1"), (7, 8, true));
    assert_eq!(with("max-age=1, stale-while-revalidate=2, stale-if-error=3"), (2, 3, true));
    // Told apart for shared caches: only what the response says itself.
    assert_eq!(with("s-maxage=1"), (0, 0, false));
    assert_eq!(with("s-maxage=1, stale-while-revalidate=2"), (2, 0, false));
    for never in ["must-revalidate", "proxy-revalidate", "no-cache"] {
        let said = format!("max-age=1, stale-while-revalidate=2, stale-if-error=3, {never}");
        assert_eq!(with(&said), (0, 0, false), "{never}");
    }
}

#[test]
fn a_plugin_may_keep_what_the_rfc_would_not_but_no_part_and_no_riddle() {
    let with = |status: u16, fields: &[(&'static str, &str)]| {
        let wanted = Given {
            ttl: seconds(60),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            tags: vec!["t".to_owned()],
        };
        let status = StatusCode::from_u16(status).expect("status");
        given(wanted, status, &headers(fields), arrival(), &wishes())
    };
    let terms = with(200, &[("cache-control", "private"), ("cache-tag", "a,b")]).expect("kept");
    assert_eq!(terms.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["a", "b", "t"]);
    assert_eq!(with(206, &[]), Err(Refusal::Status));
    assert_eq!(with(200, &[("vary", "*")]), Err(Refusal::Vary));
    assert_eq!(with(200, &[("content-length", "101")]), Err(Refusal::TooLarge));
}

#[test]
fn tags_are_words_of_two_fields_each_once() {
    let fields = [("cache-control", "max-age=1"), ("cache-tag", "a, b"), ("surrogate-key", "b c")];
    let terms = plain(&fields).expect("kept");
    assert_eq!(terms.tags.iter().map(|tag| &**tag).collect::<Vec<_>>(), ["a", "b", "c"]);
    let many = (0..100).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let terms = plain(&[("cache-control", "max-age=1"), ("cache-tag", &many)]).expect("kept");
    assert_eq!(terms.tags.len(), MOST_TAGS);
}
