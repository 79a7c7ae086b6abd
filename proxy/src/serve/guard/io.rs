//! Reading and writing through the guard: what is read depends on the place inside a request; what is written is
//! gathered, and timed where the client takes nothing.

use super::body::Body;
use super::calm::Excess;
use super::stream::{Guard, Phase};
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl AsyncRead for Guard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Whoever waits for the client has written what there was: nothing gathered waits longer.
        if let Poll::Ready(Err(error)) = this.outbox.poll_empty(&mut this.io, cx) {
            return Poll::Ready(Err(error));
        }
        if this.tunnel.load(Ordering::Relaxed) && !matches!(this.phase, Phase::Open) {
            this.deadline.clear();
            this.phase = Phase::Open;
        }
        match this.phase {
            Phase::Head { left, body } => {
                let handed = this.hand_over(out, left);
                this.phase = if handed == left {
                    Phase::Body(body)
                } else {
                    Phase::Head { left: left - handed, body }
                };
                Poll::Ready(Ok(()))
            }
            Phase::Body(Body::Done) => this.poll_after_body(cx),
            Phase::Body(body) => this.poll_body(cx, out, body),
            Phase::Open => this.poll_open(cx, out),
            Phase::Waiting => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.http2.as_ref().is_some_and(|http2| http2.parts()) {
            return Poll::Ready(Ok(data.len()));
        }
        let written = this.outbox.poll_write(&mut this.io, cx, data);
        if let (Some(http2), Poll::Ready(Ok(n))) = (&mut this.http2, &written)
            && http2.sent(&data[..*n])
        {
            this.connection.asked_too_much(Excess::Other);
        }
        this.poll_taken(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.http2.as_ref().is_some_and(|http2| http2.parts()) {
            return Poll::Ready(Ok(()));
        }
        let emptied = this.outbox.poll_empty(&mut this.io, cx).map_ok(|()| 0);
        ready!(this.poll_taken(cx, emptied))?;
        // TLS holds back what the client has not taken.
        let flushed = Pin::new(&mut this.io).poll_flush(cx).map_ok(|()| 0);
        this.poll_taken(cx, flushed).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.outbox.poll_empty(&mut this.io, cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
