//! Events for whoever listens, as they happen. A ring of bounded length: telling never waits, and who reads too
//! slowly loses the oldest and is told how many. Where nobody listens nothing is even put into words.

use super::RequestFinished;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::broadcast::{Receiver, Sender};

/// Events that a slow listener may be behind.
const KEPT: usize = 256;
/// Requests that are told of in a second, the first ones.
const REQUESTS: u64 = 10;

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// "swap", "rollout", "health", "band" or "request".
    pub(crate) kind: &'static str,
    /// JSON in one line.
    pub(crate) data: Arc<str>,
}

/// Where events are told.
pub(crate) struct Events {
    sender: Sender<Told>,
    /// Of their own, since the channel takes a lock to tell.
    listeners: Arc<AtomicUsize>,
    begun: Instant,
    /// The running second in the upper half, requests told in it in the lower.
    requests: AtomicU64,
}

impl Default for Events {
    fn default() -> Events {
        Events {
            sender: Sender::new(KEPT),
            listeners: Arc::default(),
            begun: Instant::now(),
            requests: AtomicU64::new(0),
        }
    }
}

/// Hears every event from now on, until it is dropped.
pub(crate) struct Listener {
    pub(crate) receiver: Receiver<Told>,
    listeners: Arc<AtomicUsize>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Events {
    /// Whether anybody hears.
    pub(crate) fn are_heard(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn listen(&self) -> Listener {
        let receiver = self.sender.subscribe();
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Listener { receiver, listeners: self.listeners.clone() }
    }

    /// Something happened.
    pub(crate) fn tell(&self, kind: &'static str, data: impl FnOnce() -> Value) {
        if self.are_heard() {
            // It fails only where the last listener has just gone.
            let _ = self.sender.send(Told { kind, data: data().to_string().into() });
        }
    }

    /// A request has ended, which is told of a few.
    pub(super) fn request(&self, event: &RequestFinished<'_>) {
        if !self.are_heard() || !self.samples() {
            return;
        }
        // A query may hold what is nobody's business.
        let path = event.path.split('?').next().unwrap_or_default();
        self.tell("request", || {
            json!({
                "service": event.service,
                "instance": event.instance,
                "method": event.method,
                "path": path,
                "status": event.status,
                "fault": event.fault.map(crate::fault::Fault::reason),
                "total_seconds": event.times.total.as_secs_f64(),
                "id": event.id,
            })
        });
    }

    fn samples(&self) -> bool {
        let second = self.begun.elapsed().as_secs() & u64::from(u32::MAX);
        let step = |window: u64| {
            let told = if window >> 32 == second { window & u64::from(u32::MAX) } else { 0 };
            (told < REQUESTS).then_some(second << 32 | (told + 1))
        };
        self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::broadcast::error::TryRecvError;

    #[test]
    fn who_is_slow_loses_the_oldest_and_nobody_waits() {
        let events = Events::default();
        events.tell("swap", || panic!("nobody listens"));
        let mut listener = events.listen();
        for number in 0..KEPT + 10 {
            events.tell("swap", || json!(number));
        }
        assert_eq!(listener.receiver.try_recv().map(drop), Err(TryRecvError::Lagged(10)));
        assert_eq!(&*listener.receiver.try_recv().unwrap().data, "10");
        drop(listener);
        assert!(!events.are_heard());
    }

    #[test]
    fn few_requests_of_a_second_are_told() {
        let events = Events::default();
        let told = (0..1000).filter(|_| events.samples()).count();
        // A second may have turned between.
        assert!((10..=20).contains(&told), "{told}");
    }
}
