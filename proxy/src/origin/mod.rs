//! The built-in origin: a small real server, `hither origin` on the command line and `[[origin]]` in the
//! configuration, to try the proxy with and to test it against. It says who answered and what arrived.
//!
//! It must not know the proxy: no configuration types, no Pingora, no plugins, no balancer.

mod answer;
mod body;
mod connection;
mod echo;
mod load;
mod path;
mod socket;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::answer::Identity;
use self::connection::Closing;
use self::load::Load;

/// More connections than this wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;

/// How long open connections may go on after the shutdown was asked for.
const DRAIN: Duration = Duration::from_secs(5);

/// How long to leave `accept` alone after it failed, most likely for want of file descriptors.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);

/// What an origin is asked to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OriginSpec {
    /// Where it listens; port 0 takes any free port.
    pub(crate) address: SocketAddr,
    /// The region it claims to be in, told in every answer.
    pub(crate) region: String,
    /// How long it keeps each request, except `/health`, before it answers.
    pub(crate) delay: Duration,
}

/// A built-in origin; see [`Origin::bind`] and [`serve`].
#[derive(Debug)]
pub(crate) struct Origin;

impl Origin {
    /// Binds the listening socket, so that a port in use is told before anything is started. From here on
    /// the kernel accepts connections; they are answered once [`serve`] runs.
    ///
    /// # Errors
    /// The socket could not be bound, or the region cannot stand in a response header
    /// ([`io::ErrorKind::InvalidInput`]).
    pub(crate) async fn bind(spec: OriginSpec) -> io::Result<Bound> {
        let region = HeaderValue::from_str(&spec.region).map_err(|_| {
            let reason = format!("region {:?} cannot stand in a header", spec.region);
            io::Error::new(io::ErrorKind::InvalidInput, reason)
        })?;
        let listener = TcpListener::bind(spec.address).await?;
        let local = listener.local_addr()?;
        let identity = Identity::new(spec.region, region, local, spec.delay)?;
        Ok(Bound { listener, local, identity })
    }
}

/// An origin whose socket is bound.
#[derive(Debug)]
pub(crate) struct Bound {
    listener: TcpListener,
    local: SocketAddr,
    identity: Identity,
}

impl Bound {
    /// The address with the port that the kernel chose.
    #[must_use]
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.local
    }
}

/// Answers connections until `shutdown` completes. Then it accepts no more, tells HTTP connections to end
/// after the request they are at and WebSockets to close, waits up to five seconds, and cuts what is left.
pub(crate) async fn serve(bound: Bound, shutdown: impl Future<Output = ()>) {
    let Bound { listener, identity, .. } = bound;
    let identity = Arc::new(identity);
    let load = Arc::new(Load::default());
    let (close, told) = watch::channel(false);
    let closing = Closing::new(told);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            stream = accept(&listener), if connections.len() < MAX_CONNECTIONS => {
                let (identity, load, closing) = (identity.clone(), load.clone(), closing.clone());
                connections.spawn(connection::serve(stream, identity, load, closing));
            }
        }
    }
    drop(listener);
    close.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        connections.shutdown().await;
    }
}

/// The next connection. A failure is waited out: what `accept` reports is either one connection's bad luck or
/// a shortage that ends when others close.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_) => tokio::time::sleep(ACCEPT_BACK_OFF).await,
        }
    }
}
