//! A stored response is never given where RFC 9111 forbids it: the crate's decisions against a model of the
//! RFC's words, on responses and requests of every kind. The model does not read headers; it knows what was
//! said, and has its own arithmetic in whole seconds.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use hither_cache::{Arrival, Ask, Reuse, Wishes, on_error, reuse, terms};
use http::{HeaderMap, Method, StatusCode};
use proptest::prelude::*;
use std::time::{Duration, Instant, SystemTime};

/// What is said of a response.
#[derive(Clone, Debug)]
struct Said {
    status: u16,
    no_store: bool,
    no_cache: bool,
    private: bool,
    public: bool,
    must_revalidate: bool,
    proxy_revalidate: bool,
    max_age: Option<u64>,
    s_maxage: Option<u64>,
    swr: Option<u64>,
    sie: Option<u64>,
    /// Seconds after Date; none: no such field.
    expires: Option<i64>,
    age: Option<u64>,
    set_cookie: bool,
    vary_all: bool,
    etag: bool,
    /// All of it is said to caches like this one apart, and the opposite to others.
    targeted: bool,
}

/// What is said of a request.
#[derive(Clone, Debug)]
struct Asks {
    authorization: bool,
    cookie: bool,
    no_cache: bool,
    max_age: Option<u64>,
    min_fresh: Option<u64>,
    max_stale: Option<u64>,
}

fn some(most: u64) -> impl Strategy<Value = Option<u64>> {
    prop_oneof![2 => Just(None), 3 => (0..most).prop_map(Some)]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.15)
}

fn said() -> impl Strategy<Value = Said> {
    let status = prop_oneof![6 => Just(200u16), 1 => Just(404), 1 => Just(206), 1 => Just(302),
        1 => Just(500), 1 => Just(299)];
    let flags = (rarely(), rarely(), rarely(), any::<bool>(), rarely(), rarely());
    let times = (some(40), some(40), some(40), some(40));
    let expires = prop_oneof![3 => Just(None), 2 => (-10i64..40).prop_map(Some)];
    let rest = (expires, some(40), rarely(), rarely(), any::<bool>(), rarely());
    (status, flags, times, rest).prop_map(|(status, flags, times, rest)| Said {
        status,
        no_store: flags.0,
        no_cache: flags.1,
        private: flags.2,
        public: flags.3,
        must_revalidate: flags.4,
        proxy_revalidate: flags.5,
        max_age: times.0,
        s_maxage: times.1,
        swr: times.2,
        sie: times.3,
        expires: rest.0,
        age: rest.1,
        set_cookie: rest.2,
        vary_all: rest.3,
        etag: rest.4,
        targeted: rest.5,
    })
}

fn asks() -> impl Strategy<Value = Asks> {
    (rarely(), rarely(), rarely(), some(60), some(30), some(60)).prop_map(|all| Asks {
        authorization: all.0,
        cookie: all.1,
        no_cache: all.2,
        max_age: all.3,
        min_fresh: all.4,
        max_stale: all.5,
    })
}

fn list(flags: &[(bool, &str)], times: &[(Option<u64>, &str)]) -> String {
    let flags = flags.iter().filter(|(said, _)| *said).map(|(_, name)| (*name).to_owned());
    let times = times.iter().filter_map(|(time, name)| Some(format!("{name}={}", (*time)?)));
    flags.chain(times).collect::<Vec<_>>().join(", ")
}

impl Said {
    fn headers(&self, now: SystemTime) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: String| {
            headers.append(name, value.parse().expect("a value"));
        };
        let list = list(
            &[
                (self.no_store, "no-store"),
                (self.no_cache, "no-cache"),
                (self.private, "private"),
                (self.public, "public"),
                (self.must_revalidate, "must-revalidate"),
                (self.proxy_revalidate, "proxy-revalidate"),
            ],
            &[
                (self.max_age, "max-age"),
                (self.s_maxage, "s-maxage"),
                (self.swr, "stale-while-revalidate"),
                (self.sie, "stale-if-error"),
            ],
        );
        if self.is_targeted() {
            add("cdn-cache-control", list);
            add("cache-control", "no-store, private".to_owned());
        } else if !list.is_empty() {
            add("cache-control", list);
        }
        add("date", httpdate::fmt_http_date(now));
        if let Some(after) = self.expires {
            let shift = Duration::from_secs(after.unsigned_abs());
            let at = if after < 0 { now - shift } else { now + shift };
            add("expires", httpdate::fmt_http_date(at));
        }
        for (said, name, value) in [
            (self.set_cookie, "set-cookie", "a=b"),
            (self.vary_all, "vary", "*"),
            (self.etag, "etag", "\"a\""),
        ] {
            if said {
                add(name, value.to_owned());
            }
        }
        if let Some(age) = self.age {
            add("age", age.to_string());
        }
        headers
    }

    /// An empty field is none.
    fn is_targeted(&self) -> bool {
        let flags = [
            self.no_store,
            self.no_cache,
            self.private,
            self.public,
            self.must_revalidate,
            self.proxy_revalidate,
        ];
        let times = [self.max_age, self.s_maxage, self.swr, self.sie];
        self.targeted && (flags.contains(&true) || times.iter().any(Option::is_some))
    }

    /// Section 4.2.1; none: it does not say.
    fn lifetime(&self) -> Option<u64> {
        let expires = self.expires.filter(|_| !self.is_targeted());
        let expires = expires.map(|after| u64::try_from(after).unwrap_or(0));
        self.s_maxage.or(self.max_age).or(expires)
    }
}

impl Asks {
    fn ask(&self) -> Ask {
        let mut headers = HeaderMap::new();
        let list = list(
            &[(self.no_cache, "no-cache")],
            &[
                (self.max_age, "max-age"),
                (self.min_fresh, "min-fresh"),
                (self.max_stale, "max-stale"),
            ],
        );
        for (said, name, value) in [
            (self.authorization, "authorization", "Basic eA=="),
            (self.cookie, "cookie", "a=b"),
            (!list.is_empty(), "cache-control", list.as_str()),
        ] {
            if said {
                headers.append(name, value.parse().expect("a value"));
            }
        }
        Ask::read(&Method::GET, "/?a", &headers, true).expect("may be looked up")
    }
}

/// Whether a shared cache must not give the response, kept for `first`, to `next`, at this age. `failing`: the
/// origin cannot be asked.
fn forbidden(
    said: &Said,
    first: &Asks,
    next: &Asks,
    age: u64,
    failing: bool,
) -> Option<&'static str> {
    let shares = said.public || said.must_revalidate || said.s_maxage.is_some();
    let fixed = [
        (said.no_store, "section 5.2.2.5: no-store"),
        (said.private, "section 5.2.2.7: private"),
        (said.no_cache, "section 5.2.2.4: no-cache"),
        (said.vary_all, "section 4.1: Vary: *"),
        (said.set_cookie, "a cookie is one client's"),
        (matches!(said.status, 206 | 299), "section 3: a part, or an unknown status"),
        (said.status == 500, "what may be one request's doing"),
        ((first.authorization || next.authorization) && !shares, "section 3.5"),
        (next.no_cache, "section 5.2.1.4: the request's no-cache"),
        (next.max_age.is_some_and(|most| age > most), "section 5.2.1.1: max-age"),
    ];
    if let Some((_, why)) = fixed.iter().find(|(holds, _)| *holds) {
        return Some(why);
    }
    let Some(lifetime) = said.lifetime() else {
        return Some("nothing says how long it is fresh, and there is no default here");
    };
    if lifetime > age {
        let short = next.min_fresh.is_some_and(|least| lifetime - age < least);
        return short.then_some("section 5.2.1.3: min-fresh");
    }
    let stale = age - lifetime;
    if said.must_revalidate || said.proxy_revalidate {
        return Some("section 5.2.2.2 and 5.2.2.8: never stale");
    }
    let told = |time: Option<u64>| time.is_some_and(|time| stale < time);
    let wished = said.s_maxage.is_none() && next.max_stale.is_some_and(|most| stale <= most);
    let allowed = wished || told(said.swr) || (failing && told(said.sie));
    (!allowed).then_some("section 4.2.4: stale, and nobody allows it")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_given_is_never_forbidden(
        said in said(), first in asks(), next in asks(), later in 0u64..90,
    ) {
        let (wall, at) = (SystemTime::now(), Instant::now());
        let wall = httpdate::parse_http_date(&httpdate::fmt_http_date(wall)).expect("a date");
        let arrival = Arrival { wall, at, delay: Duration::ZERO };
        let wishes = Wishes {
            default_ttl: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            max_object: 1,
        };
        let status = StatusCode::from_u16(said.status).expect("a status");
        let headers = said.headers(wall);
        let kept = terms(&first.ask(), status, &headers, arrival, &wishes);
        let Ok(kept) = kept else { return Ok(()) };
        let now = at + Duration::from_secs(later);
        let age = said.age.unwrap_or(0) + later;
        prop_assert_eq!(kept.age(now).as_secs(), age);
        let found = reuse(&kept, &next.ask(), now);
        let given = matches!(found, Reuse::Fresh | Reuse::Wished | Reuse::WhileRevalidating);
        if given {
            prop_assert_eq!(forbidden(&said, &first, &next, age, false), None, "{:?}", found);
        }
        if on_error(&kept, &next.ask(), now) {
            prop_assert_eq!(forbidden(&said, &first, &next, age, true), None);
        }
        // And it is of use: what is fresh and asked for plainly is given.
        let plain = next.max_age.is_none() && next.min_fresh.is_none() && !next.no_cache;
        if plain && !next.cookie && forbidden(&said, &first, &next, age, false).is_none() {
            prop_assert!(given, "{:?}", found);
        }
    }
}
