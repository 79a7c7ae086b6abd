//! The first set bit of many, at a glance: bits, and bits over words of bits.
//!
//! A hint that many threads write: whoever clears a summary looks again afterwards, so that it is
//! never left clear over something set. Must not know what the bits stand for.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

const BITS: usize = 64;

/// Bits with summaries, the bits themselves first.
pub(crate) struct FirstSet {
    layers: Box<[Box<[AtomicU64]>]>,
}

impl FirstSet {
    pub(crate) fn new(bits: usize) -> Self {
        let mut layers = Vec::new();
        let mut words = bits.div_ceil(BITS).max(1);
        loop {
            layers.push((0..words).map(|_| AtomicU64::new(0)).collect());
            if words == 1 {
                return Self { layers: layers.into() };
            }
            words = words.div_ceil(BITS);
        }
    }

    pub(crate) fn set(&self, mut bit: usize) {
        for layer in &self.layers {
            let Some(word) = layer.get(bit / BITS) else { return };
            let mask = 1 << (bit % BITS);
            if word.load(SeqCst) & mask == 0 {
                word.fetch_or(mask, SeqCst);
            }
            bit /= BITS;
        }
    }

    /// Clears a bit unless `still` finds, after the fact, that it must stay.
    pub(crate) fn clear(&self, bit: usize, still: impl Fn() -> bool) {
        let mut at = bit;
        for (number, layer) in self.layers.iter().enumerate() {
            let Some(word) = layer.get(at / BITS) else { return };
            let mask = 1 << (at % BITS);
            let left = word.fetch_and(!mask, SeqCst) & !mask;
            let regret = match number.checked_sub(1).and_then(|below| self.layers.get(below)) {
                None => still(),
                Some(below) => below.get(at).is_some_and(|word| word.load(SeqCst) != 0),
            };
            if regret {
                return self.set(bit);
            }
            if left != 0 {
                return;
            }
            at /= BITS;
        }
    }

    /// The first set bit that is not before `from`.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        self.next_in(0, from)
    }

    fn next_in(&self, layer: usize, from: usize) -> Option<usize> {
        let words = self.layers.get(layer)?;
        let mut place = from / BITS;
        let mut word = words.get(place)?.load(SeqCst) & (u64::MAX << (from % BITS));
        while word == 0 {
            if layer + 1 == self.layers.len() {
                return None;
            }
            place = self.next_in(layer + 1, place + 1)?;
            word = words.get(place)?.load(SeqCst);
        }
        Some(place * BITS + word.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(size in 1_usize..10_000, steps in prop::collection::vec((any::<bool>(), any::<usize>(), any::<usize>()), 1..200)) {
            let (bits, mut model) = (FirstSet::new(size), BTreeSet::new());
            for (set, bit, from) in steps {
                let (bit, from) = (bit % size, from % size);
                if set {
                    bits.set(bit);
                    model.insert(bit);
                } else {
                    bits.clear(bit, || false);
                    model.remove(&bit);
                }
                prop_assert_eq!(bits.next(from), model.range(from..).next().copied());
            }
        }
    }

    #[test]
    fn a_bit_that_must_stay_stays() {
        let bits = FirstSet::new(5_000);
        bits.set(4_321);
        bits.clear(4_321, || true);
        assert_eq!(bits.next(0), Some(4_321));
    }
}
