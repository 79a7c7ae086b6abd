//! The one thread on which swaps are prepared and old snapshots dropped. One, because compiling takes
//! tens of megabytes, which the allocator keeps for the thread that had them: the next swap must find
//! them again. It knows no swap.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::{io, thread};
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// Does one piece of work after the other. The thread ends when this is dropped.
pub(super) struct Thread(mpsc::Sender<Work>);

impl Thread {
    pub(super) fn start() -> io::Result<Thread> {
        let (sender, works) = mpsc::channel::<Work>();
        thread::Builder::new().name("reload".to_owned()).spawn(move || {
            for work in works {
                // Whoever waits for it is told that it broke off; the next is done all the same.
                let _ = catch_unwind(AssertUnwindSafe(work));
            }
        })?;
        Ok(Thread(sender))
    }

    /// None when the work panicked.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let (done, outcome) = oneshot::channel();
        let work = move || drop(done.send(work()));
        self.0.send(Box::new(work)).ok()?;
        outcome.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_breaks_off_alone() {
        let thread = Thread::start().unwrap();
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(thread.run(name).await, Some(Some("reload".to_owned())));
        assert_eq!(thread.run(|| panic!("as it should")).await, None::<()>);
        assert_eq!(thread.run(|| 7).await, Some(7));
    }
}
