//! Things that must differ.

use std::collections::HashMap;
use std::hash::Hash;

use crate::findings::Spot;

/// Remembers where each key stood first.
#[derive(Debug)]
pub(crate) struct Firsts<K>(HashMap<K, Spot>);

impl<K: Eq + Hash> Firsts<K> {
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Where `key` stood before, or nothing and it is remembered.
    pub(crate) fn before(&mut self, key: K, spot: &Spot) -> Option<&Spot> {
        use std::collections::hash_map::Entry;
        match self.0.entry(key) {
            Entry::Occupied(first) => Some(first.into_mut()),
            Entry::Vacant(place) => {
                place.insert(spot.clone());
                None
            }
        }
    }
}
