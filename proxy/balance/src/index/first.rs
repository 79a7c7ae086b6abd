//! The first set bit of many, at a glance: bits, and bits over words of bits.
//!
//! A hint that many threads write: whoever clears a summary looks again afterwards, so that it is
//! never left clear over something set. Must not know what the bits stand for.

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::SeqCst;

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

    pub(crate) fn set(&self, bit: usize) {
        self.set_above(0, bit);
    }

    fn set_above(&self, layer: usize, mut bit: usize) {
        for layer in self.layers.iter().skip(layer) {
            let Some(word) = layer.get(bit / BITS) else { return };
            let mask = 1 << (bit % BITS);
            if word.load(SeqCst) & mask == 0 {
                word.fetch_or(mask, SeqCst);
            }
            bit /= BITS;
        }
    }

    /// Clears a bit. For each bit there is one thread at a time that sets or clears it, or else
    /// whoever clears it looks afterwards at what it stands for.
    pub(crate) fn clear(&self, bit: usize) {
        let mut at = bit;
        for (number, layer) in self.layers.iter().enumerate() {
            let Some(word) = layer.get(at / BITS) else { return };
            let mask = 1 << (at % BITS);
            let left = word.fetch_and(!mask, SeqCst) & !mask;
            let below = number.checked_sub(1).and_then(|below| self.layers.get(below)?.get(at));
            if below.is_some_and(|word| word.load(SeqCst) != 0) {
                // Somebody set another bit under this summary meanwhile.
                return self.set_above(number, at);
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
                    bits.clear(bit);
                    model.remove(&bit);
                }
                prop_assert_eq!(bits.next(from), model.range(from..).next().copied());
            }
        }
    }

    #[test]
    fn nothing_set_is_lost_from_sight_under_threads() {
        const THREADS: usize = 4;
        let bits = FirstSet::new(64 * 64 * 2);
        for round in 0..200 {
            std::thread::scope(|threads| {
                for thread in 0..THREADS {
                    let bits = &bits;
                    // Each thread owns its bits, in words that all of them share.
                    threads.spawn(move || {
                        for step in 0..200 {
                            let bit = (step % 3) * 64 + thread;
                            bits.set(bit);
                            bits.clear(bit);
                        }
                        bits.set(round % 128 * 64 + thread);
                    });
                }
            });
            for thread in 0..THREADS {
                let bit = round % 128 * 64 + thread;
                assert_eq!(bits.next(bit), Some(bit), "round {round}");
                bits.clear(bit);
            }
            assert_eq!(bits.next(0), None, "round {round}");
        }
    }
}
