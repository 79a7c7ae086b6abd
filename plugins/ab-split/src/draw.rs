//! Who belongs where: weighted rendezvous hashing. Each variant draws a number for each key, the heavier the
//! likelier a high one, and the highest has it. A variant whose weight grows takes keys from the others and
//! gives none away; others do not notice.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Visitors are told apart in so many places. Few enough that a place says nothing of who is there, many
/// enough that a part in a thousand can be drawn.
pub(crate) const PLACES: u32 = 100_000;

/// Fixed, so that a key belongs to the same variant on every edge and after every update.
fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0x6869_7468_6572, 0x0073_706c_6974);
    for part in parts {
        // With its length before it, no part can pass for the end of another.
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish()
}

/// What a variant draws for a key; the highest has it. Nothing beats a weight of 0.
pub(crate) fn score(salt: &str, variant: &str, weight: u32, key: &[u8]) -> f64 {
    if weight == 0 {
        return f64::NEG_INFINITY;
    }
    let drawn = hash(&[salt.as_bytes(), variant.as_bytes(), key]);
    // Evenly between 0 and 1, neither included: what a double can hold of it.
    let even = ((drawn >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    f64::from(weight) / -even.ln()
}

/// A place for a visitor who has none yet.
pub(crate) fn fresh(exchange: u64, now_ms: u64) -> u32 {
    let drawn = hash(&[&exchange.to_le_bytes(), &now_ms.to_le_bytes()]);
    // Below `PLACES`, which is 32 bits wide.
    (drawn % u64::from(PLACES)) as u32
}

/// The place in a visitor's cookie, if it is one.
pub(crate) fn read(cookie: &[u8]) -> Option<u32> {
    let digits = !cookie.is_empty() && cookie.len() <= 5 && cookie.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(cookie).ok().filter(|_| digits)?;
    text.parse().ok().filter(|place| *place < PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Split<'a> = &'a [(&'a str, u32)];

    fn winner<'a>(split: Split<'a>, key: u32) -> &'a str {
        let score = |(name, weight): &(&str, u32)| score("", name, *weight, &key.to_le_bytes());
        let best = split.iter().max_by(|a, b| score(a).total_cmp(&score(b)));
        best.map(|(name, _)| *name).unwrap()
    }

    #[test]
    fn variants_get_what_they_weigh() {
        let split: Split<'_> = &[("a", 90), ("b", 9), ("c", 1)];
        let count = |name| (0..PLACES).filter(|key| winner(split, *key) == name).count();
        for (name, share) in [("a", 90_000_i64), ("b", 9_000), ("c", 1_000)] {
            let got = count(name) as i64;
            assert!((got - share).abs() < 500, "{name} got {got} of {share}");
        }
    }

    #[test]
    fn a_heavier_variant_takes_and_gives_nothing_away() {
        let before: Split<'_> = &[("a", 90), ("b", 9), ("c", 1)];
        let after: Split<'_> = &[("a", 90), ("b", 19), ("c", 1)];
        for key in 0..PLACES {
            let (was, is) = (winner(before, key), winner(after, key));
            assert!(was == is || is == "b", "{key} went from {was} to {is}");
        }
        // One that ends gives all it had; the others keep theirs.
        let ended: Split<'_> = &[("a", 90), ("b", 0), ("c", 1)];
        for key in 0..PLACES {
            let (was, is) = (winner(before, key), winner(ended, key));
            assert!(is != "b" && (was == is || was == "b"), "{key} went from {was} to {is}");
        }
    }

    #[test]
    fn fresh_places_are_spread_and_cookies_are_read_strictly() {
        let halves = (0..10_000).filter(|exchange| fresh(*exchange, 7) < PLACES / 2).count();
        assert!((4_700..5_300).contains(&halves), "{halves}");
        assert_eq!((read(b"0"), read(b"99999")), (Some(0), Some(99_999)));
        for bad in [&b""[..], b"100000", b"-1", b"+1", b" 1", b"a", b"\xff"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
