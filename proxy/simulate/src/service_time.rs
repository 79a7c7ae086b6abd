//! How long an instance works on a request: distributions and mixtures of them.
//!
//! Must not know instances or their load.

use std::time::Duration;

use fastrand::Rng;

/// No draw is longer: a tail without end would never let a simulation finish.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874;

/// A mixture: with each draw, one part is chosen by its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTime(pub Vec<Part>);

/// One part of a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Its share, relative to the sum of all.
    pub weight: f64,
    /// What is drawn from it.
    pub shape: Shape,
}

/// A distribution of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Always the same.
    Constant(Duration),
    /// Any time in between, each as likely as the other. Several of these make a histogram.
    Between(Duration, Duration),
    /// Exponential, by its mean.
    Exponential(Duration),
    /// Log-normal, by its median and its 99th percentile.
    LogNormal {
        /// Half of the draws are shorter.
        median: Duration,
        /// One of a hundred draws is longer.
        p99: Duration,
    },
}

impl ServiceTime {
    /// Always the same.
    #[must_use]
    pub fn constant(time: Duration) -> Self {
        Self(vec![Part { weight: 1.0, shape: Shape::Constant(time) }])
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> Duration {
        let sum: f64 = self.0.iter().map(|part| part.weight).sum();
        let mut point = rng.f64() * sum;
        let chosen = self.0.iter().find(|part| {
            point -= part.weight;
            point < 0.0
        });
        match chosen.or(self.0.last()) {
            Some(part) => part.shape.draw(rng).min(LONGEST),
            None => Duration::ZERO,
        }
    }
}

impl Shape {
    fn draw(self, rng: &mut Rng) -> Duration {
        match self {
            Self::Constant(time) => time,
            Self::Between(low, high) => {
                let (low, high) = (low.min(high), low.max(high));
                low + (high - low).mul_f64(rng.f64())
            }
            Self::Exponential(mean) => scaled(mean, exponential(rng)),
            Self::LogNormal { median, p99 } => {
                let ratio = p99.as_secs_f64() / median.as_secs_f64().max(1e-9);
                let sigma = ratio.max(1.0).ln() / Z99;
                scaled(median, (sigma * normal(rng)).exp())
            }
        }
    }
}

/// Within bounds, since multiplying past a duration's own would panic.
fn scaled(time: Duration, factor: f64) -> Duration {
    let seconds = time.as_secs_f64() * factor;
    Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64()))
}

/// With a mean of one.
pub(crate) fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.f64()).ln()
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut Rng) -> f64 {
    let radius = (2.0 * exponential(rng)).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn sorted(shapes: &[(f64, Shape)]) -> Vec<Duration> {
        let parts = shapes.iter().map(|(weight, shape)| Part { weight: *weight, shape: *shape });
        let time = ServiceTime(parts.collect());
        let mut rng = Rng::with_seed(3);
        let mut draws: Vec<_> = (0..40_000).map(|_| time.draw(&mut rng)).collect();
        draws.sort_unstable();
        draws
    }

    fn close(found: Duration, meant: Duration) -> bool {
        (found.as_secs_f64() / meant.as_secs_f64() - 1.0).abs() < 0.05
    }

    #[test]
    fn a_log_normal_time_has_its_median_and_99th_percentile() {
        let draws = sorted(&[(1.0, Shape::LogNormal { median: 80 * MS, p99: 500 * MS })]);
        assert!(close(draws[20_000], 80 * MS), "{:?}", draws[20_000]);
        assert!(close(draws[39_600], 500 * MS), "{:?}", draws[39_600]);
    }

    #[test]
    fn an_exponential_time_has_its_mean() {
        let draws = sorted(&[(1.0, Shape::Exponential(100 * MS))]);
        assert!(close(draws.iter().sum::<Duration>() / 40_000, 100 * MS));
        assert!(close(draws[20_000], 69 * MS), "{:?}", draws[20_000]);
    }

    #[test]
    fn a_mixture_has_each_part_by_its_weight() {
        let shapes = [
            (90.0, Shape::Between(10 * MS, 20 * MS)),
            (9.0, Shape::Constant(100 * MS)),
            (1.0, Shape::Constant(2000 * MS)),
        ];
        let draws = sorted(&shapes);
        assert!(draws[0] >= 10 * MS && draws[35_000] <= 20 * MS);
        assert_eq!(draws[38_000], 100 * MS);
        assert_eq!(draws[39_900], 2000 * MS);
    }

    #[test]
    fn even_a_mad_tail_ends() {
        let day = 24 * 3600 * 1000 * MS;
        let draws = sorted(&[(1.0, Shape::LogNormal { median: day, p99: day * 1000 })]);
        assert!(draws.iter().all(|draw| *draw <= LONGEST));
    }
}
