//! How long one instance has had the processor. It runs on a thread that it shares with other requests, in
//! pieces: each poll of its future is one, and a piece that grows long is ended by a yield, so that the
//! thread's other requests go on. Only the pieces are counted.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::UpdateDeadline;

use crate::run_time::thread_time;
use crate::ticker::Running;

/// A piece is ended after about this long: what another request on the thread waits for at most, for each
/// instance that is busy.
const PIECE: Duration = Duration::from_millis(2);

/// The processor's time of one instance. Only the thread that polls it writes.
pub(super) struct Meter {
    running: Arc<Running>,
    budget: Duration,
    /// Nanoseconds of the pieces that have ended.
    spent: AtomicU64,
    /// The thread's time when the running piece began, in nanoseconds.
    begun: AtomicU64,
}

impl Meter {
    pub(super) fn new(running: Arc<Running>, budget: Duration) -> Arc<Self> {
        let (spent, begun) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Self { running, budget, spent, begun })
    }

    /// All of it so far.
    pub(super) fn spent(&self) -> Duration {
        Duration::from_nanos(self.spent.load(Ordering::Relaxed))
    }

    fn begin(&self) {
        self.begun.store(nanos(thread_time()), Ordering::Relaxed);
        self.running.begin(Instant::now(), PIECE);
    }

    fn end(&self) {
        self.running.end();
        self.spent.fetch_add(self.piece(), Ordering::Relaxed);
    }

    fn piece(&self) -> u64 {
        nanos(thread_time()).saturating_sub(self.begun.load(Ordering::Relaxed))
    }

    /// A tick passed while the guest ran, or was kept from running.
    pub(super) fn tick(&self) -> UpdateDeadline {
        if self.spent() + Duration::from_nanos(self.piece()) >= self.budget {
            return UpdateDeadline::Interrupt;
        }
        // Tokio's own way of yielding: woken after what came in meanwhile was looked at, not before.
        UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A future whose polls are metered.
pub(super) struct Metered<F> {
    meter: Arc<Meter>,
    future: Pin<Box<F>>,
}

impl<F> Metered<F> {
    pub(super) fn new(meter: Arc<Meter>, future: F) -> Self {
        Self { meter, future: Box::pin(future) }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.begin();
        let polled = self.future.as_mut().poll(cx);
        self.meter.end();
        polled
    }
}
