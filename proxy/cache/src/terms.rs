//! Under which terms a response is kept (RFC 9111 section 3), and how long it is fresh (section 4.2). Pure:
//! heads and times in, terms out. It must not know where anything is kept.

use crate::ask::Ask;
use crate::control::Directives;
use http::{HeaderMap, HeaderName, StatusCode, header};
use pingora_cache::key::HashBinary;
use smallvec::SmallVec;
use std::time::{Duration, Instant, SystemTime};

/// Statuses whose meaning this cache knows, so that it may keep what says how long it is fresh (section
/// 3). Not among them: what a broken or unhappy request alone may have brought about (400, 403, 413, 431,
/// 5xx but 501), since others would get it; parts (206); and what is unknown.
const UNDERSTOOD: [u16; 14] =
    [200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 451, 501];

/// Those of them that may be taken to be fresh for a while though they do not say so. RFC 9110 section
/// 15.1 has errors among these too, which a cache does well to be told of.
const FRESH_UNSAID: [u16; 6] = [200, 203, 204, 300, 301, 308];

/// Section 4.2.2: a common part of the time for which it has not changed,
const HEURISTIC_SHARE: u32 = 10;
/// and no more than this, after which it would want a warning.
const MOST_HEURISTIC: Duration = Duration::from_secs(86_400);

/// Response headers by which variants are told apart, at most; more is no honest answer.
const MOST_VARY: usize = 16;

/// What the operator wishes for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wishes {
    /// For responses that do not say how long they are fresh; zero: by heuristic alone.
    pub default_ttl: Duration,
    /// For responses that do not say it.
    pub stale_while_revalidate: Duration,
    /// For responses that do not say it.
    pub stale_if_error: Duration,
    /// Bytes of a body.
    pub max_object: u64,
}

/// When a response came.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// By the clock on the wall, for what origins say.
    pub wall: SystemTime,
    /// By one that never jumps, for all that is measured here.
    pub at: Instant,
    /// Since the request was sent.
    pub delay: Duration,
}

/// The terms under which a stored response is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(crate) received: Instant,
    /// Its age when it came (section 4.2.3).
    pub(crate) initial_age: Duration,
    /// How long it is fresh.
    pub lifetime: Duration,
    /// How long after that it is given while it is fetched anew.
    pub stale_while_revalidate: Duration,
    /// How long after that it is given while it cannot be fetched.
    pub stale_if_error: Duration,
    /// Whether a request may want it stale.
    pub stale_on_wish: bool,
    /// It may answer requests with credentials (section 3.5).
    pub for_authorized: bool,
    /// It says itself how long it is fresh. What does not is not for requests with cookies, which may have
    /// another answer.
    pub said: bool,
    /// Request fields by which it was chosen (section 4.1), in lower case, in order.
    pub vary: SmallVec<[HeaderName; 2]>,
    /// By which it is purged.
    pub tags: Box<[Box<str>]>,
}

/// Terms as another process can read them: with the clock on the wall.
#[derive(Debug)]
pub(crate) struct Kept<'a> {
    pub(crate) terms: &'a Terms,
    pub(crate) received: SystemTime,
    pub(crate) initial_age: Duration,
}

impl Terms {
    /// What tells the variants of the response apart, for this request; `more`: fields that a plugin has it depend
    /// on.
    pub(crate) fn variant(&self, more: &[HeaderName], request: &HeaderMap) -> Option<HashBinary> {
        crate::key::variant(self.vary.iter().chain(more), request)
    }

    /// For the disk; `now` is by the clock on the wall.
    pub(crate) fn kept(&self, now: SystemTime) -> Kept<'_> {
        let since = Instant::now().saturating_duration_since(self.received);
        let received = now.checked_sub(since).unwrap_or(now);
        Kept { terms: self, received, initial_age: self.initial_age }
    }

    /// Of something that has this age at this moment, and never was fresh.
    pub(crate) fn aged(age: Duration) -> Terms {
        Terms {
            received: Instant::now(),
            initial_age: age,
            lifetime: Duration::ZERO,
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            stale_on_wish: false,
            for_authorized: false,
            said: false,
            vary: SmallVec::new(),
            tags: Box::default(),
        }
    }

    /// Section 4.2.3.
    pub fn age(&self, now: Instant) -> Duration {
        self.initial_age + now.saturating_duration_since(self.received)
    }

    /// How long it is still fresh, or has been stale.
    pub fn rest(&self, now: Instant) -> Result<Duration, Duration> {
        let age = self.age(now);
        // Section 4.2: fresh while its lifetime exceeds its age.
        if self.lifetime > age { Ok(self.lifetime - age) } else { Err(age - self.lifetime) }
    }
}

/// Why a response is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its status is a part's, no answer's, or unknown.
    Status,
    /// It says so.
    NoStore,
    /// It is for one user.
    Private,
    /// It sets a cookie.
    SetCookie,
    /// It answers a request with credentials and does not say that others may have it.
    Authorization,
    /// Nobody can tell what it was chosen by.
    Vary,
    /// Nobody can tell how long it is fresh, or it is not and cannot be validated.
    NotFresh,
    /// Its body is too large.
    TooLarge,
    /// A plugin says so.
    Plugin,
    /// There is no room for what is being fetched.
    Room,
}

impl Refusal {
    /// Whether the next answer to the same URL will likely be no other, so that requests for it need not
    /// wait for each other. Room is another matter each time.
    pub fn lasts(self) -> bool {
        self != Refusal::Room
    }
}

/// What a plugin wishes of one response, even if RFC 9111 would not keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// How long it is fresh.
    pub ttl: Duration,
    /// Then, while it is fetched anew.
    pub stale_while_revalidate: Duration,
    /// Then, while it cannot be fetched.
    pub stale_if_error: Duration,
    /// By which it is purged.
    pub tags: Vec<String>,
}

/// Whether a response to `ask` is kept, and under which terms.
///
/// # Errors
/// Why it is not.
pub fn terms(
    ask: &Ask,
    status: StatusCode,
    headers: &HeaderMap,
    arrival: Arrival,
    wishes: &Wishes,
) -> Result<Terms, Refusal> {
    if !UNDERSTOOD.contains(&status.as_u16()) {
        return Err(Refusal::Status);
    }
    let says = Directives::of(headers);
    if says.no_store {
        return Err(Refusal::NoStore);
    }
    if says.private {
        return Err(Refusal::Private);
    }
    if headers.contains_key(header::SET_COOKIE) {
        return Err(Refusal::SetCookie);
    }
    // Section 3.5.
    let for_authorized = says.public || says.must_revalidate || says.s_maxage.is_some();
    if ask.authorization && !for_authorized {
        return Err(Refusal::Authorization);
    }
    let vary = vary(headers)?;
    fits(headers, wishes)?;
    let (lifetime, said) = lifetime(ask, status, headers, &says, arrival, wishes);
    if !said && !says.no_cache && lifetime.is_zero() {
        // That it may be stale for a while does not make it fresh ever.
        return Err(Refusal::NotFresh);
    }
    let lifetime = if says.no_cache { Duration::ZERO } else { lifetime };
    // Section 4.2.4. What shared caches are told apart may be given stale only where that is told, too.
    let never = says.no_cache || says.must_revalidate || says.proxy_revalidate;
    let shared = says.s_maxage.is_some();
    let stale = |told: Option<Duration>, wish: Duration| match told {
        _ if never => Duration::ZERO,
        Some(told) => told,
        None if shared => Duration::ZERO,
        None => wish,
    };
    let terms = Terms {
        received: arrival.at,
        initial_age: initial_age(headers, arrival),
        lifetime,
        stale_while_revalidate: stale(says.stale_while_revalidate, wishes.stale_while_revalidate),
        stale_if_error: stale(says.stale_if_error, wishes.stale_if_error),
        stale_on_wish: !never && !shared,
        for_authorized,
        said: said || says.no_cache,
        vary,
        tags: tags(headers),
    };
    worth_it(terms, headers)
}

/// The terms that a plugin gives, in place of RFC 9111's. What cannot be given again at all is not kept.
///
/// # Errors
/// Why it is not.
pub fn given(
    given: Given,
    status: StatusCode,
    headers: &HeaderMap,
    arrival: Arrival,
    wishes: &Wishes,
) -> Result<Terms, Refusal> {
    let partial = [StatusCode::PARTIAL_CONTENT, StatusCode::NOT_MODIFIED];
    if status.is_informational() || partial.contains(&status) {
        return Err(Refusal::Status);
    }
    fits(headers, wishes)?;
    let vary = vary(headers)?;
    let mut all: Vec<Box<str>> = tags(headers).into_vec();
    all.extend(given.tags.into_iter().map(String::into_boxed_str));
    let terms = Terms {
        received: arrival.at,
        // From now on, whatever the origin says.
        initial_age: Duration::ZERO,
        lifetime: given.ttl,
        stale_while_revalidate: given.stale_while_revalidate,
        stale_if_error: given.stale_if_error,
        stale_on_wish: true,
        for_authorized: true,
        said: true,
        vary,
        tags: all.into(),
    };
    worth_it(terms, headers)
}

/// What is stale at once and can neither be validated nor given stale is only in the way.
fn worth_it(terms: Terms, headers: &HeaderMap) -> Result<Terms, Refusal> {
    let stale = terms.stale_while_revalidate.max(terms.stale_if_error);
    let validators = [header::ETAG, header::LAST_MODIFIED];
    let validated = terms.said && validators.iter().any(|name| headers.contains_key(name));
    let of_use = terms.lifetime.saturating_add(stale) > terms.initial_age || validated;
    if of_use { Ok(terms) } else { Err(Refusal::NotFresh) }
}

fn fits(headers: &HeaderMap, wishes: &Wishes) -> Result<(), Refusal> {
    let too_large = content_length(headers).is_some_and(|length| length > wishes.max_object);
    if too_large { Err(Refusal::TooLarge) } else { Ok(()) }
}

/// The length that a head promises.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Section 4.2.1, and whether it is said.
fn lifetime(
    ask: &Ask,
    status: StatusCode,
    headers: &HeaderMap,
    says: &Directives,
    arrival: Arrival,
    wishes: &Wishes,
) -> (Duration, bool) {
    if let Some(told) = says.s_maxage.or(says.max_age) {
        return (told, true);
    }
    let mut expires = headers.get_all(header::EXPIRES).iter();
    if let Some(first) = expires.next().filter(|_| !says.targeted) {
        let date = date(headers, &header::DATE).unwrap_or(arrival.wall);
        // One that is no date, and one of several, is over (section 5.3).
        let end = first.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
        let end = end.filter(|_| expires.next().is_none());
        return (end.and_then(|end| end.duration_since(date).ok()).unwrap_or_default(), true);
    }
    // Not said: only what looks the same to everybody.
    let unsaid = FRESH_UNSAID.contains(&status.as_u16()) || says.public;
    if !unsaid || ask.cookie || ask.authorization {
        return (Duration::ZERO, false);
    }
    if !wishes.default_ttl.is_zero() {
        return (wishes.default_ttl, false);
    }
    // A query often means that it was made for this request.
    let changed = date(headers, &header::LAST_MODIFIED).filter(|_| !ask.query);
    let since = changed.and_then(|changed| {
        date(headers, &header::DATE).unwrap_or(arrival.wall).duration_since(changed).ok()
    });
    (since.map_or(Duration::ZERO, |since| (since / HEURISTIC_SHARE).min(MOST_HEURISTIC)), false)
}

/// Section 4.2.3: what caches before this one say, and what Date says, whichever is more.
fn initial_age(headers: &HeaderMap, arrival: Arrival) -> Duration {
    let date = date(headers, &header::DATE);
    let apparent = date.and_then(|date| arrival.wall.duration_since(date).ok()).unwrap_or_default();
    let text = headers.get(header::AGE).and_then(|age| age.to_str().ok());
    // Section 5.1: only the first; one that is none says nothing.
    let first = text.and_then(|text| text.split(',').next()?.trim().parse::<u32>().ok());
    let corrected = Duration::from_secs(first.unwrap_or_default().into()) + arrival.delay;
    apparent.max(corrected)
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// Section 4.1: the fields that a response was chosen by, in order.
fn vary(headers: &HeaderMap) -> Result<SmallVec<[HeaderName; 2]>, Refusal> {
    let mut names: SmallVec<[HeaderName; 2]> = SmallVec::new();
    for value in headers.get_all(header::VARY) {
        for name in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if name.is_empty() {
                continue;
            }
            // `*` is a token like others, but no name.
            if name == b"*" || names.len() == MOST_VARY {
                return Err(Refusal::Vary);
            }
            names.push(HeaderName::from_bytes(name).map_err(|_| Refusal::Vary)?);
        }
    }
    names.sort_unstable_by(|a: &HeaderName, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    Ok(names)
}

/// Fields in which origins name tags: with commas, or with spaces.
pub const TAG_FIELDS: [HeaderName; 2] =
    [HeaderName::from_static("cache-tag"), HeaderName::from_static("surrogate-key")];

/// Tags that one response may have, and bytes of each; the rest is not looked at.
const MOST_TAGS: usize = 64;
const LONGEST_TAG: usize = 256;

fn tags(headers: &HeaderMap) -> Box<[Box<str>]> {
    let values = TAG_FIELDS.into_iter().flat_map(|name| headers.get_all(name));
    let words = values.filter_map(|value| value.to_str().ok());
    let words = words.flat_map(|text| text.split([',', ' ', '\t']));
    let mut tags: Vec<Box<str>> = Vec::new();
    for word in words.filter(|word| !word.is_empty() && word.len() <= LONGEST_TAG) {
        if tags.len() < MOST_TAGS && !tags.iter().any(|tag| &**tag == word) {
            tags.push(word.into());
        }
    }
    tags.into()
}

#[cfg(test)]
mod tests;
