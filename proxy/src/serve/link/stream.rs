//! A connection as Pingora's stream type, lent for one exchange.
//!
//! When an exchange has ended well, Pingora drops its session, tries with a buffer of one byte
//! whether the connection is still quiet, and would then put it in its own pool. That last question
//! we answer with "closed", and keep the connection ourselves. Any other end closes it.

use super::pool::Pool;
use super::wire::Wire;
use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    TimingDigest, UniqueID, UniqueIDType,
};
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much Pingora asks for to learn whether a connection is quiet.
const RELEASE_PROBE: usize = 1;

/// A lent connection.
pub(super) struct Link {
    /// None once it went back to the pool.
    wire: Option<Box<Wire>>,
    pool: Arc<Pool>,
}

impl Link {
    pub(super) fn new(wire: Box<Wire>, pool: Arc<Pool>) -> Link {
        Link { wire: Some(wire), pool }
    }

    /// Whether Pingora gives it back: its session held the digest, and is gone.
    fn is_released(wire: &Wire, out: &ReadBuf<'_>) -> bool {
        out.capacity() == RELEASE_PROBE && Arc::strong_count(&wire.digest) == 1
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(wire) = &mut this.wire else { return Poll::Ready(Ok(())) };
        if Link::is_released(wire, out) {
            if let Some(wire) = this.wire.take() {
                this.pool.put(wire);
            }
            return Poll::Ready(Ok(()));
        }
        wire.poll_read(cx, out)
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Some(wire) => wire.poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Written is sent.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Some(wire) => wire.poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

#[async_trait]
impl Shutdown for Link {
    async fn shutdown(&mut self) {
        let _ = tokio::io::AsyncWriteExt::shutdown(self).await;
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = self.wire.as_ref().map(|wire| wire.address);
        f.debug_struct("Link").field("address", &address).finish_non_exhaustive()
    }
}

impl UniqueID for Link {
    fn id(&self) -> UniqueIDType {
        self.wire.as_ref().and_then(|wire| wire.io.socket()).map_or(-1, AsRawFd::as_raw_fd)
    }
}

impl GetProxyDigest for Link {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.wire.as_ref().map(|wire| wire.digest.clone())
    }
}

impl GetTimingDigest for Link {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetSocketDigest for Link {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Ssl for Link {}
impl Peek for Link {}
