//! Who bears which label: ids and posting lists of one table, looked up without allocating.
//!
//! Must not know load, closeness or health.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::instance::Label;
use crate::seats::Slot;

/// Seats by id and by label. Seats are numbers in the table's order, closest first.
pub(crate) struct Labels {
    /// Seats in the order of their ids.
    ids: Box<[u32]>,
    /// In the order of key and value.
    postings: Box<[(Label, Posting)]>,
}

/// The seats that bear one label, in the table's order.
pub(crate) struct Posting {
    pub(crate) seats: Box<[u32]>,
    /// The same as bits, of use to tables of at most 64.
    pub(crate) mask: u64,
}

impl Labels {
    pub(crate) fn new<T>(slots: &[Slot<T>]) -> Self {
        let mut ids: Vec<u32> = (0..slots.len() as u32).collect();
        ids.sort_unstable_by_key(|seat| slots[*seat as usize].instance.id());
        let region: Arc<str> = "region".into();
        let mut lists: BTreeMap<(&str, &str), (Label, Vec<u32>)> = BTreeMap::new();
        for (seat, slot) in slots.iter().enumerate() {
            let instance = &slot.instance;
            let own = instance.labels.iter().filter(|(key, _)| !matches!(&**key, "id" | "region"));
            let built_in = (region.clone(), instance.region.clone());
            let list =
                lists.entry(("region", &instance.region)).or_insert_with(|| (built_in, Vec::new()));
            list.1.push(seat as u32);
            for label in own {
                let list =
                    lists.entry((&label.0, &label.1)).or_insert_with(|| (label.clone(), vec![]));
                if list.1.last() != Some(&(seat as u32)) {
                    list.1.push(seat as u32);
                }
            }
        }
        let postings = lists.into_values().map(|(label, seats)| (label, Posting::new(seats)));
        Self { ids: ids.into(), postings: postings.collect() }
    }

    /// The seat of an id.
    pub(crate) fn seat<'a>(&self, id: &str, id_of: impl Fn(u32) -> &'a str) -> Option<u32> {
        let place = self.ids.binary_search_by(|seat| id_of(*seat).cmp(id)).ok()?;
        self.ids.get(place).copied()
    }

    /// A region's name as those who run there share it.
    pub(crate) fn region(&self, name: &str) -> Arc<str> {
        self.place("region", name).map_or_else(|| name.into(), |(label, _)| label.1.clone())
    }

    /// The seats that bear a label other than `id`.
    pub(crate) fn posting(&self, key: &str, value: &str) -> Option<&Posting> {
        self.place(key, value).map(|(_, posting)| posting)
    }

    fn place(&self, key: &str, value: &str) -> Option<&(Label, Posting)> {
        let order = |(label, _): &(Label, Posting)| (&*label.0, &*label.1).cmp(&(key, value));
        let place = self.postings.binary_search_by(order).ok()?;
        self.postings.get(place)
    }
}

impl Posting {
    fn new(seats: Vec<u32>) -> Self {
        let mask = seats.iter().fold(0, |mask, seat| mask | 1_u64.wrapping_shl(*seat));
        Self { seats: seats.into(), mask }
    }
}
