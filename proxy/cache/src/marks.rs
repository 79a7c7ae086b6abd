//! By which marks responses are found that do not lie under them: their tags, and the URL that they were
//! fetched for. So what bears one tag is purged without a look at all the rest. Must not know what lies at
//! a place.

use foldhash::fast::RandomState;
use pingora_cache::key::HashBinary;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

/// What a response may be found by.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(crate) enum Mark<'a> {
    /// It was fetched for this URL; or lies under this key, where places are those of single responses.
    Key(HashBinary),
    /// It bears this tag.
    Tag(&'a str),
}

/// Places by mark. Marks are hashed, so what is found may be another's by chance: whoever purges looks again.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    seed: RandomState,
    /// In order: places of one mark lie side by side, and each costs the same however many bear it.
    places: BTreeSet<(u64, HashBinary)>,
    /// How many places each mark has: who asks must not have to count a million.
    counts: HashMap<u64, usize, RandomState>,
}

impl Marks {
    pub(crate) fn add(&mut self, mark: Mark<'_>, place: HashBinary) {
        let hash = self.seed.hash_one(mark);
        if self.places.insert((hash, place)) {
            *self.counts.entry(hash).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, mark: Mark<'_>, place: HashBinary) {
        let hash = self.seed.hash_one(mark);
        if self.places.remove(&(hash, place))
            && let Entry::Occupied(mut count) = self.counts.entry(hash)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    pub(crate) fn count(&self, mark: Mark<'_>) -> usize {
        self.counts.get(&self.seed.hash_one(mark)).copied().unwrap_or_default()
    }

    pub(crate) fn at(&self, mark: Mark<'_>) -> impl Iterator<Item = HashBinary> {
        let hash = self.seed.hash_one(mark);
        self.places.range((hash, [0; 16])..=(hash, [u8::MAX; 16])).map(|(_, place)| *place)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let counted: usize = self.counts.values().sum();
        assert_eq!(counted, self.places.len());
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_each_of_its_marks_until_that_is_removed() {
        let mut marks = Marks::default();
        for place in 0..=u8::MAX {
            marks.add(Mark::Tag("all"), [place; 16]);
            marks.add(Mark::Tag(if place % 2 == 0 { "even" } else { "odd" }), [place; 16]);
            marks.add(Mark::Key([place; 16]), [place; 16]);
        }
        marks.add(Mark::Tag("all"), [7; 16]);
        let count = |marks: &Marks, mark| {
            assert_eq!(marks.count(mark), marks.at(mark).count());
            marks.count(mark)
        };
        assert_eq!(count(&marks, Mark::Tag("all")), 256);
        assert_eq!(count(&marks, Mark::Tag("even")), 128);
        assert_eq!(marks.at(Mark::Key([9; 16])).collect::<Vec<_>>(), [[9; 16]]);
        marks.remove(Mark::Tag("all"), [0; 16]);
        marks.remove(Mark::Tag("all"), [255; 16]);
        assert_eq!(count(&marks, Mark::Tag("all")), 254);
        assert_eq!(count(&marks, Mark::Tag("even")), 128);
        assert_eq!(count(&marks, Mark::Tag("none")), 0);
    }
}
