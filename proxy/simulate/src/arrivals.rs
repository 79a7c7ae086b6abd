//! When requests arrive: steps of traffic, one after the other, drawn or evenly spaced.
//!
//! Must not know edges or what becomes of a request.

use std::time::Duration;

use fastrand::Rng;

use crate::service_time::exponential;

/// The traffic of one edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// One after the other.
    pub steps: Vec<Step>,
    /// How requests fall inside a step.
    pub process: Process,
}

/// A piece of traffic. Rates are requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// A rate that changes in a straight line; a constant one begins as it ends.
    Line {
        /// At the beginning.
        from: f64,
        /// At the end.
        to: f64,
        /// How long it takes.
        over: Duration,
    },
    /// So many at once.
    Burst(u32),
}

/// How requests fall in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Independently of each other, as the requests of many clients do.
    Poisson,
    /// At even distances, the first one at once.
    Even,
}

impl Step {
    fn area(self) -> f64 {
        match self {
            Self::Line { from, to, over } => (from + to) / 2.0 * over.as_secs_f64(),
            Self::Burst(count) => f64::from(count),
        }
    }

    fn duration(self) -> Duration {
        match self {
            Self::Line { over, .. } => over,
            Self::Burst(_) => Duration::ZERO,
        }
    }
}

impl Arrivals {
    /// How many requests on average.
    #[must_use]
    pub fn expected(&self) -> f64 {
        self.steps.iter().map(|step| step.area()).sum()
    }

    /// From the first step's beginning to the last one's end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.steps.iter().fold(Duration::ZERO, |sum, step| sum.saturating_add(step.duration()))
    }

    /// The times, ascending. The same generator gives the same ones.
    pub(crate) fn times(&self, rng: Rng) -> Times<'_> {
        let mut times = Times {
            steps: self.steps.iter(),
            process: self.process,
            rng,
            start: Duration::ZERO,
            step: None,
            due: 0.0,
        };
        if self.process == Process::Poisson {
            times.due = exponential(&mut times.rng);
        }
        times.next_step();
        times
    }
}

/// An iterator over arrivals. Lines are walked by area: where the integral of the rate reaches the
/// next whole number (even) or the next exponential distance (Poisson), a request arrives.
pub(crate) struct Times<'a> {
    steps: std::slice::Iter<'a, Step>,
    process: Process,
    rng: Rng,
    /// When the current step began.
    start: Duration,
    step: Option<Step>,
    /// The area of the current step after which the next request comes.
    due: f64,
}

/// Sums of fractions end a hair beside the whole number that is meant.
const HAIR: f64 = 1e-9;

impl Times<'_> {
    fn next_step(&mut self) {
        let passed = self.step.map_or(Duration::ZERO, Step::duration);
        self.start = self.start.saturating_add(passed);
        self.step = self.steps.next().copied();
    }
}

impl Iterator for Times<'_> {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        loop {
            match self.step? {
                Step::Burst(0) => self.next_step(),
                Step::Burst(count) => {
                    self.step = Some(Step::Burst(count - 1));
                    return Some(self.start);
                }
                line @ Step::Line { from, to, over } => {
                    let area = line.area();
                    if self.due + HAIR >= area {
                        self.due = (self.due - area).max(0.0);
                        self.next_step();
                        continue;
                    }
                    let slope = (to - from) / over.as_secs_f64();
                    let root = (from * from + 2.0 * slope * self.due).max(0.0).sqrt();
                    let seconds = if self.due > 0.0 { 2.0 * self.due / (from + root) } else { 0.0 };
                    self.due += match self.process {
                        Process::Poisson => exponential(&mut self.rng),
                        Process::Even => 1.0,
                    };
                    return Some(
                        self.start.saturating_add(Duration::from_secs_f64(
                            seconds.min(over.as_secs_f64()),
                        )),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(steps: Vec<Step>, process: Process) -> Vec<Duration> {
        Arrivals { steps, process }.times(Rng::with_seed(7)).collect()
    }

    fn line(from: f64, to: f64, seconds: f64) -> Step {
        Step::Line { from, to, over: Duration::from_secs_f64(seconds) }
    }

    #[test]
    fn even_arrivals_keep_their_distance_over_steps() {
        let times = times(vec![line(10.0, 10.0, 25.0), line(10.0, 10.0, 0.1)], Process::Even);
        assert_eq!(times.len(), 251);
        assert_eq!(times[0], Duration::ZERO);
        assert!((times[250].as_secs_f64() - 25.0).abs() < 1e-6, "{:?}", times[250]);
    }

    #[test]
    fn a_ramp_has_the_area_below_its_line() {
        let times = times(vec![line(0.0, 100.0, 10.0)], Process::Even);
        assert_eq!(times.len(), 500);
        let half = times.iter().filter(|time| **time < Duration::from_secs(5)).count();
        assert_eq!(half, 125, "a quarter of a triangle lies in its first half");
        assert!(times.is_sorted());
    }

    #[test]
    fn a_burst_comes_at_once_and_whole() {
        let steps = vec![line(1.0, 1.0, 2.0), Step::Burst(40), line(1.0, 1.0, 2.0)];
        for process in [Process::Even, Process::Poisson] {
            let times = times(steps.clone(), process);
            let at_two = times.iter().filter(|time| **time == Duration::from_secs(2)).count();
            assert!(at_two >= 40, "{at_two} at two seconds");
            assert!(times.is_sorted());
        }
    }

    #[test]
    fn drawn_arrivals_come_at_their_rate() {
        let times = times(vec![line(1000.0, 1000.0, 20.0)], Process::Poisson);
        assert!((19_400..20_600).contains(&times.len()), "{}", times.len());
        let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64());
        let squares = gaps.map(|gap| (gap - 0.001).powi(2)).sum::<f64>() / times.len() as f64;
        assert!((squares.sqrt() - 0.001).abs() < 0.0001, "exponential gaps deviate by their mean");
    }

    #[test]
    fn no_traffic_is_no_request() {
        assert!(times(vec![line(0.0, 0.0, 10.0)], Process::Even).is_empty());
        assert!(times(Vec::new(), Process::Poisson).is_empty());
    }
}
