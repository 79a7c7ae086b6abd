//! What is to be written, gathered until it is flushed: a head and a short body leave in one packet
//! and cost one system call. Empty, it holds no memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// What is gathered at most: one packet of a common path. More gains nothing.
const CAPACITY: usize = 1460;

/// A write buffer.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// Bytes of it that have been written.
    sent: usize,
}

impl Outbox {
    /// Takes `data`, or as much of it as `io` takes where it does not fit.
    pub(super) fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.bytes.len() + data.len() > CAPACITY {
            ready!(self.poll_empty(io, cx))?;
        }
        if data.len() >= CAPACITY {
            return Pin::new(io).poll_write(cx, data);
        }
        if self.bytes.is_empty() {
            self.bytes.reserve_exact(CAPACITY);
        }
        self.bytes.extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    /// Writes everything that was gathered.
    pub(super) fn poll_empty(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            let n = ready!(Pin::new(&mut *io).poll_write(cx, &self.bytes[self.sent..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += n;
        }
        *self = Outbox::default();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, duplex};

    #[tokio::test]
    async fn what_is_gathered_leaves_in_order_however_slowly_it_is_taken() {
        let (mut near, mut far) = duplex(7);
        let pieces: Vec<Vec<u8>> =
            [1, 1459, 1, 1460, 3000, 0, 5].iter().map(|n| vec![*n as u8; *n]).collect();
        let expected = pieces.concat();
        let writer = tokio::spawn(async move {
            let mut outbox = Outbox::default();
            for piece in &pieces {
                let mut rest = &piece[..];
                loop {
                    let n = std::future::poll_fn(|cx| outbox.poll_write(&mut near, cx, rest)).await;
                    rest = &rest[n.unwrap()..];
                    if rest.is_empty() {
                        break;
                    }
                }
            }
            std::future::poll_fn(|cx| outbox.poll_empty(&mut near, cx)).await.unwrap();
            assert_eq!(outbox.bytes.capacity(), 0);
        });
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        writer.await.unwrap();
        assert_eq!(got, expected);
    }
}
