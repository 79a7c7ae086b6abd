//! What the last round trips to an instance say: their minimum, or that it is unknown.
//!
//! Pure. A minimum, since only delay is ever added to a round trip: by a queue, a busy processor,
//! a lost packet. Classes and their hysteresis are the balancer's.

use std::time::Duration;

/// Samples that are remembered; one comes each second.
const SAMPLES: usize = 20;

/// So many failed probes in a row make the round trip unknown: what was measured says nothing of
/// an instance that cannot be reached any more, and the balancer puts it after all others.
const FAILURES: u32 = 3;

/// A probe every so often.
const PERIOD: Duration = Duration::from_secs(1);

/// Whoever does not answer is asked ever less often, down to this, so that a region that is cut
/// off does not hold up the probes of the others.
const LONGEST_PERIOD: Duration = Duration::from_secs(8);

/// The last samples of one instance, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Window {
    samples: [u32; SAMPLES],
    /// Samples ever taken; the oldest is overwritten.
    taken: usize,
    failures: u32,
}

impl Window {
    /// A connection stood after so long.
    pub(super) fn measured(&mut self, rtt: Duration) {
        self.samples[self.taken % SAMPLES] = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
        self.taken += 1;
        self.failures = 0;
    }

    /// A probe failed: no sample, and after a few of them none of the old ones count.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            self.taken = 0;
        }
    }

    /// The minimum of the last samples.
    pub(super) fn rtt(&self) -> Option<Duration> {
        let samples = &self.samples[..self.taken.min(SAMPLES)];
        samples.iter().min().map(|micros| Duration::from_micros(u64::from(*micros)))
    }

    /// From this probe to the next.
    pub(super) fn period(&self) -> Duration {
        let doublings = self.failures.saturating_sub(FAILURES - 1).min(3);
        (PERIOD * 2_u32.pow(doublings)).min(LONGEST_PERIOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn the_minimum_of_the_last_twenty_counts() {
        let mut window = Window::default();
        assert_eq!(window.rtt(), None);
        window.measured(ms(3));
        (0..19).for_each(|_| window.measured(ms(9)));
        assert_eq!(window.rtt(), Some(ms(3)));
        window.measured(ms(9));
        assert_eq!(window.rtt(), Some(ms(9)), "the one of 3 ms is the twenty-first");
    }

    #[test]
    fn a_failed_probe_is_no_sample_and_three_make_the_round_trip_unknown() {
        let mut window = Window::default();
        window.measured(ms(3));
        window.failed();
        window.failed();
        assert_eq!(window.rtt(), Some(ms(3)));
        window.measured(ms(4));
        window.failed();
        window.failed();
        assert_eq!(window.rtt(), Some(ms(3)), "they were not in a row");
        window.failed();
        assert_eq!(window.rtt(), None);
        window.measured(ms(7));
        assert_eq!(window.rtt(), Some(ms(7)), "nothing of before is left");
    }

    #[test]
    fn who_does_not_answer_is_asked_less_often() {
        let mut window = Window::default();
        let mut periods = Vec::new();
        for _ in 0..7 {
            window.failed();
            periods.push(window.period().as_secs());
        }
        assert_eq!(periods, [1, 1, 2, 4, 8, 8, 8]);
        window.measured(ms(1));
        assert_eq!(window.period(), PERIOD);
    }

    /// Two instances in virtual time, one probe a second: a noisy route does not move its instance,
    /// a route that has become longer moves it once.
    #[test]
    fn noise_moves_nobody_and_a_longer_route_moves_its_instance_once() {
        use hither_balance::{Balancer, InstanceSpec, Policy};
        let spec = |id: &str| InstanceSpec {
            id: id.to_owned(),
            address: id.to_owned(),
            region: "ams".to_owned(),
            labels: Vec::new(),
            rtt: None,
            payload: (),
        };
        let specs = vec![spec("moves"), spec("stays")];
        let balancer = Balancer::new(Policy::default(), specs, 1).expect("ids differ");
        let mut windows = [Window::default(), Window::default()];
        let mut rng = fastrand::Rng::with_seed(3);
        let mut classes = Vec::new();
        for second in 0..200 {
            let base = if second < 100 { 9 } else { 40 };
            for (window, base) in windows.iter_mut().zip([base, 10]) {
                window.measured(ms(base) + Duration::from_micros(rng.u64(0..9000)));
            }
            let rtts = ["moves", "stays"].into_iter().zip(windows.iter().map(Window::rtt));
            balancer.measured(rtts, Duration::from_secs(second));
            let now = balancer.instances();
            let class =
                |id: &str| now.iter().find(|one| *one.id == *id).map(|one| one.class.name());
            if second >= SAMPLES as u64 {
                classes.push((class("moves"), class("stays")));
            }
        }
        classes.dedup();
        let (near, far) = (Some("6-15ms"), Some("15-50ms"));
        assert_eq!(classes, [(near, near), (far, near)]);
    }
}
