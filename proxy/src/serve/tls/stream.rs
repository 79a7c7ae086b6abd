//! A client's connection, in the clear or not.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What the guard reads and writes through.
pub(in crate::serve) enum ClientStream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    /// What carries it.
    pub(in crate::serve) fn socket(&self) -> &TcpStream {
        match self {
            ClientStream::Clear(io) => io,
            ClientStream::Tls(io) => io.get_ref().0,
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientStream::Clear(io) => Pin::new(io).poll_read(cx, out),
            ClientStream::Tls(io) => Pin::new(io).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            ClientStream::Clear(io) => Pin::new(io).poll_write(cx, data),
            ClientStream::Tls(io) => Pin::new(io).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientStream::Clear(io) => Pin::new(io).poll_flush(cx),
            ClientStream::Tls(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            ClientStream::Clear(io) => Pin::new(io).poll_shutdown(cx),
            ClientStream::Tls(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}
