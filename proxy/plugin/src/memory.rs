//! The store of one plugin name: bounded bytes, every entry expires, shared by all its instances and
//! revisions. Time is handed in as milliseconds of a clock that never goes back. It knows no guest.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

const SHARDS: usize = 16;
const LONGEST_KEY: usize = 1 << 10;
const LONGEST_VALUE: usize = 256 << 10;
/// Nothing is kept longer than this.
const LONGEST_TTL_MS: u64 = 30 * 24 * 3600 * 1000;
/// What an entry costs beside its key and value.
const OVERHEAD: usize = 96;

/// Why a value was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Key or value is longer than an entry may be.
    TooLarge,
    /// No room, even after what has expired was thrown away.
    Full,
}

#[derive(Debug, Clone)]
struct Entry {
    value: Box<[u8]>,
    version: u64,
    expires_ms: u64,
}

type Shard = HashMap<Box<[u8]>, Entry>;

/// The store of one plugin name.
#[derive(Debug)]
pub(crate) struct Memory {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    bytes: AtomicUsize,
    most: AtomicUsize,
    versions: AtomicU64,
}

impl Memory {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            bytes: AtomicUsize::new(0),
            most: AtomicUsize::new(most),
            versions: AtomicU64::new(1),
        }
    }

    /// Another one that holds the same now, and whose writes nobody else sees.
    pub(crate) fn scratch(&self) -> Self {
        let shards = std::array::from_fn(|at| {
            Mutex::new(self.shards.get(at).map(|shard| shard.lock().clone()).unwrap_or_default())
        });
        let held = |shard: &Mutex<Shard>| {
            shard.lock().iter().map(|(key, entry)| cost(key, entry.value.len())).sum::<usize>()
        };
        let bytes = shards.iter().map(held).sum();
        Self {
            shards,
            // The same, since it says in which shard a key is.
            hasher: self.hasher.clone(),
            bytes: AtomicUsize::new(bytes),
            most: AtomicUsize::new(self.most.load(Ordering::Relaxed)),
            versions: AtomicU64::new(self.versions.load(Ordering::Relaxed)),
        }
    }

    /// A later revision may have another bound; what is over it goes as it expires.
    pub(crate) fn resize(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, now_ms: u64, key: &[u8]) -> Option<(Vec<u8>, u64)> {
        let shard = self.shard(key).lock();
        let entry = shard.get(key).filter(|entry| now_ms < entry.expires_ms)?;
        Some((entry.value.to_vec(), entry.version))
    }

    /// Stores, and returns the new version.
    pub(crate) fn set(
        &self,
        now_ms: u64,
        key: &[u8],
        value: &[u8],
        ttl_ms: u64,
    ) -> Result<u64, Refusal> {
        let expires_ms = expiry(now_ms, ttl_ms);
        let written = self.write(now_ms, key, value.len(), |_| Some((value.into(), expires_ms)))?;
        Ok(written.unwrap_or(0))
    }

    /// Stores while the version equals `expected`, where 0 means absent; none when it does not.
    pub(crate) fn compare_and_set(
        &self,
        now_ms: u64,
        key: &[u8],
        value: &[u8],
        ttl_ms: u64,
        expected: u64,
    ) -> Result<Option<u64>, Refusal> {
        let expires_ms = expiry(now_ms, ttl_ms);
        let written = self.write(now_ms, key, value.len(), |present| {
            let version = present.map_or(0, |entry| entry.version);
            (version == expected).then(|| (value.into(), expires_ms))
        })?;
        Ok(written)
    }

    /// Adds to a counter, which is stored as eight bytes, little-endian, and starts at 0; an entry of
    /// another length counts as absent. Only the first increment sets the time to live, so that a
    /// counter of a window ends with its window.
    pub(crate) fn increment(
        &self,
        now_ms: u64,
        key: &[u8],
        delta: i64,
        ttl_ms: u64,
    ) -> Result<i64, Refusal> {
        let mut sum = delta;
        self.write(now_ms, key, size_of::<i64>(), |present| {
            let counter = present.and_then(|entry| {
                let bytes = <[u8; 8]>::try_from(&*entry.value).ok()?;
                Some((i64::from_le_bytes(bytes), entry.expires_ms))
            });
            let (value, expires_ms) = counter.unwrap_or((0, expiry(now_ms, ttl_ms)));
            sum = value.saturating_add(delta);
            Some((sum.to_le_bytes().into(), expires_ms))
        })?;
        Ok(sum)
    }

    pub(crate) fn delete(&self, key: &[u8]) {
        if let Some((key, entry)) = self.shard(key).lock().remove_entry(key) {
            self.bytes.fetch_sub(cost(&key, entry.value.len()), Ordering::Relaxed);
        }
    }

    /// Asks `decide`, under the key's lock and with the live entry, what to write.
    fn write(
        &self,
        now_ms: u64,
        key: &[u8],
        length: usize,
        mut decide: impl FnMut(Option<&Entry>) -> Option<(Box<[u8]>, u64)>,
    ) -> Result<Option<u64>, Refusal> {
        if key.len() > LONGEST_KEY || length > LONGEST_VALUE {
            return Err(Refusal::TooLarge);
        }
        let cost_new = cost(key, length);
        self.reserve(now_ms, cost_new)?;
        let mut shard = self.shard(key).lock();
        let present = shard.get(key).filter(|entry| now_ms < entry.expires_ms);
        let Some((value, expires_ms)) = decide(present) else {
            self.bytes.fetch_sub(cost_new, Ordering::Relaxed);
            return Ok(None);
        };
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        if let Some(old) = shard.insert(key.into(), Entry { value, version, expires_ms }) {
            self.bytes.fetch_sub(cost(key, old.value.len()), Ordering::Relaxed);
        }
        Ok(Some(version))
    }

    /// Takes room before it is used, so that no moment is over the bound.
    fn reserve(&self, now_ms: u64, cost: usize) -> Result<(), Refusal> {
        if self.take(cost) {
            return Ok(());
        }
        for shard in &self.shards {
            shard.lock().retain(|key, entry| {
                let live = now_ms < entry.expires_ms;
                if !live {
                    self.bytes.fetch_sub(self::cost(key, entry.value.len()), Ordering::Relaxed);
                }
                live
            });
        }
        if self.take(cost) { Ok(()) } else { Err(Refusal::Full) }
    }

    fn take(&self, cost: usize) -> bool {
        let most = self.most.load(Ordering::Relaxed);
        let fits = |bytes: usize| bytes.checked_add(cost).filter(|sum| *sum <= most);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn shard(&self, key: &[u8]) -> &Mutex<Shard> {
        // The low bits choose a bucket inside the map, so the high ones choose the shard.
        let hash = self.hasher.hash_one(key) >> 60;
        &self.shards[usize::try_from(hash).unwrap_or(0) % SHARDS]
    }
}

fn cost(key: &[u8], value: usize) -> usize {
    key.len() + value + OVERHEAD
}

fn expiry(now_ms: u64, ttl_ms: u64) -> u64 {
    now_ms.saturating_add(ttl_ms.min(LONGEST_TTL_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_expires() {
        let memory = Memory::new(10_000);
        memory.set(0, b"k", b"v", 10).unwrap();
        assert!(memory.get(9, b"k").is_some());
        assert!(memory.get(10, b"k").is_none());
        memory.set(0, b"k", b"v", u64::MAX).unwrap();
        assert!(memory.get(LONGEST_TTL_MS, b"k").is_none());
    }

    #[test]
    fn a_write_with_an_old_version_does_nothing() {
        let memory = Memory::new(10_000);
        let first = memory.compare_and_set(0, b"k", b"1", 10, 0).unwrap().unwrap();
        assert_eq!(memory.compare_and_set(0, b"k", b"2", 10, 0), Ok(None));
        let second = memory.compare_and_set(0, b"k", b"2", 10, first).unwrap().unwrap();
        assert!(second > first);
        assert_eq!(memory.get(0, b"k"), Some((b"2".to_vec(), second)));
        // Expired is absent.
        assert!(memory.compare_and_set(10, b"k", b"3", 10, 0).unwrap().is_some());
    }

    #[test]
    fn a_scratch_copy_goes_on_by_itself() {
        let memory = Memory::new(10_000);
        let version = memory.set(0, b"k", b"1", 10).unwrap();
        let scratch = memory.scratch();
        assert_eq!(scratch.get(0, b"k"), Some((b"1".to_vec(), version)));
        scratch.set(0, b"k", b"2", 10).unwrap();
        scratch.set(0, b"new", b"3", 10).unwrap();
        memory.delete(b"other");
        assert_eq!(memory.get(0, b"k"), Some((b"1".to_vec(), version)));
        assert_eq!(memory.get(0, b"new"), None);
        assert_eq!(scratch.bytes.load(Ordering::Relaxed), cost(b"k", 1) + cost(b"new", 1));
    }

    #[test]
    fn a_counter_ends_with_its_window() {
        let memory = Memory::new(10_000);
        assert_eq!(memory.increment(0, b"k", 5, 10), Ok(5));
        assert_eq!(memory.increment(9, b"k", -7, 10), Ok(-2));
        assert_eq!(memory.increment(10, b"k", 1, 10), Ok(1));
        assert_eq!(memory.increment(10, b"k", i64::MAX, 10), Ok(i64::MAX));
    }

    #[test]
    fn a_full_store_forgets_what_expired_and_nothing_else() {
        let room = 10 * cost(b"k0", 100);
        let memory = Memory::new(room);
        let keys: Vec<Vec<u8>> = (0..10).map(|n| format!("k{n}").into_bytes()).collect();
        for (ttl, key) in (1..).zip(&keys) {
            memory.set(0, key, &[0; 100], ttl * 10).unwrap();
        }
        assert_eq!(memory.set(0, b"kx", &[0; 100], 10), Err(Refusal::Full));
        assert!(memory.set(10, b"kx", &[0; 100], 1000).is_ok());
        assert_eq!(memory.set(11, b"ky", &[0; 100], 10), Err(Refusal::Full));
        assert!(keys[1..].iter().all(|key| memory.get(11, key).is_some()));
        assert_eq!(memory.set(0, b"k", &[0; LONGEST_VALUE + 1], 1), Err(Refusal::TooLarge));
    }

    proptest::proptest! {
        #[test]
        fn the_books_always_balance(steps: Vec<(u8, u8, u8, u8)>) {
            let memory = Memory::new(2_000);
            for (now_ms, (what, key, length, ttl)) in (0..).zip(steps) {
                let (key, value) = ([key % 8], vec![0; usize::from(length)]);
                match what % 4 {
                    0 => { let _ = memory.set(now_ms, &key, &value, u64::from(ttl)); }
                    1 => { let _ = memory.compare_and_set(now_ms, &key, &value, 5, u64::from(ttl)); }
                    2 => { let _ = memory.increment(now_ms, &key, 1, u64::from(ttl)); }
                    _ => memory.delete(&key),
                }
                let held: usize = memory
                    .shards
                    .iter()
                    .flat_map(|shard| {
                        let shard = shard.lock();
                        shard.iter().map(|(key, e)| cost(key, e.value.len())).collect::<Vec<_>>()
                    })
                    .sum();
                proptest::prop_assert_eq!(held, memory.bytes.load(Ordering::Relaxed));
                proptest::prop_assert!(held <= 2_000);
            }
        }
    }
}
