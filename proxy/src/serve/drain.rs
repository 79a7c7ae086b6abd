//! Telling a thread's idle connections that the time has come to close.
//!
//! A connection enrols once in its life. Waiting for a notice anew with each request, as a watch
//! channel would have it, costs each request what only the last one needs.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

/// One thread's drain.
#[derive(Debug, Default)]
pub(super) struct Drain {
    begun: AtomicBool,
    roll: Mutex<Roll>,
}

#[derive(Debug, Default)]
struct Roll {
    next: u64,
    wakers: HashMap<u64, Waker>,
}

impl Drain {
    /// Whether connections that are idle must close.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Wakes every connection, so that it looks.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        for waker in self.roll.lock().wakers.values() {
            waker.wake_by_ref();
        }
    }

    /// Puts the current task on the roll for as long as the value lives.
    pub(super) async fn enrol(self: &Arc<Self>) -> Enrolled {
        let waker = std::future::poll_fn(|cx| std::task::Poll::Ready(cx.waker().clone())).await;
        let mut roll = self.roll.lock();
        let number = roll.next;
        roll.next += 1;
        roll.wakers.insert(number, waker);
        Enrolled { drain: self.clone(), number }
    }
}

/// A place on the roll.
pub(super) struct Enrolled {
    drain: Arc<Drain>,
    number: u64,
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.drain.roll.lock().wakers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_enrolled_is_woken_and_who_has_left_is_forgotten() {
        let drain = Arc::new(Drain::default());
        let waiting = {
            let drain = drain.clone();
            tokio::spawn(async move {
                let _place = drain.enrol().await;
                std::future::poll_fn(|_| match drain.has_begun() {
                    true => std::task::Poll::Ready(()),
                    false => std::task::Poll::Pending,
                })
                .await;
            })
        };
        while drain.roll.lock().wakers.is_empty() {
            tokio::task::yield_now().await;
        }
        drain.begin();
        waiting.await.unwrap();
        assert!(drain.roll.lock().wakers.is_empty());
    }
}
