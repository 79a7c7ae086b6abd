//! One descriptor in reserve, for when there is no other: then who waits to be accepted is closed instead of
//! left to wait for nothing, and the kernel's queues do not fill.
//!
//! There is one for the process. While a thread closes whom it can with it, another thread may accept
//! a connection by the very descriptor; that connection is given up and the descriptor is in reserve again.

use parking_lot::Mutex;
use rustix::io::Errno;
use std::future::poll_fn;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};

/// So many are closed in one turn: whoever is being served must have theirs.
const AT_ONCE: usize = 256;

/// The descriptor.
#[derive(Debug)]
pub(crate) struct Reserve {
    /// A socket that is connected with nothing: it needs no file system.
    held: Mutex<Option<UnixDatagram>>,
    /// In use, or lost to another use: set before it is given up, and unset once there is one again.
    missing: AtomicBool,
}

impl Reserve {
    pub(crate) fn new() -> Reserve {
        let reserve = Reserve { held: Mutex::new(None), missing: AtomicBool::new(true) };
        reserve.refill(&mut reserve.held.lock());
        reserve
    }

    /// What was accepted while the descriptor is missing has the one that was meant for it, as a rule: it
    /// is given up, and there is nothing to serve.
    pub(super) fn pass(&self, accepted: TcpStream) -> Option<TcpStream> {
        if !self.missing.load(Ordering::SeqCst) {
            return Some(accepted);
        }
        drop(accepted);
        self.refill(&mut self.held.lock());
        None
    }

    /// Closes whoever waits in the listener's queue, and tells how many did.
    pub(super) async fn shed(&self, listener: &TcpListener) -> usize {
        poll_fn(|cx| Poll::Ready(self.shed_now(listener, cx))).await
    }

    fn shed_now(&self, listener: &TcpListener, cx: &mut Context<'_>) -> usize {
        let mut held = self.held.lock();
        self.missing.store(true, Ordering::SeqCst);
        drop(held.take());
        let mut shed = 0;
        while shed < AT_ONCE
            && let Poll::Ready(Ok(connection)) = listener.poll_accept(cx)
        {
            drop(connection);
            shed += 1;
        }
        self.refill(&mut held);
        shed
    }

    fn refill(&self, held: &mut Option<UnixDatagram>) {
        let refilled = held.take().map_or_else(UnixDatagram::unbound, Ok);
        // One that cannot be had for another reason is not waited for: nobody has it.
        self.missing.store(refilled.as_ref().is_err_and(is_out_of_descriptors), Ordering::SeqCst);
        *held = refilled.ok();
    }
}

/// Whether the process or the system may open no more.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}
