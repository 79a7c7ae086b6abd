//! An instance's address in the form that Pingora connects to. With `serve`, the only place that
//! names Pingora.

use pingora_core::protocols::{ALPN, TcpKeepalive};
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use std::net::SocketAddr;
use std::time::Duration;

/// An idle connection in the pool is closed after this: shorter than most servers' own patience,
/// so that we seldom write into a connection that they are closing.
const POOLED_IDLE: Duration = Duration::from_secs(50);

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
}

impl Endpoint {
    pub(crate) fn new(address: SocketAddr, http2: bool, patience: Patience) -> Endpoint {
        let mut peer = HttpPeer::new(address, false, String::new());
        let options = &mut peer.options;
        options.connection_timeout = Some(patience.connect);
        options.total_connection_timeout = Some(patience.connect);
        // Per read, and the head's absolute deadline is the guard's: so never shorter than that.
        options.read_timeout = Some(patience.idle.max(patience.first_byte));
        // None for writes: whoever does not read does not answer either, and each timer costs.
        options.idle_timeout = Some(POOLED_IDLE);
        options.tcp_keepalive = Some(TcpKeepalive {
            idle: Duration::from_secs(60),
            interval: Duration::from_secs(10),
            count: 3,
            user_timeout: Duration::ZERO,
        });
        if http2 {
            options.alpn = ALPN::H2;
            options.max_h2_streams = 128;
        }
        // Ours is in `serve/hook/upstream_request.rs`, in one pass and for every upgrade.
        options.http_upstream_request_policy = HttpUpstreamRequestPolicy::preserve();
        Endpoint { peer }
    }

    /// A peer for one attempt.
    pub(crate) fn peer(&self) -> Box<HttpPeer> {
        Box::new(self.peer.clone())
    }
}
