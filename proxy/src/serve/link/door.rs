//! The way to a component: a connection that stays inside the process. Pingora is given a peer that bears
//! whom to ask, and asks the connector for a connection to it.

use crate::component::Answering;
use crate::upstream::inside;
use async_trait::async_trait;
use pingora_core::Result;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora_core::upstreams::peer::HttpPeer;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// A peer that leads to a component, for one request.
pub(in crate::serve) fn peer(answering: Arc<Answering>) -> Box<HttpPeer> {
    inside(Arc::new(Door(answering)))
}

#[derive(Debug)]
struct Door(Arc<Answering>);

#[async_trait]
impl L4Connect for Door {
    async fn connect(&self, _nowhere: &SocketAddr) -> Result<Stream> {
        let socket = Box::new(Socket(self.0.open()));
        Ok(Stream::from(VirtualSocketStream::new(socket)))
    }
}

/// Our end of the connection.
#[derive(Debug)]
struct Socket(DuplexStream);

impl VirtualSocket for Socket {
    /// Options are for what crosses a network.
    fn set_socket_option(&self, _option: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
