//! Verdicts that need not be asked for twice: those of a plugin which promises, by `verdicts = by-inputs`
//! in its manifest, that what it says follows from its configuration and its declared inputs alone. It
//! keeps them by just that and knows no guest.
//!
//! Each thread remembers for itself, in two generations: what is asked for again moves to the young one,
//! and when that is full the old one is forgotten. So memory is bounded, whatever clients send, and what
//! is asked for often stays.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use smallvec::SmallVec;

use crate::request::Values;
use crate::shelf::Shelves;
use crate::verdict::{RequestVerdict, ResponseVerdict, Routing};

/// Verdicts in a generation of one thread.
const MOST: usize = 512;
/// Bytes in a generation of one thread: what `MOST` verdicts of a plugin with a word or two come to
/// many times over.
const HEAVIEST: usize = 512 << 10;
/// A question or a verdict with more bytes than this is not worth its room.
const LARGEST: usize = 4 << 10;

/// What a verdict follows from, as bytes: equal bytes, equal verdict.
pub(crate) struct Question(SmallVec<[u8; 128]>);

impl Question {
    pub(crate) fn of_request(config: u32, values: &Values<'_>) -> Self {
        Self::new(&config.to_ne_bytes(), values)
    }

    pub(crate) fn of_response(config: u32, status: u16, memo: u64, values: &Values<'_>) -> Self {
        let mut beside = [0; 14];
        beside[..4].copy_from_slice(&config.to_ne_bytes());
        beside[4..6].copy_from_slice(&status.to_ne_bytes());
        beside[6..].copy_from_slice(&memo.to_ne_bytes());
        Self::new(&beside, values)
    }

    fn new(beside: &[u8], values: &Values<'_>) -> Self {
        let mut bytes = SmallVec::from_slice(beside);
        for (slot, value) in values.iter() {
            // With its length before it, no value can pass for the end of another. One word for both:
            // no value is as long as what is left for it.
            let word = u64::from(slot) << 48 | value.len() as u64;
            bytes.extend_from_slice(&word.to_ne_bytes());
            bytes.extend_from_slice(value);
        }
        Self(bytes)
    }
}

/// What can be remembered.
pub(crate) trait Verdict: Clone {
    /// About how many bytes it holds.
    fn weight(&self) -> usize;
}

/// The verdicts of one hook.
pub(crate) struct Recall<V>(Shelves<Generations<V>>);

impl<V> Default for Recall<V> {
    fn default() -> Self {
        Self(Shelves::default())
    }
}

impl<V: Verdict> Recall<V> {
    /// What was said to the same question.
    pub(crate) fn recall(&self, question: &Question) -> Option<V> {
        self.0.own().lock().find(&question.0)
    }

    /// Remembers what was said, if it is worth it.
    pub(crate) fn learn(&self, question: &Question, verdict: &V) {
        let weight = question.0.len() + verdict.weight();
        if weight <= LARGEST {
            self.0.own().lock().keep(question.0.as_slice().into(), verdict.clone(), weight);
        }
    }
}

/// The verdicts of all hooks of one revision.
#[derive(Default)]
pub(crate) struct Recalled {
    pub(crate) routing: Recall<Routing>,
    pub(crate) request: Recall<RequestVerdict>,
    pub(crate) response: Recall<ResponseVerdict>,
}

/// A quick hash, seeded anew in each process: whoever makes questions collide all the same makes a look-up
/// go through `MOST` of them at worst.
type Known<V> = HashMap<Box<[u8]>, (V, usize), RandomState>;

struct Generations<V> {
    young: Known<V>,
    young_weight: usize,
    old: Known<V>,
}

impl<V> Default for Generations<V> {
    fn default() -> Self {
        Self { young: Known::default(), young_weight: 0, old: Known::default() }
    }
}

impl<V: Clone> Generations<V> {
    fn find(&mut self, question: &[u8]) -> Option<V> {
        if let Some((verdict, _)) = self.young.get(question) {
            return Some(verdict.clone());
        }
        let (question, (verdict, weight)) = self.old.remove_entry(question)?;
        self.keep(question, verdict.clone(), weight);
        Some(verdict)
    }

    fn keep(&mut self, question: Box<[u8]>, verdict: V, weight: usize) {
        if self.young.len() >= MOST || self.young_weight + weight > HEAVIEST {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
        self.young_weight += weight;
        self.young.insert(question, (verdict, weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Verdict for u64 {
        fn weight(&self) -> usize {
            8
        }
    }

    fn question(text: &str) -> Question {
        Question(SmallVec::from_slice(text.as_bytes()))
    }

    #[test]
    fn what_is_asked_for_often_outlives_what_is_not() {
        let recall = Recall::default();
        recall.learn(&question("often"), &1_u64);
        recall.learn(&question("once"), &2);
        for round in 0..4 * MOST as u64 {
            recall.learn(&question(&round.to_string()), &round);
            assert_eq!(recall.recall(&question("often")), Some(1), "after {round} others");
        }
        assert_eq!(recall.recall(&question("once")), None);
    }

    #[test]
    fn memory_is_bounded_whatever_is_asked() {
        let recall = Recall::default();
        for round in 0..20 * MOST as u64 {
            recall.learn(&question(&format!("{round:01000}")), &round);
        }
        recall.learn(&question(&"x".repeat(LARGEST)), &0);
        assert_eq!(recall.recall(&question(&"x".repeat(LARGEST))), None, "too large to keep");
        let own = recall.0.own().lock();
        let bytes = |known: &Known<u64>| known.keys().map(|key| key.len()).sum::<usize>();
        assert!(bytes(&own.young) + bytes(&own.old) <= 2 * HEAVIEST);
        assert!(own.young.len() + own.old.len() <= 2 * MOST);
    }

    proptest::proptest! {
        /// Two messages that differ in any declared value, or in which input it belongs to, are two
        /// questions.
        #[test]
        fn different_inputs_are_different_questions(
            one: Vec<(u16, Vec<u8>)>,
            other: Vec<(u16, Vec<u8>)>,
        ) {
            let bytes = |given: &[(u16, Vec<u8>)]| {
                Question::of_request(1, &Values::given(given.iter().cloned())).0
            };
            proptest::prop_assert_eq!(one == other, bytes(&one) == bytes(&other));
        }
    }
}
