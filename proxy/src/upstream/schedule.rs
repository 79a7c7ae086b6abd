//! Who is asked next: due times, a bound on how many are asked at once, and a least distance
//! between two beginnings, so that ten thousand instances cost no more than a thousand.
//!
//! Pure: it is told the time. Must not know what asking means.

use fastrand::Rng;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

/// What is to be done now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J> {
    /// This, at once; [`Schedule::ended`] is to follow.
    Begin(J),
    /// Nothing before this time, unless something is added or ends.
    At(Duration),
    /// Nothing until something is added or ends.
    Idle,
}

/// Timers wake late, by a millisecond or two; so many gaps are caught up with.
const LATE: u32 = 10;

/// Jobs with their due times.
#[derive(Debug)]
pub(super) struct Schedule<J> {
    waiting: BinaryHeap<Reverse<Entry<J>>>,
    running: usize,
    most: usize,
    gap: Duration,
    /// Nothing begins before.
    open: Duration,
    added: u64,
}

#[derive(Debug)]
struct Entry<J> {
    due: Duration,
    /// Breaks ties in the order of arrival.
    number: u64,
    job: J,
}

impl<J> Schedule<J> {
    /// At most `most` run at once, and on average they begin `gap` apart at least. Where that is too
    /// little for all, each waits longer than it asked for, in the order of their due times.
    pub(super) fn new(most: usize, gap: Duration) -> Schedule<J> {
        let (waiting, open) = (BinaryHeap::new(), Duration::ZERO);
        Schedule { waiting, running: 0, most, gap, open, added: 0 }
    }

    /// Adds a job.
    pub(super) fn add(&mut self, job: J, due: Duration) {
        let number = self.added;
        self.added += 1;
        self.waiting.push(Reverse(Entry { due, number, job }));
    }

    /// What to do at this time.
    pub(super) fn next(&mut self, now: Duration) -> Next<J> {
        if self.running >= self.most {
            return Next::Idle;
        }
        let Some(Reverse(first)) = self.waiting.peek() else { return Next::Idle };
        let begin = first.due.max(self.open);
        if begin > now {
            return Next::At(begin);
        }
        let Some(Reverse(entry)) = self.waiting.pop() else { return Next::Idle };
        self.running += 1;
        self.open = self.open.max(now.saturating_sub(self.gap * LATE)) + self.gap;
        Next::Begin(entry.job)
    }

    /// One that began has ended, or needed not to be done after all.
    pub(super) fn ended(&mut self) {
        self.running = self.running.saturating_sub(1);
    }
}

/// A period, longer or shorter by up to a tenth: what begins together does not stay together.
pub(super) fn jittered(period: Duration, rng: &mut Rng) -> Duration {
    period.mul_f64(0.9 + 0.2 * rng.f64())
}

impl<J> Ord for Entry<J> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl<J> PartialOrd for Entry<J> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<J> PartialEq for Entry<J> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<J> Eq for Entry<J> {}

#[cfg(test)]
mod tests {
    use super::*;
    // Both globs bring one.
    use fastrand::Rng;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);

    /// Runs a schedule of `jobs` with a period of a second, each taking `takes`, for `time`; tells
    /// when each began.
    fn run(jobs: usize, most: usize, takes: Duration, time: Duration) -> Vec<Vec<Duration>> {
        let mut rng = Rng::with_seed(7);
        let mut schedule = Schedule::new(most, MS);
        let mut began = vec![Vec::new(); jobs];
        let mut running: Vec<(Duration, usize)> = Vec::new();
        (0..jobs).for_each(|job| schedule.add(job, Duration::ZERO));
        let mut now = Duration::ZERO;
        while now < time {
            running.retain(|(end, job)| {
                if *end > now {
                    return true;
                }
                schedule.ended();
                let start = *began[*job].last().expect("it began");
                schedule.add(*job, start + jittered(SECOND, &mut rng));
                false
            });
            while let Next::Begin(job) = schedule.next(now) {
                began[job].push(now);
                running.push((now + takes, job));
                assert!(running.len() <= most, "{} at once", running.len());
            }
            now += MS / 4;
        }
        began
    }

    #[test]
    fn a_few_are_asked_every_second_with_jitter() {
        for starts in run(50, 64, 20 * MS, 20 * SECOND) {
            assert!((18..=22).contains(&starts.len()), "{} times", starts.len());
            let gaps: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| *gap >= 900 * MS && *gap <= 1160 * MS), "{gaps:?}");
            assert!(gaps.windows(2).any(|pair| pair[0] != pair[1]), "no jitter");
        }
    }

    #[test]
    fn too_many_wait_longer_and_all_alike() {
        let began = run(5000, 64, 2 * MS, 20 * SECOND);
        let counts: Vec<_> = began.iter().map(Vec::len).collect();
        let (least, most) = (counts.iter().min(), counts.iter().max());
        // A thousand a second for five thousand: one in five seconds each.
        assert!(least >= Some(&3) && most <= Some(&5), "{least:?} to {most:?}");
    }

    #[test]
    fn stalled_ones_leave_the_others_their_turns() {
        let mut schedule = Schedule::new(2, Duration::ZERO);
        for job in ["stalled", "well", "next"] {
            schedule.add(job, Duration::ZERO);
        }
        assert_eq!(schedule.next(SECOND), Next::Begin("stalled"));
        assert_eq!(schedule.next(SECOND), Next::Begin("well"));
        assert_eq!(schedule.next(SECOND), Next::Idle);
        schedule.ended();
        assert_eq!(schedule.next(SECOND), Next::Begin("next"));
    }

    proptest! {
        #[test]
        fn nothing_begins_early_or_out_of_turn_and_few_at_once(
            dues in prop::collection::vec(0_u64..2000, 1..200),
            gap in 0_u64..5,
        ) {
            let gap = MS * gap as u32;
            let mut schedule = Schedule::new(usize::MAX, gap);
            for due in &dues {
                schedule.add(*due, MS * *due as u32);
            }
            let (mut now, mut seen) = (Duration::ZERO, Vec::new());
            loop {
                match schedule.next(now) {
                    Next::Begin(due) => {
                        prop_assert!(MS * due as u32 <= now);
                        prop_assert!(seen.last().is_none_or(|(_, before)| due >= *before));
                        seen.push((now, due));
                        for (earlier, (then, _)) in seen.iter().rev().enumerate() {
                            let bound = gap * (earlier as u32).saturating_sub(LATE);
                            prop_assert!(now - *then >= bound, "{earlier} in {:?}", now - *then);
                        }
                    }
                    Next::At(then) => {
                        prop_assert!(then > now);
                        now = then;
                    }
                    Next::Idle => break,
                }
            }
            prop_assert_eq!(seen.len(), dues.len());
        }
    }
}
