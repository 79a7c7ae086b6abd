//! TLS towards clients: handshakes under a deadline, and which certificate a client is shown.
//!
//! | what | room |
//! |---|---|
//! | a certificate with its key, read and checked | `certificate` |
//! | which one a name is shown | `names` |
//! | a handshake, from the first byte on | `handshake` |
//! | what the guard reads and writes through | `stream` |
//!
//! It knows rustls and sockets; it must not know requests, services or Pingora.

mod certificate;
mod handshake;
mod names;
mod stream;

pub(crate) use certificate::{Certificate, PairFile};
pub(super) use handshake::{Secured, Spoken};
pub(super) use stream::ClientStream;

use names::Certificates;
use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;
use rustls::{ServerConfig, version};
use std::fmt;
use std::sync::Arc;

const HTTP2: &[u8] = b"h2";
const HTTP11: &[u8] = b"http/1.1";

/// Who speaks TLS for one listener.
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
}

/// What all listeners of the process share, whatever is reloaded: clients that come back resume.
pub(crate) struct TlsGround {
    provider: Arc<CryptoProvider>,
    tickets: Arc<dyn ProducesTickets>,
}

impl TlsGround {
    /// # Errors
    /// There is no randomness, in rustls' words.
    pub(crate) fn new() -> Result<TlsGround, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(TlsGround { provider, tickets: rustls::crypto::ring::Ticketer::new()? })
    }

    /// For a listener with these certificates, the first of which is shown to clients that ask for none of them.
    ///
    /// # Errors
    /// In rustls' words; none is known.
    pub(crate) fn listener(
        &self,
        certificates: impl IntoIterator<Item = Arc<Certificate>>,
    ) -> Result<Tls, rustls::Error> {
        let certificates = Arc::new(Certificates::new(certificates));
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(certificates.clone());
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP11.to_vec()];
        config.ticketer = self.tickets.clone();
        Ok(Tls { config: Arc::new(config), certificates })
    }
}

impl Tls {
    /// In the order of the file.
    pub(crate) fn certificates(&self) -> &[Arc<Certificate>] {
        self.certificates.all()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}
