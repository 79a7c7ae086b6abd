//! Binding: one listening socket per worker thread and address.

use super::door::Door;
use hither_limit::KeySeed;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// All listeners of the process, in the order of the configuration.
pub(crate) type Listeners = Arc<[Arc<Bound>]>;

/// Connections that may wait to be accepted, per thread.
const BACKLOG: i32 = 1024;

/// An address that is bound, with a socket for each worker.
#[derive(Debug)]
pub(crate) struct Bound {
    /// As written in the configuration: the listener's name.
    pub(crate) configured: Arc<str>,
    /// As bound: the port is real even where 0 was asked for.
    pub(crate) address: SocketAddr,
    /// Counts clients for as long as the listener is bound, whatever is reloaded.
    pub(super) door: Arc<Door>,
    sockets: Vec<std::net::TcpListener>,
}

impl Bound {
    /// Binds `configured` for `workers` threads.
    ///
    /// # Errors
    /// What the system says: in use, no permission, not an address of this machine.
    pub(crate) fn new(
        configured: Arc<str>,
        address: SocketAddr,
        workers: usize,
        seed: KeySeed,
    ) -> io::Result<Bound> {
        check_free(address)?;
        let first = socket(address)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..workers {
            sockets.push(socket(address)?);
        }
        Ok(Bound { configured, address, door: Door::new(seed), sockets })
    }

    /// The socket of one worker, for its runtime.
    pub(super) fn socket(&self, worker: usize) -> io::Result<TcpListener> {
        let socket = self.sockets.get(worker).ok_or(io::ErrorKind::NotFound)?;
        TcpListener::from_std(socket.try_clone()?)
    }
}

/// SO_REUSEPORT would let a second process take half of our connections without a word; so ask
/// first whether somebody listens there.
fn check_free(address: SocketAddr) -> io::Result<()> {
    use socket2::{Domain, Protocol, Socket, Type};
    let probe = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    probe.set_reuse_address(true)?;
    probe.bind(&address.into())
}

fn socket(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
