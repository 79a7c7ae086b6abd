//! One fetch at a time for each URL and kind of request: Pingora's lock, with the kind in its key.

use crate::ticket::Ticket;
use pingora_cache::CacheKey;
use pingora_cache::key::CacheHashKey;
use pingora_cache::lock::{CacheKeyLock, CacheLock, LockStatus, Locked, WritePermit};
use std::time::Duration;

/// A fetch that takes longer until its head is no longer waited for.
const LONGEST_FETCH: Duration = Duration::from_secs(60);

/// Who fetches.
pub(crate) struct Turns(CacheLock);

impl Turns {
    pub(crate) fn new() -> Turns {
        Turns(CacheLock::new(LONGEST_FETCH))
    }
}

fn of_its_kind(key: &CacheKey) -> CacheKey {
    let mut bytes = key.combined_bin().to_vec();
    bytes.push(Ticket::of(key).map_or(0, |ticket| ticket.class.number()));
    CacheKey::new(bytes, "")
}

impl CacheKeyLock for Turns {
    fn lock(&self, key: &CacheKey, stale_writer: bool) -> Locked {
        self.0.lock(&of_its_kind(key), stale_writer)
    }

    fn release(&self, key: &CacheKey, permit: WritePermit, reason: LockStatus) {
        self.0.release(&of_its_kind(key), permit, reason);
    }
}
