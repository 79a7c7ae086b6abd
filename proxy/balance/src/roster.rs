//! Who came or moved after a table was made: their seats by id and by label.
//!
//! Behind a lock that nobody takes before the first change. Must not know load or health.

use crate::sync::atomic::AtomicUsize;
use crate::sync::atomic::Ordering::{Acquire, Release};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::sync::RwLock;

use crate::instance::Instance;
use crate::live::Live;
use crate::seats::Tier;

/// Seats taken late, in one table.
pub(crate) struct Roster {
    taken: AtomicUsize,
    book: RwLock<Book>,
}

/// Seats by the value of a label.
type Values = BTreeMap<Arc<str>, Vec<u32>>;

#[derive(Default)]
struct Book {
    /// The next free seat of each tier.
    next: Vec<u32>,
    ids: BTreeMap<Arc<str>, u32>,
    labels: BTreeMap<Arc<str>, Values>,
    /// Where instances have sat in a tier: who comes back sits there again, so that wavering
    /// between two classes takes no seats.
    own: HashMap<(usize, usize), u32>,
}

impl Roster {
    pub(crate) fn new(tiers: &[Tier]) -> Self {
        let next = tiers.iter().map(|tier| tier.late).collect();
        let book = Book { next, ..Book::default() };
        Self { taken: AtomicUsize::new(0), book: RwLock::new(book) }
    }

    /// Whether nobody has come late.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.load(Acquire) == 0
    }

    /// The seat of an id, if it was taken late. There may be nobody any more.
    pub(crate) fn seat(&self, id: &str) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        self.book.read().ids.get(id).map(|seat| *seat as usize)
    }

    /// The late seats whose instances bear a label other than `id`.
    pub(crate) fn bearers(&self, key: &str, value: &str) -> Vec<usize> {
        if self.is_empty() {
            return Vec::new();
        }
        let book = self.book.read();
        let seats = book.labels.get(key).and_then(|values| values.get(value));
        seats.map_or_else(Vec::new, |seats| seats.iter().map(|seat| *seat as usize).collect())
    }

    /// Where it has sat in this tier.
    pub(crate) fn own(&self, live: &Arc<Live>, tier: usize) -> Option<usize> {
        self.book.read().own.get(&(key(live), tier)).map(|seat| *seat as usize)
    }

    /// Remembers where it sits.
    pub(crate) fn remember(&self, live: &Arc<Live>, tier: usize, seat: usize) {
        self.book.write().own.insert((key(live), tier), seat as u32);
    }

    /// A free seat of a tier.
    pub(crate) fn free(&self, number: usize, tier: Tier) -> Option<usize> {
        let mut book = self.book.write();
        let next = book.next.get_mut(number)?;
        let seat = (*next < tier.late_end).then_some(*next)?;
        *next += 1;
        Some(seat as usize)
    }

    /// Lists a seat that has just been taken.
    pub(crate) fn list<T>(&self, instance: &Instance<T>, seat: usize) {
        let mut book = self.book.write();
        let mut add = |key: &Arc<str>, value: &Arc<str>| {
            let seats =
                book.labels.entry(key.clone()).or_default().entry(value.clone()).or_default();
            if seats.last() != Some(&(seat as u32)) {
                seats.push(seat as u32);
            }
        };
        add(&"region".into(), &instance.region);
        let own = instance.labels.iter().filter(|(key, _)| !matches!(&**key, "id" | "region"));
        own.for_each(|(key, value)| add(key, value));
        book.ids.insert(instance.id.clone(), seat as u32);
        self.taken.fetch_add(1, Release);
    }

    /// The seat that an id is found at from now on.
    pub(crate) fn find_at(&self, id: &Arc<str>, seat: usize) {
        self.book.write().ids.insert(id.clone(), seat as u32);
        self.taken.fetch_add(1, Release);
    }
}

/// Tables keep who has sat in them, so an address means one of them.
fn key(live: &Arc<Live>) -> usize {
    Arc::as_ptr(live).addr()
}
