//! Bytes that are nearly right: a seed with a few things done to it. Knows no target.

use fastrand::Rng;

/// What is done to one seed, at most.
const MOST: usize = 6;
/// Bytes that mean something in the formats at hand.
const TELLING: [u8; 16] =
    [0, 1, 0x7f, 0x80, 0xff, 0x1f, b'\r', b'\n', b' ', b':', b'"', b'[', b'=', b'/', b'%', b'\\'];

/// One of the seeds, changed in a few places.
///
/// # Panics
/// When there is no seed.
pub fn mutant(seeds: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seeds[rng.usize(0..seeds.len())].clone();
    for _ in 0..rng.usize(1..=MOST) {
        let at = rng.usize(0..=bytes.len());
        let until = rng.usize(at..=bytes.len().min(at + 64));
        match rng.u8(0..7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..until)),
            2 => bytes.insert(at, TELLING[rng.usize(0..TELLING.len())]),
            3 => {
                let again = bytes[at..until].to_vec();
                bytes.splice(at..at, again);
            }
            4 => {
                let other = &seeds[rng.usize(0..seeds.len())];
                let from = rng.usize(0..=other.len());
                let to = rng.usize(from..=other.len().min(from + 64));
                bytes.splice(at..until, other[from..to].iter().copied());
            }
            kind => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = if kind == 5 {
                        *byte ^ 1 << rng.u8(0..8)
                    } else {
                        TELLING[rng.usize(0..TELLING.len())]
                    };
                }
            }
        }
    }
    bytes
}
