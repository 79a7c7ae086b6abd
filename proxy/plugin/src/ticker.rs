//! The clock that ends overdue runs: a thread that looks at the runs of all instances now and then, and
//! moves the engine's epoch only while one of them lasts. It knows no plugin.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::Engine;

/// The granularity of time budgets, once a run has drawn attention.
const TICK: Duration = Duration::from_millis(1);

/// Between two looks while no run is seen twice. Runs take microseconds, so almost none is; ticking all
/// the time would take the processor from a request thread a thousand times a second.
const LOOK: Duration = Duration::from_millis(4);

/// A run that has the processor is ended this long after its budget, at most: a look until it is seen,
/// a tick until it is seen again and its processor time is asked for, and a tick at the end.
pub const GRACE: Duration = Duration::from_millis(6);

/// Looks without a new run before the clock sleeps.
const LINGER: u32 = 250;

const ASLEEP: u8 = 0;
/// Looking, but no run began since the last count.
const QUIET: u8 = 1;
/// Looking, and a run began.
const BUSY: u8 = 2;
const STOP: u8 = 3;

struct Shared {
    state: AtomicU8,
    /// With what each was seen at last.
    runs: Mutex<Vec<(Weak<Running>, u32)>>,
}

/// The running clock; dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
    thread: Thread,
}

/// One instance's runs, as the clock sees them.
pub(crate) struct Running {
    /// Odd while a run lasts, and another number with each.
    number: AtomicU32,
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: AtomicU8::new(ASLEEP), runs: Mutex::default() });
        let run = Arc::clone(&shared);
        let handle = thread::Builder::new()
            .name("plugin-clock".to_owned())
            .spawn(move || run.run(&engine))?;
        let thread = handle.thread().clone();
        Ok(Self { shared, handle: Some(handle), thread })
    }

    /// For a new instance.
    pub(crate) fn enrol(&self) -> Arc<Running> {
        let shared = Arc::clone(&self.shared);
        let running =
            Arc::new(Running { number: AtomicU32::new(0), shared, thread: self.thread.clone() });
        self.shared.runs.lock().push((Arc::downgrade(&running), 0));
        running
    }
}

impl Running {
    /// A run begins. Only one thread runs an instance at a time.
    #[inline]
    pub(crate) fn begin(&self) {
        let next = self.number.load(Ordering::Relaxed).wrapping_add(1) | 1;
        self.number.store(next, Ordering::Relaxed);
        self.wake();
    }

    /// The run has ended.
    #[inline]
    pub(crate) fn end(&self) {
        let number = self.number.load(Ordering::Relaxed);
        self.number.store(number.wrapping_add(number & 1), Ordering::Relaxed);
    }

    /// Keeps the clock looking. One relaxed load when it is already known to be needed.
    #[inline]
    pub(crate) fn wake(&self) {
        if self.shared.state.load(Ordering::Relaxed) != BUSY {
            self.wake_slowly();
        }
    }

    #[cold]
    fn wake_slowly(&self) {
        if self.shared.state.swap(BUSY, Ordering::AcqRel) == ASLEEP {
            self.thread.unpark();
        }
    }
}

/// What a look has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Nothing,
    /// Some run, for the first time.
    Run,
    /// A run that was seen before.
    LastingRun,
}

impl Shared {
    fn run(&self, engine: &Engine) {
        let mut quiet = 0;
        let mut pause = LOOK;
        loop {
            match self.state.load(Ordering::Acquire) {
                STOP => return,
                ASLEEP => {
                    thread::park();
                    continue;
                }
                _ => {}
            }
            thread::sleep(pause);
            let seen = self.look();
            if seen == Seen::LastingRun {
                engine.increment_epoch();
            }
            pause = if seen == Seen::Nothing { LOOK } else { TICK };
            quiet += 1;
            if quiet >= LINGER {
                quiet = 0;
                self.tire();
            }
        }
    }

    fn look(&self) -> Seen {
        let mut most = Seen::Nothing;
        self.runs.lock().retain_mut(|(running, last)| {
            let Some(running) = running.upgrade() else { return false };
            let number = running.number.load(Ordering::Relaxed);
            let seen = match number & 1 {
                0 => Seen::Nothing,
                _ if number == *last => Seen::LastingRun,
                _ => Seen::Run,
            };
            *last = number;
            most = most.max(seen);
            true
        });
        most
    }

    /// Whoever saw BUSY began before this; its run is looked at within the next round.
    fn tire(&self) {
        let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
        if self.state.compare_exchange(BUSY, QUIET, set, get) == Err(QUIET) {
            let _ = self.state.compare_exchange(QUIET, ASLEEP, set, get);
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state.store(STOP, Ordering::Release);
        self.thread.unpark();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolled() -> (Arc<Shared>, Arc<Running>) {
        let shared = Arc::new(Shared { state: AtomicU8::new(BUSY), runs: Mutex::default() });
        let ticker = Ticker { shared: shared.clone(), handle: None, thread: thread::current() };
        let running = ticker.enrol();
        (shared, running)
    }

    #[test]
    fn a_run_lasts_when_it_is_seen_twice() {
        let (shared, running) = enrolled();
        assert_eq!(shared.look(), Seen::Nothing);
        running.begin();
        assert_eq!(shared.look(), Seen::Run);
        assert_eq!(shared.look(), Seen::LastingRun);
        running.end();
        assert_eq!(shared.look(), Seen::Nothing);
    }

    #[test]
    fn two_short_runs_are_not_a_long_one() {
        let (shared, running) = enrolled();
        running.begin();
        assert_eq!(shared.look(), Seen::Run);
        running.end();
        running.begin();
        assert_eq!(shared.look(), Seen::Run);
        // Nor is one that ended without a word.
        running.begin();
        assert_eq!(shared.look(), Seen::Run);
        running.end();
        running.end();
        assert_eq!(shared.look(), Seen::Nothing);
    }

    #[test]
    fn an_instance_that_is_gone_is_not_looked_at() {
        let (shared, running) = enrolled();
        running.begin();
        drop(running);
        assert_eq!(shared.look(), Seen::Nothing);
        assert!(shared.runs.lock().is_empty());
    }
}
