//! Pingora asks for a connection to an HTTP/1 instance: one from the pool, else a new one.
//!
//! The way in is Pingora's custom connector, which may answer with a plain stream for an HTTP/1
//! session over it.

use super::pool::Pool;
use super::stream::Link;
use super::wire::Wire;
use async_trait::async_trait;
use pingora_core::connectors::http::custom::{Connection, Connector};
use pingora_core::upstreams::peer::Peer;
use pingora_core::{Error, ErrorType, Result};
use rustix::io::Errno;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// A peer that vanished without a word is noticed after 60 s + 3 x 10 s.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

/// Out of descriptors, or of memory for them.
const OUR_OWN: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];

/// One thread's connections to instances.
pub(in crate::serve) struct Links {
    pool: Arc<Pool>,
}

impl Links {
    /// Keeps `most` idle connections. Must be made inside the thread's runtime, which sweeps them.
    pub(in crate::serve) fn new(most: usize) -> Links {
        let pool = Pool::new(most);
        tokio::spawn(Pool::sweep(Arc::downgrade(&pool)));
        Links { pool }
    }
}

#[async_trait]
impl Connector for Links {
    /// None of another protocol: HTTP/1 over our stream is Pingora's.
    type Session = ();

    async fn get_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        peer: &P,
    ) -> Result<(Connection<()>, bool)> {
        let door = peer.get_peer_options().and_then(|options| options.custom_l4.clone());
        if let Some(door) = door {
            let wire = Wire::inside(door.connect(peer.address()).await?);
            return Ok((Connection::Stream(Box::new(Link::new(wire, self.pool.clone()))), false));
        }
        let Some(address) = peer.address().as_inet().copied() else {
            return Error::e_explain(ErrorType::ConnectError, "not an address of a network");
        };
        let reused = self.pool.take(address);
        let is_reused = reused.is_some();
        let wire = match reused {
            Some(wire) => wire,
            None => Wire::new(connect(address, peer.connection_timeout()).await?, address),
        };
        Ok((Connection::Stream(Box::new(Link::new(wire, self.pool.clone()))), is_reused))
    }

    async fn reused_http_session<P: Peer + Send + Sync + 'static>(&self, _peer: &P) -> Option<()> {
        None
    }

    async fn release_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        _session: (),
        _peer: &P,
        _idle_timeout: Option<Duration>,
    ) {
    }
}

async fn connect(address: SocketAddr, patience: Option<Duration>) -> Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    let connected = match patience {
        Some(patience) => tokio::time::timeout(patience, connecting)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        None => connecting.await,
    };
    let io = connected.map_err(|error| Error::because(kind(&error), "connect", error))?;
    let _ = io.set_nodelay(true);
    let _ = SockRef::from(&io).set_tcp_keepalive(&KEEPALIVE);
    Ok(io)
}

/// Of the two kinds of failure, `SocketError` and `BindError` are this machine's own: they say
/// nothing about the instance.
fn kind(error: &io::Error) -> ErrorType {
    if Errno::from_io_error(error).is_some_and(|errno| OUR_OWN.contains(&errno)) {
        return ErrorType::SocketError;
    }
    match error.kind() {
        io::ErrorKind::TimedOut => ErrorType::ConnectTimedout,
        io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            ErrorType::ConnectNoRoute
        }
        io::ErrorKind::AddrNotAvailable => ErrorType::BindError,
        _ => ErrorType::ConnectError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_told_from_what_the_instance_did() {
        let kind = |errno: Errno| kind(&io::Error::from(errno));
        assert_eq!(kind(Errno::MFILE), ErrorType::SocketError);
        assert_eq!(kind(Errno::ADDRNOTAVAIL), ErrorType::BindError);
        assert_eq!(kind(Errno::CONNREFUSED), ErrorType::ConnectRefused);
        assert_eq!(kind(Errno::HOSTUNREACH), ErrorType::ConnectNoRoute);
        assert_eq!(kind(Errno::TIMEDOUT), ErrorType::ConnectTimedout);
        assert_eq!(kind(Errno::ACCESS), ErrorType::ConnectError);
    }
}
