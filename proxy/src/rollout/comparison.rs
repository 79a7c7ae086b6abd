//! What a shadow found: how many verdicts were alike, and a few examples of those that were not.

use parking_lot::Mutex;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Different differences that are told of one hook; the rest is counted.
const MOST_EXAMPLES: usize = 5;
/// Characters of each part of an example.
const LONGEST: usize = 400;

/// How two verdicts on one message were alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    Equal,
    Different,
    /// The new revision was not given what it would have had.
    NotComparable,
}

impl Likeness {
    /// The word for it, everywhere.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Likeness::Equal => "equal",
            Likeness::Different => "different",
            Likeness::NotComparable => "not_comparable",
        }
    }
}

/// Two verdicts on one message, in words that hold no secret.
#[derive(Clone, Debug)]
pub(crate) struct Compared {
    pub(crate) likeness: Likeness,
    pub(crate) old: String,
    pub(crate) new: String,
    /// In what they differ.
    pub(crate) differs: Vec<String>,
}

/// What was found of each hook.
#[derive(Default)]
pub(crate) struct Comparison {
    hooks: Mutex<BTreeMap<&'static str, Hook>>,
    dropped: AtomicU64,
}

/// What was found of one hook.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Hook {
    pub(crate) compared: u64,
    pub(crate) equal: u64,
    pub(crate) different: u64,
    pub(crate) not_comparable: u64,
    pub(crate) examples: Vec<Example>,
}

/// A difference, and how often it was met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Example {
    /// Method and path of the first message.
    pub(crate) of: String,
    pub(crate) old: String,
    pub(crate) new: String,
    /// Parts of the verdicts.
    pub(crate) differs: Vec<String>,
    pub(crate) times: u64,
}

impl Comparison {
    /// Two verdicts of a hook were compared; `of` tells the message.
    pub(crate) fn add(&self, hook: &'static str, compared: Compared, of: impl FnOnce() -> String) {
        let mut hooks = self.hooks.lock();
        let hook = hooks.entry(hook).or_default();
        hook.compared += 1;
        match compared.likeness {
            Likeness::Equal => hook.equal += 1,
            Likeness::NotComparable => hook.not_comparable += 1,
            Likeness::Different => {
                hook.different += 1;
                hook.tell(compared, of);
            }
        }
    }

    /// Copies of so many messages were not compared: there was no room for them.
    pub(crate) fn dropped(&self, many: u64) {
        self.dropped.fetch_add(many, Ordering::Relaxed);
    }

    /// What was found so far, by hook, and how many copies were dropped.
    pub(crate) fn found(&self) -> (BTreeMap<&'static str, Hook>, u64) {
        (self.hooks.lock().clone(), self.dropped.load(Ordering::Relaxed))
    }
}

impl Hook {
    fn tell(&mut self, compared: Compared, of: impl FnOnce() -> String) {
        let (old, new) = (bounded(compared.old), bounded(compared.new));
        let mut differs = compared.differs;
        differs.truncate(MOST_EXAMPLES);
        let same =
            |known: &&mut Example| known.old == old && known.new == new && known.differs == differs;
        if let Some(known) = self.examples.iter_mut().find(same) {
            known.times += 1;
        } else if self.examples.len() < MOST_EXAMPLES {
            self.examples.push(Example { of: bounded(of()), old, new, differs, times: 1 });
        }
    }
}

fn bounded(mut text: String) -> String {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn different(new: &str) -> Compared {
        let (old, new) = ("passed".to_owned(), new.to_owned());
        Compared { likeness: Likeness::Different, old, new, differs: vec!["verdict".to_owned()] }
    }

    #[test]
    fn alike_differences_are_one_example_and_few_are_kept() {
        let comparison = Comparison::default();
        for turn in 0..100 {
            let compared = different(&format!("answered {}", turn % 10));
            comparison.add("routing", compared, || format!("GET /{turn}"));
        }
        comparison.add("routing", different(&"x".repeat(5000)), String::new);
        comparison.dropped(3);
        let (hooks, dropped) = comparison.found();
        let routing = &hooks["routing"];
        assert_eq!((routing.compared, routing.different, dropped), (101, 101, 3));
        assert_eq!(routing.examples.len(), MOST_EXAMPLES);
        assert_eq!((routing.examples[0].times, &*routing.examples[0].of), (10, "GET /0"));
    }

    #[test]
    fn a_long_verdict_is_cut() {
        let comparison = Comparison::default();
        comparison.add("routing", different(&"ä".repeat(5000)), String::new);
        let example = &comparison.found().0["routing"].examples[0];
        assert!(example.new.len() <= LONGEST + '…'.len_utf8(), "{}", example.new.len());
    }
}
