//! The guard as Pingora's stream type: a client's connection that hands over exactly one request at a
//! time.

use super::body::Body;
use super::calm::Calm;
use super::head::{HeadLimits, HeadScanner};
use super::http2::Http2;
use super::outbox::Outbox;
use super::pace::Pace;
use crate::fault::Fault;
use crate::serve::connection::Connection;
use crate::serve::drain::Drain;
use crate::serve::lazy_deadline::LazyDeadline;
use crate::serve::tls::{ClientStream, Spoken};
use pingora_core::protocols::SocketDigest;
use pingora_core::protocols::l4::socket::SocketAddr as PingoraAddr;
use pingora_core::protocols::raw_connect::ProxyDigest;
use std::cell::RefCell;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

/// One read. Shared by all connections of a thread: an idle connection holds no buffer.
const SCRATCH: usize = 16 * 1024;

/// What an idle connection keeps of its inbox: room for a common head.
const KEPT_INBOX: usize = 1024;

/// RFC 9113 section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const NO_FAULT: u8 = u8::MAX;

thread_local! {
    static SCRATCH_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// How long the guard waits, and for how much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// The head's size.
    pub(crate) head: HeadLimits,
    /// From the first byte of a head to its last.
    pub(crate) head_timeout: Duration,
    /// From one request to the first byte of the next.
    pub(crate) idle_timeout: Duration,
    /// Bytes of a body per second, either way; 0: as few as the client likes.
    pub(crate) least_pace: u64,
    /// What an HTTP/2 connection may do beside requests.
    pub(crate) calm: Calm,
}

/// What came next on a connection.
#[derive(Debug)]
pub(crate) enum NextRequest {
    /// A whole, well-formed HTTP/1 head: hand the guard to Pingora.
    Http1,
    /// The client speaks HTTP/2 with prior knowledge (RFC 9113 section 3.3).
    Http2,
    /// The client closed, or stayed silent too long.
    Gone,
    /// The head must be refused and the connection closed.
    Refused(Fault),
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Between requests, or inside an unfinished head.
    Waiting,
    /// So many bytes of a checked head have not been handed over.
    Head { left: usize, body: Body },
    /// Inside a body; `Body::Done` holds back what follows.
    Body(Body),
    /// An upgraded connection or HTTP/2: everything passes.
    Open,
}

/// A client's connection as Pingora sees it.
pub(crate) struct Guard {
    pub(super) io: ClientStream,
    spoken: Spoken,
    pub(super) connection: Arc<Connection>,
    pub(super) digest: Arc<ProxyDigest>,
    pub(super) socket: Arc<SocketDigest>,
    pub(super) phase: Phase,
    /// Read and not handed over; at most [`KEPT_INBOX`] of room while the connection is idle.
    pub(super) inbox: Vec<u8>,
    /// Bytes of `inbox` that were handed over.
    pub(super) taken: usize,
    pub(super) outbox: Outbox,
    pub(super) deadline: LazyDeadline,
    /// How the client sends its body.
    sends: Pace,
    /// How it takes what is written, and until when it must take something.
    takes: Pace,
    take_until: LazyDeadline,
    pub(super) tunnel: AtomicBool,
    pub(super) http2: Option<Box<Http2>>,
    fault: AtomicU8,
}

impl Guard {
    /// Takes over an accepted connection.
    pub(in crate::serve) fn new(
        io: ClientStream,
        spoken: Spoken,
        connection: Arc<Connection>,
    ) -> Box<Guard> {
        let socket = SocketDigest::from_raw_fd(io.socket().as_raw_fd());
        let _ = socket.peer_addr.set(Some(PingoraAddr::Inet(connection.peer)));
        let digest = connection.digest();
        Box::new(Guard {
            io,
            spoken,
            connection,
            digest,
            socket: Arc::new(socket),
            phase: Phase::Waiting,
            inbox: Vec::new(),
            taken: 0,
            outbox: Outbox::default(),
            deadline: LazyDeadline::default(),
            sends: Pace::new(0),
            takes: Pace::new(0),
            take_until: LazyDeadline::default(),
            tunnel: AtomicBool::new(false),
            http2: None,
            fault: AtomicU8::new(NO_FAULT),
        })
    }

    /// Waits for the next request: without a buffer until its first byte, then under one deadline
    /// for the whole head.
    pub(crate) async fn next(
        &mut self,
        patience: Patience,
        first: bool,
        drain: &Drain,
    ) -> NextRequest {
        if !first && !matches!(self.phase, Phase::Body(Body::Done)) {
            // Pingora gave the connection back inside a request: what comes next has no meaning.
            return NextRequest::Gone;
        }
        self.forget_last_request(patience);
        let mut scanner = HeadScanner::default();
        let now = Instant::now();
        // A connection that never sent anything has no claim on the idle time.
        self.deadline.set(now + if first { patience.head_timeout } else { patience.idle_timeout });
        loop {
            if !self.inbox.is_empty() {
                let may_be_http2 = first && self.spoken != Spoken::Http1;
                if may_be_http2 && self.inbox.starts_with(HTTP2_PREFACE) {
                    return self.open_http2(patience.calm);
                }
                if !(may_be_http2 && HTTP2_PREFACE.starts_with(&self.inbox)) {
                    if self.spoken == Spoken::Http2 {
                        // It does not speak what it chose (RFC 9113 section 3.4).
                        return NextRequest::Gone;
                    }
                    match scanner.scan(&self.inbox, patience.head) {
                        Ok(None) => {}
                        Ok(Some(head)) => {
                            self.deadline.clear();
                            if head.expects {
                                self.sends = self.sends.once_begun();
                            }
                            self.phase =
                                Phase::Head { left: head.len, body: Body::start(head.framing) };
                            return NextRequest::Http1;
                        }
                        Err(fault) => return NextRequest::Refused(fault),
                    }
                }
            }
            let quiet = self.inbox.is_empty();
            match std::future::poll_fn(|cx| self.poll_more(cx, drain)).await {
                Arrival::Bytes if quiet && !first => {
                    self.deadline.set(Instant::now() + patience.head_timeout);
                }
                Arrival::Bytes => {}
                Arrival::Closed => return NextRequest::Gone,
                Arrival::Late if quiet => return NextRequest::Gone,
                Arrival::Late => return NextRequest::Refused(Fault::HeadTimeout),
            }
        }
    }

    fn forget_last_request(&mut self, patience: Patience) {
        self.sends = Pace::new(patience.least_pace);
        self.takes = Pace::new(patience.least_pace);
        self.inbox.drain(..self.taken);
        self.taken = 0;
        self.phase = Phase::Waiting;
        self.fault.store(NO_FAULT, Ordering::Relaxed);
    }

    fn open_http2(&mut self, calm: Calm) -> NextRequest {
        self.phase = Phase::Open;
        self.http2 = Some(Http2::new(calm, HTTP2_PREFACE.len()));
        NextRequest::Http2
    }

    pub(super) fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.http2.is_some() {
            return self.poll_http2(cx, out);
        }
        if !self.waiting_bytes().is_empty() {
            self.hand_over(out, usize::MAX);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, out)
    }

    /// A client that takes too little of what is written is given up.
    pub(super) fn poll_taken(
        &mut self,
        cx: &mut Context<'_>,
        taken: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match taken {
            Poll::Ready(Ok(n)) => self.takes.moved(n, Instant::now),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if let Some(until) = self.takes.waits(Instant::now) {
                    self.take_until.set(until);
                    if self.take_until.poll(cx).is_ready() {
                        let error = self.fail(Fault::SlowReader, io::ErrorKind::TimedOut);
                        return Poll::Ready(Err(error));
                    }
                }
            }
        }
        taken
    }

    fn poll_more(&mut self, cx: &mut Context<'_>, drain: &Drain) -> Poll<Arrival> {
        match self.poll_fill(cx) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Arrival::Closed),
            Poll::Ready(Ok(_)) => Poll::Ready(Arrival::Bytes),
            // A head that has begun may still become a request.
            Poll::Pending if drain.has_begun() && self.inbox.is_empty() => {
                Poll::Ready(Arrival::Closed)
            }
            Poll::Pending => self.deadline.poll(cx).map(|()| Arrival::Late),
        }
    }

    /// One read through the thread's scratch buffer into the inbox.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH_BUFFER.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
            self.inbox.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    pub(super) fn waiting_bytes(&self) -> &[u8] {
        &self.inbox[self.taken..]
    }

    /// Hands over at most `limit` bytes of the inbox.
    pub(super) fn hand_over(&mut self, out: &mut ReadBuf<'_>, limit: usize) -> usize {
        let n = limit.min(out.remaining()).min(self.inbox.len() - self.taken);
        out.put_slice(&self.inbox[self.taken..self.taken + n]);
        self.taken += n;
        if self.taken == self.inbox.len() {
            self.empty_inbox();
        }
        n
    }

    /// A small buffer is worth keeping for the next head; a large one is not worth its memory.
    fn empty_inbox(&mut self) {
        self.taken = 0;
        self.inbox.clear();
        self.inbox.shrink_to(KEPT_INBOX);
    }

    pub(super) fn fail(&self, fault: Fault, kind: io::ErrorKind) -> io::Error {
        self.fault.store(fault.code(), Ordering::Relaxed);
        io::Error::new(kind, fault)
    }

    /// The fault the guard itself found in the current request, if any.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Fault::from_code(self.fault.load(Ordering::Relaxed))
    }

    /// The instance has agreed to an upgrade: from here on bytes pass as they are. Until then
    /// nothing after the head is handed over (CVE-2026-2833).
    pub(crate) fn open_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
        mut body: Body,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        if self.waiting_bytes().is_empty() {
            match Pin::new(&mut self.io).poll_read(cx, out) {
                Poll::Ready(read) => read?,
                Poll::Pending => return self.poll_slow_body(cx),
            }
            let fresh = &out.filled()[before..];
            self.sends.moved(fresh.len(), Instant::now);
            if fresh.is_empty() {
                return Poll::Ready(Err(
                    self.fail(Fault::BodyCutShort, io::ErrorKind::UnexpectedEof)
                ));
            }
            let mine = self.advance(&mut body, fresh)?;
            if mine < fresh.len() {
                self.inbox.extend_from_slice(&fresh[mine..]);
                out.set_filled(before + mine);
            }
        } else {
            let mut next = body;
            let mine = self.advance(&mut next, self.waiting_bytes())?;
            let handed = self.hand_over(out, mine);
            if handed == mine {
                body = next;
            } else {
                let filled = &out.filled()[before..];
                self.advance(&mut body, filled)?;
            }
        }
        self.phase = Phase::Body(body);
        Poll::Ready(Ok(()))
    }

    /// The next piece of the body is waited for.
    fn poll_slow_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(until) = self.sends.waits(Instant::now) else { return Poll::Pending };
        self.deadline.set(until);
        ready!(self.deadline.poll(cx));
        Poll::Ready(Err(self.fail(Fault::BodyTimeout, io::ErrorKind::TimedOut)))
    }

    fn advance(&self, body: &mut Body, bytes: &[u8]) -> io::Result<usize> {
        body.advance(bytes).map_err(|fault| self.fail(fault, io::ErrorKind::InvalidData))
    }

    /// After the body: only the client's close may be told.
    pub(super) fn poll_after_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.waiting_bytes().is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_fill(cx))? {
            0 => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        }
    }
}

enum Arrival {
    Bytes,
    Closed,
    Late,
}
