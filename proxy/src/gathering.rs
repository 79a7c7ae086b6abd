//! What many threads put down and one takes in batches, so that nobody is woken for each thing. Bounded: what
//! finds no room is refused, and nobody waits for whoever takes. It must not know what the things are.

use parking_lot::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// When a batch is taken, and how much may wait until then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// So many may wait.
    pub(crate) most: usize,
    /// A batch is taken when there are so many,
    pub(crate) enough: usize,
    /// or what there is after this time.
    pub(crate) patience: Duration,
}

/// The things that wait.
#[derive(Debug)]
pub(crate) struct Gathering<T> {
    pace: Pace,
    waiting: Mutex<Waiting<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    things: Vec<T>,
    closed: bool,
}

impl<T> Gathering<T> {
    pub(crate) fn new(pace: Pace) -> Gathering<T> {
        let waiting = Mutex::new(Waiting { things: Vec::new(), closed: false });
        Gathering { pace, waiting, filled: Condvar::new() }
    }

    /// Puts `count` things down, which `put` does; or none, and `false`, where there is no room for all.
    pub(crate) fn put(&self, count: usize, put: impl FnOnce(&mut Vec<T>)) -> bool {
        let mut waiting = self.waiting.lock();
        let before = waiting.things.len();
        if before + count > self.pace.most {
            return false;
        }
        put(&mut waiting.things);
        let now = waiting.things.len();
        drop(waiting);
        // Not for each: whoever takes sleeps while they gather.
        if before == 0 || (before < self.pace.enough && now >= self.pace.enough) {
            self.filled.notify_one();
        }
        true
    }

    /// Nothing more comes: what is there is taken at once.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.filled.notify_one();
    }

    /// Waits for the next batch and puts it into `batch`, `most` things at most, instead of what is there;
    /// `false` when it is closed and all are taken.
    pub(crate) fn take(&self, batch: &mut Vec<T>, most: usize) -> bool {
        batch.clear();
        let mut waiting = self.waiting.lock();
        while waiting.things.is_empty() && !waiting.closed {
            self.filled.wait(&mut waiting);
        }
        let until = Instant::now() + self.pace.patience;
        while waiting.things.len() < self.pace.enough && !waiting.closed {
            if self.filled.wait_until(&mut waiting, until).timed_out() {
                break;
            }
        }
        match waiting.things.len() <= most {
            true => std::mem::swap(&mut waiting.things, batch),
            false => batch.extend(waiting.things.drain(..most)),
        }
        !batch.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const PACE: Pace = Pace { most: 8, enough: 4, patience: Duration::from_millis(1) };

    fn put(gathering: &Gathering<u32>, things: &[u32]) -> bool {
        gathering.put(things.len(), |all| all.extend(things))
    }

    #[test]
    fn what_finds_no_room_is_refused_whole() {
        let gathering = Gathering::new(PACE);
        assert!(put(&gathering, &[1, 2, 3, 4, 5, 6]));
        assert!(!put(&gathering, &[7, 8, 9]));
        assert!(put(&gathering, &[7, 8]));
        let mut batch = vec![0];
        assert!(gathering.take(&mut batch, 5));
        assert_eq!(batch, [1, 2, 3, 4, 5]);
        gathering.close();
        assert!(gathering.take(&mut batch, usize::MAX));
        assert_eq!(batch, [6, 7, 8]);
        assert!(!gathering.take(&mut batch, usize::MAX));
    }

    #[test]
    fn all_is_taken_in_order_whoever_puts_it_down() {
        let pace = Pace { most: usize::MAX, patience: Duration::from_secs(3600), ..PACE };
        let gathering = Arc::new(Gathering::new(pace));
        let taken = gathering.clone();
        let (out, batches) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut batch = Vec::new();
            while taken.take(&mut batch, 3) {
                out.send(batch.clone()).unwrap();
            }
        });
        (0..1001).for_each(|thing| assert!(put(&gathering, &[thing])));
        // Only fewer than are enough are left: they come at the end, within the test.
        let mut all = Vec::new();
        while all.len() <= 1001 - PACE.enough {
            all.extend(batches.recv_timeout(Duration::from_secs(20)).unwrap());
        }
        gathering.close();
        all.extend(batches.iter().flatten());
        assert_eq!(all, (0..1001).collect::<Vec<_>>());
    }
}
