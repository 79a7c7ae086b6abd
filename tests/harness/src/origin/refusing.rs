//! An address where every connection is refused, and that stays so: the port is taken, but nobody listens.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A taken port without a listener.
#[derive(Debug)]
pub struct RefusingOrigin {
    socket: TcpSocket,
}

impl RefusingOrigin {
    /// Takes a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Self { socket }
    }

    /// The address that refuses.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }
}
