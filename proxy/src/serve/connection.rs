//! What is known of a client's connection for as long as it lives.

use super::guard::Excess;
use super::tls::Secured;
use hither_balance::Permit;
use http::HeaderValue;
use parking_lot::Mutex;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use crate::snapshot::Endpoint;

/// A place that a connection holds, with the service it is for.
type Held = (Arc<str>, Arc<Permit<Endpoint>>);

/// One client connection.
pub(crate) struct Connection {
    /// The other end: the client, or the proxy in front of this edge.
    pub(crate) peer: SocketAddr,
    /// Its address as a field value, made once.
    pub(crate) peer_text: HeaderValue,
    /// The same as an element of `Forwarded` (RFC 7239), made once.
    pub(crate) forwarded: HeaderValue,
    /// The listener as configured: the key to its settings in any snapshot.
    pub(crate) listener: Arc<str>,
    /// Over TLS.
    pub(super) tls: Option<Secured>,
    /// Places held by services whose concurrency counts connections: at most one per service.
    places: Mutex<Vec<Held>>,
    /// For each such service: whose stream seeks the place that all streams will share.
    turns: Mutex<Vec<(Arc<str>, Turn)>>,
    /// What the client asked too much of, for which it was parted from.
    excess: OnceLock<Excess>,
}

/// Held by the one stream of a connection that seeks a place.
pub(super) type Turn = Arc<tokio::sync::Mutex<()>>;

impl Connection {
    pub(super) fn new(
        peer: SocketAddr,
        listener: Arc<str>,
        tls: Option<Secured>,
    ) -> Arc<Connection> {
        let value = |text: &str| {
            HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
        };
        let address = peer.ip().to_canonical();
        let node = match address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("\"[{v6}]\""),
        };
        let proto = if tls.is_some() { "https" } else { "http" };
        Arc::new(Connection {
            peer,
            peer_text: value(&address.to_string()),
            forwarded: value(&format!("for={node};proto={proto}")),
            listener,
            tls,
            places: Mutex::default(),
            turns: Mutex::default(),
            excess: OnceLock::new(),
        })
    }

    /// The client asked too much of its connection.
    pub(super) fn asked_too_much(&self, excess: Excess) {
        let _ = self.excess.set(excess);
    }

    /// What it asked too much of, if it did.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess.get().copied()
    }

    /// Pingora carries a digest to every request of a connection, HTTP/2 streams included; ours
    /// rides in it.
    pub(super) fn digest(self: &Arc<Self>) -> Arc<ProxyDigest> {
        // The digest's own content is for CONNECT proxies and says nothing here.
        let carrier = Box::new(ResponseHeader::from(http::Response::new(()).into_parts().0));
        Arc::new(ProxyDigest::new(carrier, Some(Box::new(self.clone()))))
    }

    /// The connection that a request came on.
    pub(super) fn of(session: &Session) -> Option<&Arc<Connection>> {
        let data = session.digest()?.proxy_digest.as_ref()?.user_data.as_ref()?;
        data.downcast_ref::<Arc<Connection>>()
    }

    /// The place this connection holds on an instance of `service`.
    pub(super) fn place(&self, service: &str) -> Option<Arc<Permit<Endpoint>>> {
        self.places.lock().iter().find(|(name, _)| &**name == service).map(|(_, p)| p.clone())
    }

    /// Streams of one connection share a place, so they take turns to seek it.
    pub(super) fn turn(&self, service: &Arc<str>) -> Turn {
        let mut turns = self.turns.lock();
        if let Some((_, turn)) = turns.iter().find(|(name, _)| name == service) {
            return turn.clone();
        }
        let turn = Turn::default();
        turns.push((service.clone(), turn.clone()));
        turn
    }

    /// Holds `permit` until the connection closes, unless another request was first.
    pub(super) fn hold(
        &self,
        service: &Arc<str>,
        permit: Permit<Endpoint>,
    ) -> Arc<Permit<Endpoint>> {
        let mut places = self.places.lock();
        if let Some((_, held)) = places.iter().find(|(name, _)| name == service) {
            return held.clone();
        }
        let held = Arc::new(permit);
        places.push((service.clone(), held.clone()));
        held
    }

    /// Gives up the place on an instance of `service`: it does not answer.
    pub(super) fn leave(&self, service: &str) {
        self.places.lock().retain(|(name, _)| &**name != service);
    }
}
