//! One descriptor in reserve, for when there is no other: then who waits to be accepted is closed instead of
//! left to wait for nothing, and the kernel's queue does not fill.

use std::fs::File;
use std::future::poll_fn;
use std::task::Poll;
use tokio::net::TcpListener;

/// So many are closed in one turn: whoever is being served must have theirs.
const AT_ONCE: usize = 256;

/// The descriptor.
#[derive(Debug)]
pub(super) struct Spare(Option<File>);

impl Spare {
    pub(super) fn new() -> Spare {
        Spare(File::open("/dev/null").ok())
    }

    /// Closes whoever waits in the listener's queue, and tells how many did.
    pub(super) async fn shed(&mut self, listener: &TcpListener) -> usize {
        drop(self.0.take());
        let mut shed = 0;
        while shed < AT_ONCE {
            let accepted = poll_fn(|cx| match listener.poll_accept(cx) {
                Poll::Ready(Ok(accepted)) => Poll::Ready(Some(accepted)),
                Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
            });
            match accepted.await {
                Some(connection) => drop(connection),
                None => break,
            }
            shed += 1;
        }
        *self = Spare::new();
        shed
    }
}
