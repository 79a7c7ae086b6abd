//! Waiting for a place: a future that is handed a permit, and leaves its line when dropped.
//!
//! Must not know time: who waits sets the deadline, by dropping it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

use crate::balancer::Refusal;
use crate::core::Core;
use crate::permit::Permit;
use crate::queue::Number;

/// A place in the queue. Resolves to a permit, or to [`Refusal::NoInstance`] once nothing eligible
/// is left to wait for.
#[must_use = "dropping the waiter leaves the queue"]
pub struct Waiter<T> {
    core: Arc<Core<T>>,
    place: Arc<Place<T>>,
    number: Number,
}

/// Where the queue puts the answer.
pub(crate) struct Place<T>(Mutex<State<T>>);

enum State<T> {
    Waiting(Option<Waker>),
    Answered(Result<Permit<T>, Refusal>),
    Taken,
}

impl<T> Place<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State::Waiting(None)))
    }

    /// Puts the answer; the waker is for the caller to wake when it holds no lock. The queue does
    /// this at most once, since it takes the ticket out first.
    pub(crate) fn answer(&self, answer: Result<Permit<T>, Refusal>) -> Option<Waker> {
        let before = std::mem::replace(&mut *self.0.lock(), State::Answered(answer));
        match before {
            State::Waiting(waker) => waker,
            State::Answered(_) | State::Taken => None,
        }
    }

    fn take(&self) -> Option<Result<Permit<T>, Refusal>> {
        let mut state = self.0.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Some(answer),
            State::Waiting(_) | State::Taken => None,
        }
    }
}

impl<T> Waiter<T> {
    pub(crate) fn new(core: Arc<Core<T>>, place: Arc<Place<T>>, number: Number) -> Self {
        Self { core, place, number }
    }
}

impl<T> Future for Waiter<T> {
    type Output = Result<Permit<T>, Refusal>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.place.0.lock();
        if let State::Waiting(waker) = &mut *state {
            match waker {
                Some(known) => known.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Answered(answer) => Poll::Ready(answer),
            State::Waiting(_) | State::Taken => Poll::Pending,
        }
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        // Once out of the queue, nobody else can answer; an answer that came before is ours to
        // give back, which must not happen under either lock.
        self.core.leave(self.number);
        drop(self.place.take());
    }
}

impl<T> fmt::Debug for Waiter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter").field("number", &self.number).finish_non_exhaustive()
    }
}
