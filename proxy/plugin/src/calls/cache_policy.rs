//! `cache-policy`: under which key a request is looked up, and whether its answer is kept. Decisions only:
//! storage, collapsing, ranges and revalidation are the caller's.

use std::time::Duration;

use http::HeaderName;

use crate::contract::exports::hither::plugin::cache_policy as wire;
use crate::judge::{self, Bounds, Wrong};
use crate::report::Report;
use crate::request::{RequestHead, ResponseHead, Values};
use crate::revision::Revision;

const LONGEST_KEY: usize = 4 << 10;
const MOST_VARY: usize = 16;
const MOST_TAGS: usize = 64;
/// Nothing is kept, or known to be uncacheable, for longer.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Under which key a request is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The standard one.
    ByStandard,
    /// None: the cache is neither asked nor filled.
    Bypass,
    /// This one.
    Custom(CacheKey),
}

/// A key of the plugin's. Scheme and authority are the caller's to add, always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheKey {
    /// In place of path and query, at most 4 KiB; none: those.
    pub primary: Option<Vec<u8>>,
    /// Request headers by which answers differ, besides those that they name; at most 16.
    pub vary: Vec<HeaderName>,
    /// For `on-store` of the same exchange.
    pub memo: u64,
}

/// Whether an answer is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// RFC 9111 decides.
    ByStandard,
    /// It is not.
    DoNotStore,
    /// It is not, and that is remembered for so long, at most a year.
    HitForMiss(Duration),
    /// It is, even if RFC 9111 would not.
    Store(Freshness),
}

/// How long an answer may be given; no time is longer than a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// As it is.
    pub ttl: Duration,
    /// Then, while it is fetched anew.
    pub stale_while_revalidate: Duration,
    /// Then, while it cannot be fetched.
    pub stale_if_error: Duration,
    /// By which it is purged: at most 64 words of visible ASCII.
    pub tags: Vec<String>,
}

impl Revision {
    /// `cache-policy.on-lookup`. A plugin without this hook leaves it to the standard.
    pub fn on_lookup(&self, head: &RequestHead<'_>) -> Report<Lookup> {
        let Some(given) = self.configured(head.config) else {
            return Report::unconfigured(head.config);
        };
        let values = Values::read(head.inputs, &given.request);
        let inputs = values.lowered();
        let head = self.shown(head);
        self.call(head.occasion(), lookup, Lookup::ByStandard, |instance| {
            let hook = instance.interfaces.cache_policy.as_ref()?;
            Some(hook.call_on_lookup(&mut instance.store, head.lowered(&inputs)))
        })
    }

    /// `cache-policy.on-store`, with the memo of the key. A plugin without this hook leaves it to the
    /// standard.
    pub fn on_store(&self, head: &ResponseHead<'_>, memo: u64) -> Report<Storage> {
        let Some(given) = self.configured(head.config) else {
            return Report::unconfigured(head.config);
        };
        let values = Values::read(head.inputs, &given.response);
        let inputs = values.lowered();
        let head = if self.by_inputs() { head.blank() } else { *head };
        self.call(head.occasion(), storage, Storage::ByStandard, |instance| {
            let hook = instance.interfaces.cache_policy.as_ref()?;
            Some(hook.call_on_store(&mut instance.store, head.lowered(&inputs), memo))
        })
    }
}

fn lookup(raw: wire::Lookup, _: Bounds) -> Result<Lookup, Wrong> {
    Ok(match raw {
        wire::Lookup::ByStandard => Lookup::ByStandard,
        wire::Lookup::Bypass => Lookup::Bypass,
        wire::Lookup::CustomKey(key) => {
            if key.primary.len() > LONGEST_KEY {
                return Err(format!("a primary key is longer than {LONGEST_KEY} bytes"));
            }
            if key.vary.len() > MOST_VARY {
                return Err(judge::too_many("headers to vary on", key.vary.len(), MOST_VARY));
            }
            let vary = key.vary.iter().map(|name| vary(name)).collect::<Result<_, _>>()?;
            let primary = (!key.primary.is_empty()).then_some(key.primary);
            Lookup::Custom(CacheKey { primary, vary, memo: key.memo })
        }
    })
}

/// Any field may be varied on, also one that the host writes.
fn vary(name: &str) -> Result<HeaderName, Wrong> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("{:?} is not a header name to vary on", crate::fault::bounded(name)))
}

fn storage(raw: wire::Storage, _: Bounds) -> Result<Storage, Wrong> {
    Ok(match raw {
        wire::Storage::ByStandard => Storage::ByStandard,
        wire::Storage::DoNotStore => Storage::DoNotStore,
        wire::Storage::HitForMiss(ms) => Storage::HitForMiss(time(ms)?),
        wire::Storage::Store(raw) => {
            if raw.tags.len() > MOST_TAGS {
                return Err(judge::too_many("tags", raw.tags.len(), MOST_TAGS));
            }
            let tags = raw.tags.into_iter().map(|tag| judge::short("tags", tag));
            Storage::Store(Freshness {
                ttl: time(raw.ttl_ms)?,
                stale_while_revalidate: time(raw.stale_while_revalidate_ms)?,
                stale_if_error: time(raw.stale_if_error_ms)?,
                tags: tags.collect::<Result<_, _>>()?,
            })
        }
    })
}

fn time(ms: u64) -> Result<Duration, Wrong> {
    let time = Duration::from_millis(ms);
    if time <= LONGEST { Ok(time) } else { Err(format!("{ms} ms are longer than a year")) }
}
