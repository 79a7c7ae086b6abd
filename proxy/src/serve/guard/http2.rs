//! The guard over HTTP/2: bytes pass, frames are counted, and a client that asks too much of its connection is
//! told to be calm and parted from.

use super::calm::{Calm, Excess, Temper};
use super::frames::Frames;
use super::handshake::Handshake;
use super::stream::Guard;
use crate::fault::Fault;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// The kind of frame that begins a stream (RFC 9113 section 6.2).
const HEADERS: u8 = 1;

/// GOAWAY on stream 0 with 8 bytes (RFC 9113 section 6.8).
const GOAWAY: [u8; 9] = [0, 0, 8, 7, 0, 0, 0, 0, 0];

/// RFC 9113 section 7.
const ENHANCE_YOUR_CALM: [u8; 4] = [0, 0, 0, 0xb];

/// How long we go on reading after GOAWAY, and how much: closing with unread bytes would reset the connection,
/// and the client would never see why.
const LINGER: Duration = Duration::from_secs(1);
const MOST_AFTER: usize = 1 << 20;

/// What is known of an HTTP/2 connection.
pub(super) struct Http2 {
    /// Bytes of the preface that have not been handed over; frames begin behind them.
    preface: usize,
    /// Until the client has sent its SETTINGS: the head's deadline holds.
    handshake: Option<Handshake>,
    inbound: Frames,
    outbound: Frames,
    temper: Temper,
    began: Instant,
    last_stream: u32,
    /// The client made us send too much of this.
    made: Option<Excess>,
    parting: Option<Parting>,
}

/// How far the end of a connection has come.
#[derive(Clone, Copy, Debug)]
enum Parting {
    /// GOAWAY is being written: so much of it has been.
    Goodbye([u8; 17], usize),
    /// Our side is being closed.
    Shut,
    /// So many bytes may still come, and go nowhere.
    Drain(usize),
}

impl Http2 {
    pub(super) fn new(calm: Calm, preface: usize) -> Box<Http2> {
        Box::new(Http2 {
            preface,
            handshake: Some(Handshake::default()),
            inbound: Frames::default(),
            outbound: Frames::default(),
            temper: Temper::new(calm, Duration::ZERO),
            began: Instant::now(),
            last_stream: 0,
            made: None,
            parting: None,
        })
    }

    /// The end has begun: what is written goes nowhere.
    pub(super) fn parts(&self) -> bool {
        self.parting.is_some()
    }

    fn received(&mut self, mut bytes: &[u8]) -> Result<(), Excess> {
        let began = self.began;
        while let Some(frame) = self.inbound.next(&mut bytes) {
            if frame.kind == HEADERS {
                self.last_stream = self.last_stream.max(frame.stream);
            }
            self.temper.received(frame, || began.elapsed())?;
        }
        Ok(())
    }

    /// These bytes are on their way to the client. Whether the library tells it to be calm.
    pub(super) fn sent(&mut self, mut bytes: &[u8]) -> bool {
        let (began, mut told) = (self.began, false);
        while let Some(frame) = self.outbound.next(&mut bytes) {
            if let Err(excess) = self.temper.sent(frame, || began.elapsed()) {
                self.made = Some(excess);
            }
            // The library writes so short a frame in one piece.
            told |= frame.kind == GOAWAY[3] && bytes.get(4..8) == Some(&ENHANCE_YOUR_CALM[..]);
        }
        told
    }

    /// Inside a frame of ours no other can begin, and the connection ends without a word.
    fn part(&mut self) {
        self.parting = Some(if self.outbound.at_boundary() {
            let mut frame = [0; 17];
            frame[..9].copy_from_slice(&GOAWAY);
            frame[9..13].copy_from_slice(&self.last_stream.to_be_bytes());
            frame[13..].copy_from_slice(&ENHANCE_YOUR_CALM);
            Parting::Goodbye(frame, 0)
        } else {
            Parting::Shut
        });
    }
}

impl Guard {
    pub(super) fn poll_http2(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(http2) = &self.http2 else { return Poll::Ready(Ok(())) };
        if http2.parts() {
            return self.poll_part(cx);
        }
        if let Some(excess) = http2.made {
            return self.part(excess, cx);
        }
        let before = out.filled().len();
        if !self.waiting_bytes().is_empty() {
            self.hand_over(out, usize::MAX);
        } else {
            match Pin::new(&mut self.io).poll_read(cx, out) {
                Poll::Ready(done) => done?,
                Poll::Pending if self.deadline.poll(cx).is_ready() => {
                    return Poll::Ready(
                        Err(self.fail(Fault::HeadTimeout, io::ErrorKind::TimedOut)),
                    );
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        let Some(http2) = &mut self.http2 else { return Poll::Ready(Ok(())) };
        let fresh = &out.filled()[before..];
        let preface = http2.preface.min(fresh.len());
        http2.preface -= preface;
        let fresh = &fresh[preface..];
        if http2.handshake.as_mut().is_some_and(|handshake| handshake.advance(fresh)) {
            http2.handshake = None;
            self.deadline.clear();
        }
        if let Err(excess) = http2.received(fresh) {
            out.set_filled(before);
            return self.part(excess, cx);
        }
        Poll::Ready(Ok(()))
    }

    fn part(&mut self, excess: Excess, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.asked_too_much(excess);
        self.deadline.set(Instant::now() + LINGER);
        if let Some(http2) = &mut self.http2 {
            http2.part();
        }
        self.poll_part(cx)
    }

    /// Ready, with nothing read, once the connection may be closed.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_parted(cx) {
            Poll::Pending => self.deadline.poll(cx).map(Ok),
            // What cannot be said is not said.
            Poll::Ready(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_parted(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let Some(parting) = self.http2.as_ref().and_then(|http2| http2.parting) else {
                return Poll::Ready(Ok(()));
            };
            let next = match parting {
                Parting::Goodbye(frame, sent) => {
                    ready!(self.outbox.poll_empty(&mut self.io, cx))?;
                    let sent =
                        sent + ready!(Pin::new(&mut self.io).poll_write(cx, &frame[sent..]))?;
                    if sent < frame.len() { Parting::Goodbye(frame, sent) } else { Parting::Shut }
                }
                Parting::Shut => {
                    ready!(self.outbox.poll_empty(&mut self.io, cx))?;
                    ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                    Parting::Drain(MOST_AFTER)
                }
                Parting::Drain(left) => {
                    self.inbox.clear();
                    self.taken = 0;
                    match left.saturating_sub(ready!(self.poll_fill(cx))?) {
                        0 => return Poll::Ready(Ok(())),
                        _ if self.inbox.is_empty() => return Poll::Ready(Ok(())),
                        left => Parting::Drain(left),
                    }
                }
            };
            if let Some(http2) = &mut self.http2 {
                http2.parting = Some(next);
            }
        }
    }
}
