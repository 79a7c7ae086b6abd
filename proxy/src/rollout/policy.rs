//! Whether a new revision is worse than the one that serves: from the figures of both, and nothing else.

use super::figures::Figures;
use super::significance::{Part, chance_of_more, errors_above};
use std::fmt;
use std::time::Duration;

/// Differences that chance alone makes more often than this are none. Small, because it is looked some
/// hundred times during one rollout, and each look is a chance to be wrong.
const CHANCE: f64 = 1e-5;
/// The same for times, in standard errors.
const ERRORS: f64 = 4.4;
/// One failure may be a cosmic ray; a revision that always fails has this many at once.
const FEWEST_FAILURES: u64 = 3;
/// Of calls. Among a million, a difference that nobody minds is no chance either.
const MORE_FAILURES: f64 = 0.001;
const MORE_REJECTS: f64 = 0.01;
/// A revision that gets a twentieth of the calls is called with cold caches: twice as slow, and by so much,
/// is what that does not explain.
const SLOWER: f64 = 2.0;
const SLOWER_BY: Duration = Duration::from_micros(20);
/// Of either revision, before rejects and times are looked at.
const LEAST_TO_COMPARE: u64 = 20;
/// Of the new one, without which it is not trusted with everything.
const LEAST_TO_PROMOTE: u64 = 50;

/// What is thought of the new revision.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing yet.
    GoOn,
    /// It is worse.
    Worse(Complaint),
    /// Time is up, and nothing speaks against it.
    Good,
    /// Time is up, and it was hardly asked.
    TooFew(TooFew),
}

/// In what a revision is worse.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Complaint {
    /// It fails more often.
    Failures { old: (u64, u64), new: (u64, u64) },
    /// It rejects more.
    Rejects { old: (u64, u64), new: (u64, u64) },
    /// Its calls take longer, as the median has it.
    Slower { old: Duration, new: Duration },
}

/// So many calls were all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooFew(u64);

/// Compares both; `over`: this is the last look.
pub(super) fn judge(old: &Figures, new: &Figures, over: bool) -> Verdict {
    let complaint = failures(old, new).or_else(|| rejects(old, new)).or_else(|| slower(old, new));
    match complaint {
        Some(complaint) => Verdict::Worse(complaint),
        None if !over => Verdict::GoOn,
        None if new.calls < LEAST_TO_PROMOTE => Verdict::TooFew(TooFew(new.calls)),
        None => Verdict::Good,
    }
}

fn failures(old: &Figures, new: &Figures) -> Option<Complaint> {
    let part = |figures: &Figures| Part { some: figures.failures, of: figures.calls };
    let (old, new) = (part(old), part(new));
    let more = new.some >= FEWEST_FAILURES && is_more(old, new, MORE_FAILURES);
    more.then_some(Complaint::Failures { old: (old.some, old.of), new: (new.some, new.of) })
}

fn rejects(old: &Figures, new: &Figures) -> Option<Complaint> {
    let part = |figures: &Figures| Part { some: figures.rejects, of: figures.calls };
    let (old, new) = (part(old), part(new));
    let enough = old.of.min(new.of) >= LEAST_TO_COMPARE;
    let more = enough && is_more(old, new, MORE_REJECTS);
    more.then_some(Complaint::Rejects { old: (old.some, old.of), new: (new.some, new.of) })
}

fn is_more(old: Part, new: Part, by: f64) -> bool {
    new.share() - old.share() >= by && chance_of_more(old, new) < CHANCE
}

fn slower(old: &Figures, new: &Figures) -> Option<Complaint> {
    let (before, after) = (old.times.moments(), new.times.moments());
    if before.count.min(after.count) < LEAST_TO_COMPARE as f64 {
        return None;
    }
    let by = Duration::from_nanos((after.mean.exp() - before.mean.exp()).max(0.0) as u64);
    let slower = after.mean - before.mean >= SLOWER.ln()
        && by >= SLOWER_BY
        && errors_above(before, after) >= ERRORS;
    let (old, new) = (old.times.quantile(0.5)?, new.times.quantile(0.5)?);
    slower.then_some(Complaint::Slower { old, new })
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Complaint::Failures { old: (o, of_old), new: (n, of_new) } => write!(
                f,
                "more failures: {n} of {of_new} calls of the new revision failed, {o} of {of_old} \
                 of the old one"
            ),
            Complaint::Rejects { old: (o, of_old), new: (n, of_new) } => write!(
                f,
                "more rejects: {n} of {of_new} calls of the new revision rejected, {o} of {of_old} \
                 of the old one"
            ),
            Complaint::Slower { old, new } => write!(
                f,
                "slower calls: the median is {:.3} ms, and {:.3} ms of the old revision",
                new.as_secs_f64() * 1e3,
                old.as_secs_f64() * 1e3
            ),
        }
    }
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TooFew(calls) = self;
        write!(
            f,
            "too few calls to judge by: {calls}, and {LEAST_TO_PROMOTE} are needed; a larger share \
             or a longer time brings more"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Times;
    use super::*;

    /// Calls, failures, rejects, and the time of each in microseconds.
    fn figures(calls: u64, failures: u64, rejects: u64, time: u64) -> Figures {
        let times = Times::of(&[(calls - failures, Duration::from_micros(time))]);
        Figures { calls, failures, rejects, times }
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::GoOn => "go on",
            Verdict::Worse(Complaint::Failures { .. }) => "failures",
            Verdict::Worse(Complaint::Rejects { .. }) => "rejects",
            Verdict::Worse(Complaint::Slower { .. }) => "slower",
            Verdict::Good => "good",
            Verdict::TooFew(_) => "too few",
        }
    }

    #[test]
    fn what_is_worse_and_what_is_chance() {
        let table = [
            // Nothing to tell yet.
            (figures(0, 0, 0, 1), figures(0, 0, 0, 1), "go on"),
            (figures(1000, 0, 0, 10), figures(50, 0, 0, 10), "go on"),
            // Failures: always, at the first few calls; sometimes, once there is no doubt.
            (figures(200, 0, 0, 10), figures(2, 2, 0, 10), "go on"),
            (figures(200, 0, 0, 10), figures(4, 4, 0, 10), "failures"),
            (figures(1000, 0, 0, 10), figures(50, 1, 0, 10), "go on"),
            (figures(1000, 0, 0, 10), figures(1000, 4, 0, 10), "go on"),
            (figures(1000, 0, 0, 10), figures(1000, 30, 0, 10), "failures"),
            // The old one fails as well.
            (figures(1000, 500, 0, 10), figures(1000, 520, 0, 10), "go on"),
            (figures(1000, 1000, 0, 10), figures(50, 50, 0, 10), "go on"),
            // Sure, and not worth it.
            (figures(10_000_000, 100, 0, 10), figures(1_000_000, 100, 0, 10), "go on"),
            // Rejects.
            (figures(1000, 0, 10, 10), figures(10, 0, 10, 10), "go on"),
            (figures(1000, 0, 10, 10), figures(50, 0, 20, 10), "rejects"),
            (figures(1000, 0, 100, 10), figures(100, 0, 12, 10), "go on"),
            (figures(1_000_000, 0, 1000, 10), figures(100_000, 0, 500, 10), "go on"),
            (figures(1000, 0, 500, 10), figures(1000, 0, 0, 10), "go on"),
            // Times.
            (figures(1000, 0, 0, 10), figures(50, 0, 0, 15), "go on"),
            (figures(1000, 0, 0, 2), figures(50, 0, 0, 12), "go on"),
            (figures(1000, 0, 0, 100), figures(50, 0, 0, 150), "go on"),
            (figures(1000, 0, 0, 10), figures(19, 0, 0, 1000), "go on"),
            (figures(1000, 0, 0, 10), figures(50, 0, 0, 60), "slower"),
            (figures(1000, 0, 0, 1000), figures(50, 0, 0, 10), "go on"),
            // The worst first.
            (figures(1000, 0, 0, 10), figures(50, 25, 25, 1000), "failures"),
        ];
        for (old, new, expected) in table {
            let verdict = judge(&old, &new, false);
            assert_eq!(word(&verdict), expected, "{old:?}\n{new:?}\n{verdict:?}");
        }
    }

    #[test]
    fn times_that_vary_widely_are_compared_as_a_whole() {
        let micros = Duration::from_micros;
        let wide = |scale: u64| Figures {
            calls: 400,
            times: Times::of(&[
                (300, micros(10 * scale)),
                (80, micros(100 * scale)),
                (20, micros(3000 * scale)),
            ]),
            ..Figures::default()
        };
        assert_eq!(word(&judge(&wide(1), &wide(1), false)), "go on");
        assert_eq!(word(&judge(&wide(1), &wide(4), false)), "slower");
    }

    #[test]
    fn the_last_look_decides() {
        let old = figures(1000, 0, 0, 10);
        assert_eq!(word(&judge(&old, &figures(50, 0, 0, 10), true)), "good");
        assert_eq!(word(&judge(&old, &figures(49, 0, 0, 10), true)), "too few");
        assert_eq!(word(&judge(&old, &figures(50, 50, 0, 10), true)), "failures");
    }

    #[test]
    fn a_complaint_is_a_sentence_with_both_figures() {
        let told = Complaint::Failures { old: (0, 60), new: (4, 4) }.to_string();
        assert!(told.starts_with("more failures: 4 of 4 "), "{told}");
        let (old, new) = (Duration::from_micros(10), Duration::from_millis(2));
        let told = Complaint::Slower { old, new }.to_string();
        assert!(told.contains("2.000 ms") && told.contains("0.010 ms"), "{told}");
    }
}
