//! Load in steps: which level of the index an instance belongs to.
//!
//! Pure arithmetic; must not know instances or atomics.

use crate::policy::Limits;

/// Where busy levels begin; open ones are below.
pub(crate) const BUSY: u8 = 64;

/// The level of those that get nothing: full, unhealthy, draining or removed.
pub(crate) const NONE: u8 = u8::MAX;

/// At most this many levels for each band.
const STEPS: u64 = 64;

/// Excess up to which busy levels are exact when the hard limit is far or absent. Beyond, a level
/// spans an eighth to a quarter of the excess.
const EXACT: u64 = 8;

/// The levels of one policy. With soft limits up to 64, and hard ones at most 64 above, each
/// level is one load exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ladder {
    limits: Limits,
}

impl Ladder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// The level of an instance's word.
    pub(crate) fn level(&self, word: u64) -> u8 {
        let Limits { soft, hard } = self.limits;
        if word >= hard {
            NONE
        } else if word >= soft {
            BUSY + self.busy(word - soft) as u8
        } else if soft <= STEPS {
            word as u8
        } else {
            (word * STEPS / soft) as u8
        }
    }

    fn busy(&self, excess: u64) -> u64 {
        if self.limits.hard - self.limits.soft <= STEPS || excess < EXACT {
            return excess;
        }
        // The position of the highest bit and the two bits below it.
        let top = u64::from(excess.ilog2());
        let level = EXACT + (top - 3) * 4 + ((excess >> (top - 2)) & 3);
        level.min(STEPS - 1)
    }

    /// Whether instances of different load share a level.
    pub(crate) fn is_coarse(&self, level: u8) -> bool {
        if level < BUSY {
            self.limits.soft > STEPS
        } else {
            self.limits.hard - self.limits.soft > STEPS && u64::from(level - BUSY) >= EXACT
        }
    }

    /// How many levels there are in all.
    pub(crate) fn rows(&self) -> usize {
        let Limits { soft, hard } = self.limits;
        let busy = if hard > soft { 1 + self.busy(hard - 1 - soft) } else { 0 };
        (soft.min(STEPS) + busy) as usize
    }

    /// The place of a level among those, without gaps.
    pub(crate) fn row(&self, level: u8) -> usize {
        let open = self.limits.soft.min(STEPS) as usize;
        if level < BUSY { usize::from(level) } else { open + usize::from(level - BUSY) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn more_load_is_never_a_lower_level(
            soft in 0_u64..5_000,
            room in 0_u64..1_000_000,
            a in 0_u64..1_100_000,
            b in 0_u64..1_100_000,
        ) {
            let ladder = Ladder::new(Limits { soft, hard: soft + room });
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(ladder.level(low) <= ladder.level(high));
        }

        #[test]
        fn bands_do_not_share_levels(soft in 0_u64..5_000, room in 0_u64..5_000, word in 0_u64..11_000) {
            let hard = soft + room;
            let level = Ladder::new(Limits { soft, hard }).level(word);
            prop_assert_eq!(level < BUSY, word < soft);
            prop_assert_eq!(level == NONE, word >= hard);
        }

        #[test]
        fn every_level_has_a_row_of_its_own(soft in 0_u64..300, room in 0_u64..10_000) {
            let hard = soft + room;
            let ladder = Ladder::new(Limits { soft, hard });
            let mut last = None;
            for word in 0..hard {
                let level = ladder.level(word);
                let row = ladder.row(level);
                prop_assert!(row < ladder.rows());
                if let Some((before, at)) = last {
                    prop_assert_eq!(before == level, at == row);
                }
                last = Some((level, row));
            }
        }

        #[test]
        fn levels_are_exact_while_the_limits_are_small(soft in 0_u64..=64, room in 0_u64..=64) {
            let ladder = Ladder::new(Limits { soft, hard: soft + room });
            for word in 1..soft + room {
                prop_assert_ne!(ladder.level(word), ladder.level(word - 1));
                prop_assert!(!ladder.is_coarse(ladder.level(word)));
            }
        }
    }
}
