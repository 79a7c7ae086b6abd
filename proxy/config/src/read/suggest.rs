//! "Did you mean": the known word nearest to an unknown one.

/// Words longer than this are nobody's slip, and comparing them costs their product.
const LONGEST: usize = 64;

/// The nearest of `known`, if it is near enough to be what was meant.
pub(crate) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = 1 + word.chars().count() / 4;
    known
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&lower, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words; a word that continues the other (`host`, `hosts_allowed`) or differs
/// in separators only is near as well.
fn distance(word: &str, candidate: &str) -> usize {
    let bare = |text: &str| text.replace(['-', '_', '.', ' '], "").to_lowercase();
    let (left, right) = (bare(word), bare(candidate));
    if left == right {
        return 0;
    }
    let shorter = left.len().min(right.len());
    if shorter >= 3 && (left.starts_with(&right) || right.starts_with(&left)) {
        return 1;
    }
    strsim::damerau_levenshtein(&left, &right)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_finds_what_was_meant_and_a_stranger_finds_nothing() {
        let known = ["soft_limit", "hard_limit", "type", "spread"];
        assert_eq!(closest("soft-limit", known), Some("soft_limit"));
        assert_eq!(closest("softlimt", known), Some("soft_limit"));
        assert_eq!(closest("hardlimits", known), Some("hard_limit"));
        assert_eq!(closest("tpye", known), Some("type"));
        assert_eq!(closest("colour", known), None);
        assert_eq!(closest(&"x".repeat(10_000), known), None);
    }
}
