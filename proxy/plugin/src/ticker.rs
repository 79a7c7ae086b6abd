//! The clock that ends overdue calls: a thread that moves the engine's epoch while calls are made, and
//! sleeps while none are. It knows no plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// The granularity of time budgets. A call may have the processor for its budget and is ended at most two
/// ticks after it.
pub const TICK: Duration = Duration::from_millis(1);

/// The clock keeps ticking this many ticks after it was last woken, at least; each run wakes it at its
/// begin and on each tick that it sees.
const LINGER: u64 = 1000;

const ASLEEP: u8 = 0;
/// Ticking, but no call began since it was last looked at.
const QUIET: u8 = 1;
/// Ticking, and a call began.
const BUSY: u8 = 2;
const STOP: u8 = 3;

struct Shared {
    state: AtomicU8,
}

/// The running clock; dropping it ends the thread.
pub(crate) struct Ticker {
    waker: Waker,
    handle: Option<JoinHandle<()>>,
}

/// Keeps the clock ticking.
#[derive(Clone)]
pub(crate) struct Waker {
    shared: Arc<Shared>,
    thread: Thread,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> std::io::Result<Self> {
        let state = AtomicU8::new(ASLEEP);
        let shared = Arc::new(Shared { state });
        let run = Arc::clone(&shared);
        let handle = thread::Builder::new()
            .name("plugin-clock".to_owned())
            .spawn(move || run.run(&engine))?;
        let waker = Waker { shared, thread: handle.thread().clone() };
        Ok(Self { waker, handle: Some(handle) })
    }

    /// What runs hold to keep it ticking.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

impl Waker {
    /// A run begins or goes on. One relaxed load when the clock is already known to be needed.
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
            if quiet < LINGER {
                continue;
            }
            quiet = 0;
            // Whoever saw BUSY began before this; its next tick passes within the next round.
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
        self.waker.shared.state.store(STOP, Ordering::Release);
        self.waker.thread.unpark();
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}
