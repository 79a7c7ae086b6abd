//! Cache-Control as it is said: of a response (RFC 9111 section 5.2.2, RFC 5861, RFC 9213), of a request
//! (section 5.2.1). What follows from it is decided elsewhere.

use http::{HeaderMap, HeaderName, header};
use std::time::Duration;

/// RFC 9213 section 3.1: said to caches like this one alone.
pub const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");

/// RFC 9111 section 1.2.2: what a larger number means.
const MOST_SECONDS: u64 = 1 << 31;

/// What a response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Nothing of it is kept.
    pub no_store: bool,
    /// It is never given without asking anew. With field names, too: a cache may read it so.
    pub no_cache: bool,
    /// It is for one user. With field names, too.
    pub private: bool,
    /// It is for all.
    pub public: bool,
    /// It is never given stale.
    pub must_revalidate: bool,
    /// The same, for shared caches.
    pub proxy_revalidate: bool,
    /// How long it is fresh.
    pub max_age: Option<Duration>,
    /// The same, for shared caches.
    pub s_maxage: Option<Duration>,
    /// How long after that it is given while it is fetched anew.
    pub stale_while_revalidate: Option<Duration>,
    /// How long after that it is given while it cannot be fetched.
    pub stale_if_error: Option<Duration>,
    /// It is said in the field for caches like this one, so that Expires does not count.
    pub targeted: bool,
}

impl Directives {
    /// Of a response: what is said to caches like this one, if anything is, else what is said to all.
    pub fn of(headers: &HeaderMap) -> Directives {
        if let Some(members) = targeted(headers) {
            let mut directives = Directives { targeted: true, ..Directives::default() };
            for (name, value) in members {
                directives.add(&name, value.as_deref(), false);
            }
            return directives;
        }
        let mut directives = Directives::default();
        each(headers.get_all(header::CACHE_CONTROL).iter().map(|v| v.as_bytes()), |name, value| {
            directives.add(name, value, true);
        });
        directives
    }

    /// `lenient`: a time that is none counts as one that is over (section 4.2.1); else it is not said
    /// (RFC 9213 section 2.1).
    fn add(&mut self, name: &str, value: Option<&str>, lenient: bool) {
        let time = |before: Option<Duration>| match (value.and_then(seconds), lenient) {
            // Of two the shorter: no cache was meant to keep it longer.
            (Some(time), _) => Some(before.map_or(time, |before| before.min(time))),
            (None, true) => Some(Duration::ZERO),
            (None, false) => before,
        };
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "max-age" => self.max_age = time(self.max_age),
            "s-maxage" => self.s_maxage = time(self.s_maxage),
            "stale-while-revalidate" => {
                self.stale_while_revalidate = time(self.stale_while_revalidate);
            }
            "stale-if-error" => self.stale_if_error = time(self.stale_if_error),
            _ => {}
        }
    }
}

/// What a request says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Nothing of it or of its answer is kept.
    pub no_store: bool,
    /// Not without asking anew.
    pub no_cache: bool,
    /// Nobody is asked: what is kept, or 504.
    pub only_if_cached: bool,
    /// Not older.
    pub max_age: Option<Duration>,
    /// Fresh for so long still.
    pub min_fresh: Option<Duration>,
    /// Stale for so long at most.
    pub max_stale: Option<Duration>,
}

impl Wants {
    /// Of a request.
    pub fn of(headers: &HeaderMap) -> Wants {
        let mut wants = Wants::default();
        let Some(first) = headers.get(header::CACHE_CONTROL) else {
            // Section 5.4: counts only where the other is not said.
            let mut pragma = headers.get_all(header::PRAGMA).iter();
            wants.no_cache = pragma.any(|v| v.as_bytes().eq_ignore_ascii_case(b"no-cache"));
            return wants;
        };
        let rest = headers.get_all(header::CACHE_CONTROL).iter().skip(1);
        each(std::iter::once(first).chain(rest).map(|v| v.as_bytes()), |name, value| {
            let time = value.and_then(seconds);
            match name {
                "no-store" => wants.no_store = true,
                "no-cache" => wants.no_cache = true,
                "only-if-cached" => wants.only_if_cached = true,
                "max-age" => wants.max_age = Some(time.unwrap_or_default()),
                "min-fresh" => wants.min_fresh = time.or(wants.min_fresh),
                "max-stale" => {
                    let any = Duration::from_secs(MOST_SECONDS);
                    wants.max_stale = if value.is_none() { Some(any) } else { time };
                }
                _ => {}
            }
        });
        wants
    }
}

/// Each directive of a list, with its name in lower case; commas inside quotes are no ends.
fn each<'a>(values: impl Iterator<Item = &'a [u8]>, mut take: impl FnMut(&str, Option<&str>)) {
    for value in values {
        for item in items(value) {
            let Ok(item) = std::str::from_utf8(item.trim_ascii()) else { continue };
            let (name, value) = match item.split_once('=') {
                Some((name, value)) => {
                    (name.trim_end(), Some(value.trim_start().trim_matches('"')))
                }
                None => (item, None),
            };
            if !name.is_empty() {
                take(&name.to_ascii_lowercase(), value);
            }
        }
    }
}

/// Splits at commas outside quotes.
pub(crate) fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |byte| {
        match *byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' => return !quoted,
            _ => {}
        }
        false
    })
}

fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits that do not fit are many.
    let number = text.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(number.min(MOST_SECONDS)))
}

type Member = (String, Option<String>);

/// The members of the targeted field; none where it is not there, empty, or not well-formed, which is
/// then no field at all (RFC 9213 section 2.1).
fn targeted(headers: &HeaderMap) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    for value in headers.get_all(CDN_CACHE_CONTROL) {
        for item in items(value.as_bytes()) {
            members.push(member(std::str::from_utf8(item).ok()?.trim())?);
        }
    }
    // Of members that are "false" nothing is said.
    members.retain(|(_, value)| value.as_deref() != Some("?0"));
    (!members.is_empty()).then_some(members)
}

/// One member of a dictionary (RFC 9651 section 3.2) whose value is a bare item; its parameters say nothing.
fn member(item: &str) -> Option<Member> {
    let first = item.bytes().next()?;
    if !(first.is_ascii_lowercase() || first == b'*') {
        return None;
    }
    let is_key = |byte: u8| {
        byte.is_ascii_lowercase()
            || byte.is_ascii_digit()
            || matches!(byte, b'_' | b'-' | b'.' | b'*')
    };
    let end = item.bytes().position(|byte| !is_key(byte)).unwrap_or(item.len());
    let (name, rest) = item.split_at(end);
    let value = match rest.strip_prefix('=') {
        None if rest.is_empty() || rest.starts_with(';') => None,
        None => return None,
        Some(value) => {
            let bare = value.split(';').next().unwrap_or_default().trim_end();
            let quoted = bare.len() >= 2 && bare.starts_with('"') && bare.ends_with('"');
            let plain = !bare.is_empty()
                && bare.bytes().all(|b| b.is_ascii_graphic() && !b"\",;=()".contains(&b));
            (quoted || plain).then(|| bare.to_owned()).map(Some)?
        }
    };
    // "True" is what a key without a value says.
    Some((name.to_owned(), value.filter(|value| value != "?1")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("value"));
        }
        headers
    }

    fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn rfc9111_5_2_directives_are_read_whatever_their_case_and_quotes() {
        let said = headers(&[
            ("cache-control", "PUBLIC, max-age=\"60\" ,, x=\"a, no-store\""),
            ("cache-control", "s-maxage = 5, stale-if-error=9"),
        ]);
        let said = Directives::of(&said);
        assert!(said.public && !said.no_store);
        assert_eq!(
            (said.max_age, said.s_maxage, said.stale_if_error),
            (secs(60), secs(5), secs(9))
        );
    }

    #[test]
    fn rfc9111_4_2_1_times_that_contradict_or_are_none_count_as_the_shortest() {
        for (said, time) in [
            ("max-age=60, max-age=5", secs(5)),
            ("max-age=soon", secs(0)),
            ("max-age=-1", secs(0)),
            ("max-age", secs(0)),
            ("max-age=99999999999999999999999", secs(MOST_SECONDS)),
        ] {
            assert_eq!(
                Directives::of(&headers(&[("cache-control", said)])).max_age,
                time,
                "{said}"
            );
        }
    }

    #[test]
    fn rfc9213_2_what_is_said_to_this_kind_of_cache_is_all_that_counts() {
        let of = |targeted: &str| {
            Directives::of(&headers(&[
                ("cdn-cache-control", targeted),
                ("cache-control", "no-store, max-age=7"),
            ]))
        };
        let said = of("max-age=60;x=1, must-revalidate");
        assert!(said.targeted && said.must_revalidate && !said.no_store);
        assert_eq!(said.max_age, secs(60));
        // Not of its type: not said.
        assert_eq!(of("max-age=1.5, public").max_age, None);
        assert!(!of("no-store=?0, max-age=3").no_store);
        // Not well-formed, or empty: no field at all.
        for broken in ["Max-Age=60", "max-age=60,,", "max-age=", "", "max-age =60", "=1"] {
            let said = of(broken);
            assert!(!said.targeted && said.no_store, "{broken:?}");
        }
    }

    #[test]
    fn rfc9111_5_2_1_what_a_request_wants() {
        let of = |said: &str| Wants::of(&headers(&[("cache-control", said)]));
        assert_eq!(of("max-age=0, min-fresh=3").min_fresh, secs(3));
        assert_eq!(of("max-stale").max_stale, secs(MOST_SECONDS));
        assert_eq!(of("max-stale=4").max_stale, secs(4));
        assert_eq!(of("max-stale=x").max_stale, None);
        assert!(of("No-Cache").no_cache && of("only-if-cached").only_if_cached);
    }

    #[test]
    fn rfc9111_5_4_pragma_counts_only_alone() {
        assert!(Wants::of(&headers(&[("pragma", "No-Cache")])).no_cache);
        let both = headers(&[("pragma", "no-cache"), ("cache-control", "max-age=9")]);
        assert!(!Wants::of(&both).no_cache);
    }
}
