//! The clock that ends overdue runs: a thread that looks at the runs of all instances now and then, and
//! moves the engine's epoch only while it sees one. It knows no plugin.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use wasmtime::Engine;

/// The least between two looks.
const TICK: Duration = Duration::from_millis(1);

/// The most between two looks while the clock is awake; never longer than the smallest budget, so that
/// each run is seen before it is due. Runs take microseconds, so nearly every look finds none or another
/// one than before: ticking for each would take the processor from a request thread a thousand times a
/// second.
const LOOK: Duration = Duration::from_millis(4);

/// A run that has the processor is ended this long after its budget, at most.
pub const GRACE: Duration = Duration::from_millis(2);

/// The look at a run's end comes this much later, so that then it is over.
const AFTER: Duration = Duration::from_micros(50);

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
    runs: Mutex<Vec<Weak<Running>>>,
    /// The beginning of time for [`Running::begun`].
    epoch: Instant,
}

/// The running clock; dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    handle: Option<JoinHandle<()>>,
    thread: Thread,
}

/// One instance's runs, as the clock sees them.
pub(crate) struct Running {
    /// Nanoseconds after the clock's beginning; 0 while nothing runs.
    begun: AtomicU64,
    /// Nanoseconds that the run may take.
    budget: AtomicU64,
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(ASLEEP));
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
        let (begun, budget) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        let running = Arc::new(Running { begun, budget, shared, thread: self.thread.clone() });
        self.shared.runs.lock().push(Arc::downgrade(&running));
        running
    }
}

impl Running {
    /// A run begins. Only one thread runs an instance at a time.
    #[inline]
    pub(crate) fn begin(&self, now: Instant, budget: Duration) {
        self.budget.store(nanos(budget), Ordering::Relaxed);
        let begun = nanos(now.saturating_duration_since(self.shared.epoch)).max(1);
        self.begun.store(begun, Ordering::Relaxed);
        self.wake();
    }

    /// The run has ended.
    #[inline]
    pub(crate) fn end(&self) {
        self.begun.store(0, Ordering::Relaxed);
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

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What a look has seen.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    /// Some run is under way: it must be asked how long it had the processor.
    runs: bool,
    /// Until the next look.
    pause: Duration,
}

impl Shared {
    fn new(state: u8) -> Self {
        let (state, epoch) = (AtomicU8::new(state), Instant::now());
        Self { state, runs: Mutex::default(), epoch }
    }

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
            let look = self.look(self.epoch.elapsed());
            if look.runs {
                engine.increment_epoch();
            }
            pause = look.pause;
            quiet += 1;
            if quiet >= LINGER {
                quiet = 0;
                self.tire();
            }
        }
    }

    fn look(&self, now: Duration) -> Look {
        let mut look = Look { runs: false, pause: LOOK };
        self.runs.lock().retain(|running| {
            let Some(running) = running.upgrade() else { return false };
            let budget = Duration::from_nanos(running.budget.load(Ordering::Relaxed));
            look.pause = look.pause.min(budget.max(TICK));
            let begun = Duration::from_nanos(running.begun.load(Ordering::Relaxed));
            if !begun.is_zero() {
                look.runs = true;
                // One that is overdue and still runs waits for the processor: it is asked again.
                let left =
                    begun.saturating_add(budget).checked_sub(now).filter(|left| !left.is_zero());
                look.pause = look.pause.min(left.map_or(TICK, |left| left + AFTER));
            }
            true
        });
        look
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

    const BUDGET: Duration = Duration::from_millis(5);

    fn enrolled() -> (Arc<Shared>, Arc<Running>) {
        let shared = Arc::new(Shared::new(BUSY));
        let ticker = Ticker { shared: shared.clone(), handle: None, thread: thread::current() };
        let running = ticker.enrol();
        (shared, running)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_run_is_looked_at_again_when_it_is_due() {
        let (shared, running) = enrolled();
        assert_eq!(shared.look(at(1)), Look { runs: false, pause: LOOK });
        running.begin(shared.epoch + at(2), BUDGET);
        assert_eq!(shared.look(at(4)), Look { runs: true, pause: at(3) + AFTER });
        // It still runs, so it did not have the processor all the while.
        assert_eq!(shared.look(at(8)), Look { runs: true, pause: TICK });
        running.end();
        assert_eq!(shared.look(at(9)), Look { runs: false, pause: LOOK });
    }

    #[test]
    fn looks_are_as_close_as_the_smallest_budget() {
        let (shared, running) = enrolled();
        running.begin(shared.epoch, at(2));
        running.end();
        assert_eq!(shared.look(at(1)).pause, at(2));
        running.begin(shared.epoch, Duration::from_micros(10));
        running.end();
        assert_eq!(shared.look(at(1)).pause, TICK);
    }

    #[test]
    fn an_instance_that_is_gone_is_not_looked_at() {
        let (shared, running) = enrolled();
        running.begin(shared.epoch, BUDGET);
        drop(running);
        assert_eq!(shared.look(at(1)), Look { runs: false, pause: LOOK });
        assert!(shared.runs.lock().is_empty());
    }
}
