//! What is remembered of URLs beside their responses: those whose answers are not kept, so that requests
//! for them need not wait for each other (hit-for-miss), and those whose answers were, so that it is worth
//! waiting.

use moka::Expiry;
use moka::sync::Cache;
use pingora_cache::key::{CacheHashKey, HashBinary};
use pingora_cache::predictor::CacheablePredictor;
use pingora_cache::{CacheKey, NoCacheReason};
use std::time::{Duration, Instant};

use crate::ticket::{Class, Ticket};

/// How long an answer that was not kept is taken to tell of the next.
const USUAL: Duration = Duration::from_secs(30);

/// The same of one that was too large, which fewer change.
const LARGE: Duration = Duration::from_secs(600);

/// How long it is remembered that answers were kept.
const LASTING: Duration = Duration::from_secs(3600);

/// URLs that are remembered, of each kind; some 100 bytes each.
const MOST: u64 = 65_536;

/// What is remembered.
pub(crate) struct Passes {
    passed: Cache<(HashBinary, Class), Duration>,
    kept: Cache<HashBinary, ()>,
}

struct ByValue;

impl Expiry<(HashBinary, Class), Duration> for ByValue {
    fn expire_after_create(
        &self,
        _: &(HashBinary, Class),
        time: &Duration,
        _: Instant,
    ) -> Option<Duration> {
        Some(*time)
    }

    fn expire_after_update(
        &self,
        _: &(HashBinary, Class),
        time: &Duration,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(*time)
    }
}

impl Passes {
    pub(crate) fn new() -> Passes {
        Passes {
            passed: Cache::builder().max_capacity(MOST).expire_after(ByValue).build(),
            kept: Cache::builder().max_capacity(MOST).time_to_live(LASTING).build(),
        }
    }

    /// Answers of this kind are not kept.
    pub(crate) fn pass(&self, key: &CacheKey, time: Option<Duration>) {
        self.passed.insert(place(key), time.unwrap_or(USUAL));
    }

    pub(crate) fn too_large(&self, primary: HashBinary, class: Class) {
        self.passed.insert((primary, class), LARGE);
    }

    pub(crate) fn kept(&self, primary: HashBinary) {
        self.kept.insert(primary, ());
    }

    /// Whether answers to such requests are not kept.
    pub(crate) fn is_passed(&self, primary: &HashBinary, class: Class) -> bool {
        self.passed.contains_key(&(*primary, class))
    }

    /// Whether the last answer that came was kept.
    pub(crate) fn was_kept(&self, primary: &HashBinary) -> bool {
        self.kept.contains_key(primary)
    }
}

/// A request's cookie or credentials may be why its answer is not kept: then others' may be.
fn place(key: &CacheKey) -> (HashBinary, Class) {
    (key.primary_bin(), Ticket::of(key).map(|ticket| ticket.class).unwrap_or_default())
}

impl CacheablePredictor for Passes {
    fn cacheable_prediction(&self, key: &CacheKey) -> bool {
        !self.passed.contains_key(&place(key))
    }

    fn mark_cacheable(&self, key: &CacheKey) -> bool {
        self.passed.remove(&place(key)).is_none()
    }

    fn mark_uncacheable(&self, key: &CacheKey, reason: NoCacheReason) -> Option<bool> {
        if !matches!(reason, NoCacheReason::OriginNotCache | NoCacheReason::ResponseTooLarge) {
            return None;
        }
        let place = place(key);
        // One that a plugin told to last longer stays as long.
        let known = self.passed.contains_key(&place);
        if !known {
            let large = reason == NoCacheReason::ResponseTooLarge;
            self.passed.insert(place, if large { LARGE } else { USUAL });
        }
        Some(!known)
    }
}
