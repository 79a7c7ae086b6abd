//! One timer for a connection's whole life.
//!
//! Deadlines move with every request, timers are costly to move: so the timer is left where it is
//! when the deadline goes further away, and looks again when it fires.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is cheap to postpone.
#[derive(Debug, Default)]
pub(super) struct LazyDeadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl LazyDeadline {
    /// From now on the deadline is `at`.
    pub(super) fn set(&mut self, at: Instant) {
        self.at = Some(at);
        if let Some(timer) = &mut self.timer
            && timer.deadline() > at
        {
            timer.as_mut().reset(at);
        }
    }

    /// No deadline. The timer stays, and is ignored when it fires.
    pub(super) fn clear(&mut self) {
        self.at = None;
    }

    /// Ready once the deadline has passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        loop {
            match timer.as_mut().poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if Instant::now() >= at => return Poll::Ready(()),
                Poll::Ready(()) => timer.as_mut().reset(at),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn a_postponed_deadline_fires_when_it_should_and_not_before() {
        let start = Instant::now();
        let mut deadline = LazyDeadline::default();
        deadline.set(start + Duration::from_secs(1));
        std::future::poll_fn(|cx| {
            let _ = deadline.poll(cx);
            Poll::Ready(())
        })
        .await;
        deadline.set(start + Duration::from_secs(5));
        std::future::poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 5);
        deadline.set(start + Duration::from_secs(60));
        std::future::poll_fn(|cx| {
            let _ = deadline.poll(cx);
            Poll::Ready(())
        })
        .await;
        deadline.set(start + Duration::from_secs(7));
        std::future::poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 7);
    }
}
