//! Closeness: round trips put in classes, with hysteresis.
//!
//! Pure functions of measured values; must not know who measures, or instances.

use std::time::Duration;

/// Upper ends of the classes in microseconds; what reaches the last one is in the class after it.
const ENDS: [u32; 8] = [1_000, 2_000, 4_000, 6_000, 15_000, 50_000, 100_000, 200_000];

/// A round trip must pass a class's end by the smaller of this and a fifth of the end, before the
/// class changes. Two milliseconds alone would swallow the first classes whole, and a fifth alone
/// would hold a far instance back by 40 ms.
const MARGIN_MICROS: u32 = 2_000;

/// The least time between two changes of one instance's class.
pub const CLASS_HOLD: Duration = Duration::from_secs(1);

/// A class of round trips: 0-1, 1-2, 2-4, 4-6, 6-15, 15-50, 50-100, 100-200, 200 ms and above,
/// and, last of all, unknown. Smaller is closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RttClass(u8);

impl RttClass {
    /// Nothing measured yet, or the last probes failed.
    pub const UNKNOWN: Self = Self(9);

    /// The class of a round trip, without history.
    pub fn of(rtt: Duration) -> Self {
        Self::of_micros(micros(rtt))
    }

    fn of_micros(rtt: u32) -> Self {
        Self(ENDS.iter().take_while(|end| rtt >= **end).count() as u8)
    }

    /// The class that follows this one when `rtt` is the latest measurement: unchanged while the
    /// round trip is within the margin around this class.
    pub fn after(self, rtt: Option<Duration>) -> Self {
        let Some(rtt) = rtt.map(micros) else { return Self::UNKNOWN };
        let fresh = Self::of_micros(rtt);
        if self == Self::UNKNOWN || fresh == self {
            return fresh;
        }
        let holds = if fresh > self {
            ENDS.get(usize::from(self.0)).is_some_and(|end| rtt < end + margin(*end))
        } else {
            let start = ENDS.get(usize::from(self.0).wrapping_sub(1));
            start.is_some_and(|start| rtt >= start - margin(*start))
        };
        if holds { self } else { fresh }
    }

    /// 0 for the closest class; unknown is 9.
    pub const fn rank(self) -> u8 {
        self.0
    }

    pub(crate) fn from_rank(rank: u8) -> Self {
        Self(rank.min(Self::UNKNOWN.0))
    }

    /// The words of the status page, such as `6-15ms`.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 10] = [
            "0-1ms",
            "1-2ms",
            "2-4ms",
            "4-6ms",
            "6-15ms",
            "15-50ms",
            "50-100ms",
            "100-200ms",
            "200ms+",
            "unknown",
        ];
        NAMES.get(usize::from(self.0)).copied().unwrap_or("unknown")
    }
}

fn margin(end: u32) -> u32 {
    (end / 5).min(MARGIN_MICROS)
}

/// A round trip in whole microseconds, at most an hour, so that "unknown" has a value above it.
pub(crate) fn micros(rtt: Duration) -> u32 {
    const HOUR: u128 = 3_600_000_000;
    rtt.as_micros().min(HOUR) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: f64) -> Duration {
        Duration::from_secs_f64(value / 1000.0)
    }

    #[test]
    fn every_class_begins_where_the_one_before_ends() {
        let starts = [0.0, 1.0, 2.0, 4.0, 6.0, 15.0, 50.0, 100.0, 200.0];
        for (rank, start) in starts.into_iter().enumerate() {
            assert_eq!(usize::from(RttClass::of(ms(start)).rank()), rank, "{start} ms");
            if let Some(next) = starts.get(rank + 1) {
                assert_eq!(
                    usize::from(RttClass::of(ms(next - 0.001)).rank()),
                    rank,
                    "below {next}"
                );
            }
        }
        assert!(RttClass::of(ms(5_000.0)) < RttClass::UNKNOWN);
    }

    #[test]
    fn a_round_trip_that_wavers_around_an_end_keeps_its_class() {
        let near = RttClass::of(ms(14.0));
        assert_eq!(near.after(Some(ms(15.5))), near);
        assert_eq!(near.after(Some(ms(16.9))), near);
        let far = near.after(Some(ms(17.1)));
        assert_eq!(far, RttClass::of(ms(17.1)));
        assert_eq!(far.after(Some(ms(14.5))), far);
        assert_eq!(far.after(Some(ms(12.9))), near);
    }

    #[test]
    fn the_first_classes_are_told_apart_in_spite_of_the_margin() {
        let first = RttClass::of(ms(0.5));
        assert_eq!(first.after(Some(ms(1.1))), first);
        assert_eq!(first.after(Some(ms(1.3))).rank(), 1);
    }

    #[test]
    fn unknown_comes_and_goes_at_once() {
        let class = RttClass::of(ms(3.0));
        assert_eq!(class.after(None), RttClass::UNKNOWN);
        assert_eq!(RttClass::UNKNOWN.after(Some(ms(3.0))), class);
    }

    #[test]
    fn a_jump_over_several_classes_lands_in_the_measured_one() {
        assert_eq!(RttClass::of(ms(0.2)).after(Some(ms(80.0))).rank(), 6);
        assert_eq!(RttClass::of(ms(300.0)).after(Some(ms(0.3))).rank(), 0);
    }
}
