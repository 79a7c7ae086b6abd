//! One connection to an instance or a component, and the timer that bounds its waits. It outlives exchanges.

use super::deadlines::Deadlines;
use crate::serve::lazy_deadline::LazyDeadline;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What bytes go through.
pub(super) enum Io {
    Tcp(TcpStream),
    /// To a component in this process; never kept.
    Inside(Box<Stream>),
}

impl Io {
    /// The socket, where there is one.
    pub(super) fn socket(&self) -> Option<&TcpStream> {
        match self {
            Io::Tcp(socket) => Some(socket),
            Io::Inside(_) => None,
        }
    }
}

/// A connection.
pub(super) struct Wire {
    pub(super) io: Io,
    pub(super) address: SocketAddr,
    pub(super) deadlines: Arc<Deadlines>,
    /// What Pingora's session over the connection holds, and nobody else: it carries `deadlines`
    /// to the hooks.
    pub(super) digest: Arc<ProxyDigest>,
    timer: LazyDeadline,
    /// The last progress.
    since: Instant,
    /// Bytes came that count, at a time that was not looked at.
    moved: bool,
    /// How far those are who are given what is read, while they are waited for.
    behind: Option<u64>,
}

impl Wire {
    /// To an instance.
    pub(super) fn new(socket: TcpStream, address: SocketAddr) -> Box<Wire> {
        Wire::with(Io::Tcp(socket), address)
    }

    /// To a component.
    pub(super) fn inside(stream: Stream) -> Box<Wire> {
        Wire::with(Io::Inside(Box::new(stream)), SocketAddr::from(([0, 0, 0, 0], 0)))
    }

    fn with(io: Io, address: SocketAddr) -> Box<Wire> {
        let deadlines = Arc::new(Deadlines::new());
        // The digest's own content is for CONNECT proxies and says nothing here.
        let carrier = Box::new(ResponseHeader::from(http::Response::new(()).into_parts().0));
        let digest = ProxyDigest::new(carrier, Some(Box::new(deadlines.clone())));
        Box::new(Wire {
            io,
            address,
            deadlines,
            digest: Arc::new(digest),
            timer: LazyDeadline::default(),
            since: Instant::now(),
            moved: false,
            behind: None,
        })
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(behind) = self.deadlines.poll_room(cx) {
            // Their progress is what counts now, not the instance's.
            if self.behind.replace(behind) != Some(behind) {
                self.since = Instant::now();
            }
            return self.poll_late(cx);
        }
        self.moved |= self.behind.take().is_some();
        let polled = match &mut self.io {
            Io::Tcp(socket) => Pin::new(socket).poll_read(cx, out),
            Io::Inside(stream) => Pin::new(stream).poll_read(cx, out),
        };
        match polled {
            Poll::Ready(done) => {
                self.moved = true;
                Poll::Ready(done)
            }
            Poll::Pending => {
                if std::mem::take(&mut self.moved) && self.deadlines.reading_counts() {
                    self.since = Instant::now();
                }
                self.poll_late(cx)
            }
        }
    }

    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = match &mut self.io {
            Io::Tcp(socket) => Pin::new(socket).poll_write(cx, data),
            Io::Inside(stream) => Pin::new(stream).poll_write(cx, data),
        };
        match polled {
            Poll::Ready(done) => {
                if self.deadlines.writing_counts() {
                    self.since = Instant::now();
                }
                Poll::Ready(done)
            }
            Poll::Pending => self.poll_late(cx),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Io::Inside(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// Nothing moves: an error once that has lasted too long.
    fn poll_late<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.timer.set(self.deadlines.after(self.since));
        self.timer.poll(cx).map(|()| {
            self.deadlines.is_late();
            Err(io::ErrorKind::TimedOut.into())
        })
    }

    /// Whether the instance neither closed nor said anything unasked. Costs no system call while it
    /// did not.
    pub(super) fn is_quiet(&self) -> bool {
        let Some(socket) = self.io.socket() else { return false };
        let nothing = socket.try_read(&mut [0]);
        nothing.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// The exchange has ended well: from now on it is idle.
    pub(super) fn rest(&mut self) {
        self.since = Instant::now();
        self.deadlines.renew();
    }

    /// Since when it is idle, while it is.
    pub(super) fn since(&self) -> Instant {
        self.since
    }
}
