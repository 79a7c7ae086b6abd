//! An instance's address in the form that Pingora connects to, and how long that took. With `serve`,
//! the only place that names Pingora.

use super::connects::Connects;
use pingora_core::connectors::L4Connect;
use pingora_core::protocols::tls::CustomALPN;
use pingora_core::protocols::{ALPN, TcpKeepalive};
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// An idle HTTP/2 connection is closed after this.
const POOLED_IDLE: Duration = Duration::from_secs(50);

/// A peer that vanished without a word is noticed after 60 s + 3 x 10 s.
const KEEPALIVE: TcpKeepalive = TcpKeepalive {
    idle: Duration::from_secs(60),
    interval: Duration::from_secs(10),
    count: 3,
    user_timeout: Duration::ZERO,
};

/// A peer spoken to in HTTP/1. Pingora asks `serve/link` for a connection, which keeps and times it.
fn plain(address: SocketAddr) -> HttpPeer {
    let mut peer = HttpPeer::new(address, false, String::new());
    peer.options.alpn = ALPN::Custom(CustomALPN::new(b"hither".to_vec()));
    // Ours is in `serve/hook/upstream_request.rs`, in one pass and for every upgrade.
    peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::preserve();
    peer
}

/// A peer that is inside this process: behind that door, and at no address.
pub(crate) fn inside(door: Arc<dyn L4Connect + Send + Sync>) -> Box<HttpPeer> {
    let mut peer = plain(SocketAddr::from(([0, 0, 0, 0], 0)));
    peer.options.custom_l4 = Some(door);
    Box::new(peer)
}

/// How long an instance may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) idle: Duration,
}

/// What the balancer carries for each instance: a peer, ready to be copied for a request.
pub(crate) struct Endpoint {
    peer: HttpPeer,
    address: SocketAddr,
    http2: bool,
    connects: Arc<Connects>,
}

impl Endpoint {
    pub(crate) fn new(
        address: SocketAddr,
        http2: bool,
        patience: Patience,
        connects: Arc<Connects>,
    ) -> Endpoint {
        let mut peer = plain(address);
        let options = &mut peer.options;
        options.connection_timeout = Some(patience.connect);
        options.total_connection_timeout = Some(patience.connect);
        if http2 {
            options.alpn = ALPN::H2;
            options.max_h2_streams = 128;
            // One wait for the head, one for each part of the body.
            options.read_timeout = Some(patience.idle.max(patience.first_byte));
            options.idle_timeout = Some(POOLED_IDLE);
            options.tcp_keepalive = Some(KEEPALIVE);
        }
        Endpoint { peer, address, http2, connects }
    }

    /// A new connection to it stood after so long: as good a round trip as a probe's.
    pub(crate) fn connected(&self, time: Duration) {
        self.connects.took(time);
    }

    /// Where it is, and whether it is spoken to in HTTP/2.
    pub(super) fn target(&self) -> (SocketAddr, bool) {
        (self.address, self.http2)
    }

    /// A peer for one attempt.
    pub(crate) fn peer(&self) -> Box<HttpPeer> {
        Box::new(self.peer.clone())
    }
}
