//! Signatures that were found good: checking one takes a millisecond, and a client shows its token many times.
//! Only what the keys signed gets in, so nobody without a key can fill it; with other keys it begins anew.

use std::collections::BTreeSet;

/// Tokens in a generation.
const MOST: usize = 256;
/// Bytes in a generation.
const HEAVIEST: usize = 256 << 10;

/// Two generations: what is asked for again moves to the young one, and when that is full the old one is
/// forgotten.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    young: BTreeSet<Box<[u8]>>,
    weight: usize,
    old: BTreeSet<Box<[u8]>>,
}

impl Remembered {
    pub(crate) fn has(&mut self, token: &[u8]) -> bool {
        if self.young.contains(token) {
            return true;
        }
        let found = self.old.take(token);
        found.map(|token| self.keep(token)).is_some()
    }

    pub(crate) fn keep(&mut self, token: Box<[u8]>) {
        if self.young.len() >= MOST || self.weight + token.len() > HEAVIEST {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += token.len();
        self.young.insert(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_often_stays_and_all_of_it_has_a_bound() {
        let mut remembered = Remembered::default();
        remembered.keep(b"often".as_slice().into());
        remembered.keep(b"once".as_slice().into());
        for round in 0..4 * MOST {
            remembered.keep(format!("{round} {}", "x".repeat(2000)).into_bytes().into());
            assert!(remembered.has(b"often"), "after {round} others");
            let bytes = |all: &BTreeSet<Box<[u8]>>| all.iter().map(|one| one.len()).sum::<usize>();
            assert!(bytes(&remembered.young) <= HEAVIEST && bytes(&remembered.old) <= HEAVIEST);
        }
        assert!(!remembered.has(b"once") && !remembered.has(b"never"));
    }
}
