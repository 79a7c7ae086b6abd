//! What lies on disk, by what it is found and purged by, and who goes first. Must not know files.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;
use pingora_cache::key::HashBinary;
use smallvec::SmallVec;

use super::record::Head;

type Map<K, V> = HashMap<K, V, RandomState>;

/// One file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) primary: HashBinary,
    pub(super) url: HashBinary,
    pub(super) service: Arc<str>,
    pub(super) tags: Box<[String]>,
    /// Bytes of the file.
    size: u64,
    /// Its place in the order of use.
    used: u64,
    /// Afterwards it is of no use to anybody.
    until: SystemTime,
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Map<HashBinary, Entry>,
    /// Keys by the URL and the primary key of what they hold.
    places: Map<HashBinary, SmallVec<[HashBinary; 2]>>,
    /// The one that was not used for the longest time first.
    order: BTreeMap<u64, HashBinary>,
    clock: u64,
    bytes: u64,
}

impl Index {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is a file with this key that is still of use; it counts as used.
    pub(super) fn touch(&mut self, key: &HashBinary, now: SystemTime) -> bool {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.until > now) else {
            return false;
        };
        self.clock += 1;
        self.order.remove(&entry.used);
        entry.used = self.clock;
        self.order.insert(self.clock, *key);
        true
    }

    /// A file was written.
    pub(super) fn add(&mut self, head: &Head, size: u64) {
        self.remove(&head.key);
        self.clock += 1;
        self.order.insert(self.clock, head.key);
        for place in [head.primary, head.url] {
            let keys = self.places.entry(place).or_default();
            if !keys.contains(&head.key) {
                keys.push(head.key);
            }
        }
        self.bytes += size;
        let entry = Entry {
            primary: head.primary,
            url: head.url,
            service: head.service.as_str().into(),
            tags: head.tags().into(),
            size,
            used: self.clock,
            until: head.until(),
        };
        self.entries.insert(head.key, entry);
    }

    /// A file is going. Its primary key, if there was one.
    pub(super) fn remove(&mut self, key: &HashBinary) -> Option<HashBinary> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.bytes -= entry.size;
        for place in [entry.primary, entry.url] {
            if let Some(keys) = self.places.get_mut(&place) {
                keys.retain(|other| other != key);
                if keys.is_empty() {
                    self.places.remove(&place);
                }
            }
        }
        Some(entry.primary)
    }

    /// The one to go first.
    pub(super) fn oldest(&self) -> Option<HashBinary> {
        self.order.first_key_value().map(|(_, key)| *key)
    }

    /// Those of a URL, or of a key that a plugin gave.
    pub(super) fn at(&self, place: &HashBinary) -> SmallVec<[HashBinary; 2]> {
        self.places.get(place).cloned().unwrap_or_default()
    }

    /// Those that `fits` says.
    pub(super) fn all(&self, fits: impl Fn(&Entry) -> bool) -> Vec<HashBinary> {
        self.entries.iter().filter(|(_, entry)| fits(entry)).map(|(key, _)| *key).collect()
    }
}
