//! The clock that ends overdue calls: a thread that moves the engine's epoch while calls are made, and
//! sleeps while none are. It knows no plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// The granularity of time budgets. A call may run for its budget and is ended at most one tick, and
/// what the scheduler adds, after it.
pub const TICK: Duration = Duration::from_millis(1);

/// The clock keeps ticking this many ticks after the last call began, at least: a call must never
/// outlive the ticking, so the longest budget is added.
const LINGER: u64 = 1000;

const ASLEEP: u8 = 0;
/// Ticking, but no call began since it was last looked at.
const QUIET: u8 = 1;
/// Ticking, and a call began.
const BUSY: u8 = 2;
const STOP: u8 = 3;

struct Shared {
    state: AtomicU8,
    longest: AtomicU64,
}

/// The running clock; dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let state = AtomicU8::new(ASLEEP);
        let shared = Arc::new(Shared { state, longest: AtomicU64::new(0) });
        let run = Arc::clone(&shared);
        let handle = thread::Builder::new()
            .name("plugin-clock".to_owned())
            .spawn(move || run.run(&engine))?;
        Ok(Self { shared, thread: handle.thread().clone(), handle: Some(handle) })
    }

    /// The deadline of a run, in ticks: at least the whole budget, although a part of the current tick
    /// is over.
    pub(crate) fn ticks(&self, budget: Duration) -> u64 {
        let ticks = budget.as_nanos().div_ceil(TICK.as_nanos());
        let ticks = u64::try_from(ticks).unwrap_or(u64::MAX / 4).min(u64::MAX / 4) + 1;
        self.shared.longest.fetch_max(ticks, Ordering::Relaxed);
        ticks
    }

    /// A run begins. One relaxed load when the clock is already known to be needed.
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

impl Shared {
    fn run(&self, engine: &Engine) {
        let mut quiet = 0_u64;
        loop {
            match self.state.load(Ordering::Acquire) {
                STOP => return,
                ASLEEP => {
                    thread::park();
                    continue;
                }
                _ => {}
            }
            thread::sleep(TICK);
            engine.increment_epoch();
            quiet += 1;
            if quiet < LINGER + self.longest.load(Ordering::Relaxed) {
                continue;
            }
            quiet = 0;
            // Whoever saw BUSY began before this; its deadline passes within the next round.
            let swapped =
                self.state.compare_exchange(BUSY, QUIET, Ordering::AcqRel, Ordering::Acquire);
            if swapped == Err(QUIET) {
                let _ =
                    self.state.compare_exchange(QUIET, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
            }
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
