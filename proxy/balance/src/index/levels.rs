//! The seats of one large tier by level: a counted bitmap for each level, to draw one of the least
//! loaded with equal chance and without walking them.
//!
//! One thread at a time writes, while others draw: a draw may miss, and then says so. Must not know
//! live words: whoever draws checks.

use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::atomic::{AtomicU32, AtomicU64};

use fastrand::Rng;

use super::ladder::{BUSY, Ladder};

const BITS: usize = 64;

/// Words under one of the lowest counts: few, since counting bits is slow on the oldest processors
/// that the binary is built for.
const WORDS: usize = 4;

/// Counts under one count of the layer above, and the most of the uppermost layer.
const FAN: usize = 32;

pub(crate) struct Levels {
    ladder: Ladder,
    /// Levels that have a seat, open ones and busy ones.
    filled: [AtomicU64; 2],
    /// Seats of each level.
    totals: Box<[AtomicU32]>,
    /// Bits: [`WORDS`] of one level, as many of the next, and so on; then the next words of all
    /// levels. A seat goes from a level to the one beside it, so that is where both should be.
    words: Box<[AtomicU64]>,
    rows: usize,
    seats: usize,
    /// Words of one level.
    width: usize,
    /// Lowest first.
    layers: Box<[Layer]>,
}

/// Set bits of all levels, counted in equal spans; laid out as the words are, by [`FAN`] counts.
struct Layer {
    counts: Box<[AtomicU32]>,
    rows: usize,
    /// Words under one count.
    span: usize,
}

impl Levels {
    pub(crate) fn new(ladder: Ladder, seats: usize) -> Self {
        let rows = ladder.rows();
        let width = seats.div_ceil(BITS);
        let mut layers = Vec::new();
        let mut span = WORDS;
        loop {
            let counts = width.div_ceil(span);
            let padded = counts.next_multiple_of(FAN) * rows;
            let zeros = (0..padded).map(|_| AtomicU32::new(0)).collect();
            layers.push(Layer { counts: zeros, rows, span });
            if counts <= FAN {
                break;
            }
            span *= FAN;
        }
        Self {
            ladder,
            filled: [AtomicU64::new(0), AtomicU64::new(0)],
            totals: (0..rows).map(|_| AtomicU32::new(0)).collect(),
            words: (0..width.next_multiple_of(WORDS) * rows).map(|_| AtomicU64::new(0)).collect(),
            rows,
            seats,
            width,
            layers: layers.into(),
        }
    }

    /// Filled levels of one band, as bits.
    pub(crate) fn filled(&self, busy: bool) -> u64 {
        self.filled[usize::from(busy)].load(Relaxed)
    }

    /// A word of one level, and those beside it under one count.
    fn words(&self, row: usize, word: usize) -> &[AtomicU64] {
        let start = (word / WORDS * self.rows + row) * WORDS;
        self.words.get(start..start + WORDS).unwrap_or(&[])
    }

    /// The word with a seat's bit.
    fn word(&self, row: usize, seat: usize) -> Option<&AtomicU64> {
        self.words(row, seat / BITS).get(seat / BITS % WORDS)
    }

    /// Puts a seat into a level. Only for the one thread that writes.
    pub(crate) fn insert(&self, seat: usize, level: u8) {
        let row = self.ladder.row(level);
        if let Some(word) = self.word(row, seat) {
            word.store(word.load(Relaxed) | 1 << (seat % BITS), Relaxed);
        }
        for layer in &self.layers {
            if let Some(count) = layer.count(row, seat) {
                count.store(count.load(Relaxed) + 1, Relaxed);
            }
        }
        if let Some(total) = self.totals.get(row) {
            total.store(total.load(Relaxed) + 1, Relaxed);
        }
        let (filled, bit) = self.bit(level);
        if filled.load(Relaxed) & bit == 0 {
            filled.store(filled.load(Relaxed) | bit, Relaxed);
        }
    }

    /// Takes a seat out of a level. Only for the one thread that writes.
    pub(crate) fn remove(&self, seat: usize, level: u8) {
        let row = self.ladder.row(level);
        if let Some(word) = self.word(row, seat) {
            word.store(word.load(Relaxed) & !(1 << (seat % BITS)), Relaxed);
        }
        for layer in &self.layers {
            if let Some(count) = layer.count(row, seat) {
                count.store(count.load(Relaxed) - 1, Relaxed);
            }
        }
        let left = self.total(row).saturating_sub(1);
        if let Some(total) = self.totals.get(row) {
            total.store(left, Relaxed);
        }
        if left == 0 {
            let (filled, bit) = self.bit(level);
            filled.store(filled.load(Relaxed) & !bit, Relaxed);
        }
    }

    fn bit(&self, level: u8) -> (&AtomicU64, u64) {
        (&self.filled[usize::from(level >= BUSY)], 1 << (level % BUSY))
    }

    fn total(&self, row: usize) -> u32 {
        self.totals.get(row).map_or(0, |total| total.load(Relaxed))
    }

    /// Whether a level has at least half of all seats, so that one of them is seldom drawn again
    /// soon.
    pub(crate) fn is_most(&self, level: u8) -> bool {
        self.total(self.ladder.row(level)) as usize * 2 >= self.seats
    }

    /// One seat of a level, each with the same chance; `None` if the counts were moving.
    pub(crate) fn draw(&self, level: u8, rng: &mut Rng) -> Option<usize> {
        let row = self.ladder.row(level);
        let total = self.total(row);
        if total == 0 {
            return None;
        }
        let mut left = rng.u32(0..total);
        // The first word under the count that the draw has come down to.
        let mut start = 0;
        for layer in self.layers.iter().rev() {
            let mut place = None;
            for (number, count) in layer.counts(row, start).iter().enumerate() {
                let count = count.load(Relaxed);
                if left < count {
                    place = Some(number);
                    break;
                }
                left -= count;
            }
            start += place? * layer.span;
        }
        for (number, word) in self.words(row, start).iter().enumerate() {
            let word = word.load(Relaxed);
            if left < word.count_ones() {
                return Some((start + number) * BITS + nth_bit(word, left));
            }
            left -= word.count_ones();
        }
        None
    }

    /// All seats of a level, for the rare case that some of them may not be drawn.
    pub(crate) fn seats(&self, level: u8) -> impl Iterator<Item = usize> {
        let row = self.ladder.row(level);
        let words = (0..self.width).step_by(WORDS).flat_map(move |word| self.words(row, word));
        words
            .enumerate()
            .flat_map(|(number, word)| bits(word.load(Relaxed)).map(move |bit| number * BITS + bit))
    }
}

impl Layer {
    /// The counts of one level that are beside that of a word.
    fn counts(&self, row: usize, word: usize) -> &[AtomicU32] {
        let start = (word / self.span / FAN * self.rows + row) * FAN;
        self.counts.get(start..start + FAN).unwrap_or(&[])
    }

    fn count(&self, row: usize, seat: usize) -> Option<&AtomicU32> {
        let word = seat / BITS;
        self.counts(row, word).get(word / self.span % FAN)
    }
}

/// The place of the set bit before which there are `nth` others.
fn nth_bit(mut word: u64, nth: u32) -> usize {
    for _ in 0..nth {
        word &= word - 1;
    }
    word.trailing_zeros() as usize
}

/// The places of all set bits.
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(place)
    })
}
