//! Whether a difference between two revisions is more than chance. Numbers only.

use super::figures::Moments;

/// A share: so many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) some: u64,
    pub(super) of: u64,
}

impl Part {
    pub(super) fn share(self) -> f64 {
        if self.of == 0 { 0.0 } else { self.some as f64 / self.of as f64 }
    }
}

/// The chance of a share in `new` that is as high, were both revisions alike (Fisher's exact test,
/// one-sided): right for three calls as for a million.
pub(super) fn chance_of_more(old: Part, new: Part) -> f64 {
    if new.of == 0 || old.of == 0 || new.share() <= old.share() {
        return 1.0;
    }
    let (all, some) = (old.of + new.of, old.some + new.some);
    let whole = ln_choose(all, new.of);
    let term = |k: u64| {
        let rest = new.of - k;
        if rest > all - some {
            return 0.0;
        }
        (ln_choose(some, k) + ln_choose(all - some, rest) - whole).exp()
    };
    let mut sum = 0.0;
    for k in new.some..=some.min(new.of) {
        let chance = term(k);
        sum += chance;
        // Above the mean each term is smaller than the one before.
        if chance < sum * 1e-9 {
            break;
        }
    }
    sum.min(1.0)
}

/// By how many standard errors the mean of `new` is above that of `old` (Welch).
pub(super) fn errors_above(old: Moments, new: Moments) -> f64 {
    let error = (old.variance / old.count + new.variance / new.count).sqrt();
    if error > 0.0 && error.is_finite() { (new.mean - old.mean) / error } else { 0.0 }
}

fn ln_choose(n: u64, k: u64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Exact where that is cheap, else by Stirling's series, which from there on is right to 12 digits.
fn ln_factorial(n: u64) -> f64 {
    if n < 32 {
        return (2..=n).map(|i| (i as f64).ln()).sum();
    }
    let x = n as f64;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    x * x.ln() - x + 0.5 * (std::f64::consts::TAU * x).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(some: u64, of: u64) -> Part {
        Part { some, of }
    }

    #[test]
    fn chances_are_those_of_the_textbook() {
        // Fisher's lady and her tea: 3 of 4 against 1 of 4.
        let tea = chance_of_more(part(1, 4), part(3, 4));
        assert!((tea - 17.0 / 70.0).abs() < 1e-9, "{tea}");
        let all = chance_of_more(part(0, 4), part(4, 4));
        assert!((all - 1.0 / 70.0).abs() < 1e-9, "{all}");
        assert_eq!(chance_of_more(part(5, 10), part(5, 10)), 1.0);
        assert_eq!(chance_of_more(part(0, 10), part(0, 0)), 1.0);
    }

    #[test]
    fn large_numbers_are_no_trouble() {
        let more = chance_of_more(part(10_000, 1_000_000), part(700, 50_000));
        assert!((0.0..1e-12).contains(&more), "{more}");
        let chance = chance_of_more(part(10_000, 1_000_000), part(510, 50_000));
        assert!((0.2..0.5).contains(&chance), "{chance}");
        let exact: f64 = (2..=40_u64).map(|i| (i as f64).ln()).sum();
        assert!((ln_factorial(40) - exact).abs() < 1e-9);
    }
}
