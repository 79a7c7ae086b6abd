//! What lies on disk, by what it is found and purged by, and who goes first. Must not know files.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;
use pingora_cache::key::HashBinary;

use super::record::Head;
use crate::marks::{Mark, Marks};

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

impl Entry {
    fn marks(&self) -> impl Iterator<Item = Mark<'_>> {
        let keys = [self.primary, self.url].map(Mark::Key);
        keys.into_iter().chain(self.tags.iter().map(|tag| Mark::Tag(tag)))
    }
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Map<HashBinary, Entry>,
    /// Keys by the URL, the primary key and the tags of what they hold.
    marks: Marks,
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
        entry.marks().for_each(|mark| self.marks.add(mark, head.key));
        self.entries.insert(head.key, entry);
    }

    /// A file is going. Its primary key, if there was one.
    pub(super) fn remove(&mut self, key: &HashBinary) -> Option<HashBinary> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.used);
        self.bytes -= entry.size;
        entry.marks().for_each(|mark| self.marks.remove(mark, *key));
        Some(entry.primary)
    }

    /// The one to go first.
    pub(super) fn oldest(&self) -> Option<HashBinary> {
        self.order.first_key_value().map(|(_, key)| *key)
    }

    /// Those of a URL, of a key that a plugin gave, or with a tag; and, by chance, others.
    pub(super) fn at(&self, mark: Mark<'_>) -> Vec<HashBinary> {
        self.marks.at(mark).collect()
    }

    /// How many those are.
    pub(super) fn count(&self, mark: Mark<'_>) -> usize {
        self.marks.count(mark)
    }

    pub(super) fn get(&self, key: &HashBinary) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Those that `fits` says.
    pub(super) fn all(&self, fits: impl Fn(&Entry) -> bool) -> Vec<HashBinary> {
        self.entries.iter().filter(|(_, entry)| fits(entry)).map(|(key, _)| *key).collect()
    }
}
