//! Speaks TLS for a client that does not: whoever connects here talks to the server behind, in the clear on this
//! side.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, HandshakeKind, ProtocolVersion, SignatureScheme,
};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::pair::CertificatePair;

/// A running bridge; each connection to it is one to the server.
#[derive(Debug)]
pub struct TlsBridge {
    address: SocketAddr,
    shaken: Arc<Mutex<Vec<Shaken>>>,
    accepting: JoinHandle<()>,
}

/// How one handshake ended.
#[derive(Clone, Debug)]
pub enum Shaken {
    /// There is a connection.
    Done {
        /// The protocol that was agreed on.
        alpn: Option<String>,
        /// What the server showed, as DER.
        certificate: Vec<u8>,
        /// 1.2 or 1.3.
        version: &'static str,
        /// It went on from an earlier one.
        resumed: bool,
    },
    /// There is none, in words.
    Failed(String),
}

/// What a bridge asks for.
#[derive(Clone, Debug, Default)]
pub struct BridgeOptions {
    /// The name (SNI); none: none is asked for.
    pub name: Option<&'static str>,
    /// Protocols to agree on, the best first.
    pub alpn: Vec<&'static str>,
    /// No newer version than this.
    pub tls12: bool,
}

impl Shaken {
    /// Whether this certificate was shown.
    #[must_use]
    pub fn showed(&self, pair: &CertificatePair) -> bool {
        matches!(self, Shaken::Done { certificate, .. } if *certificate == *pair.der())
    }
}

impl TlsBridge {
    /// To a server that a test started. It believes whatever certificate it is shown; tests look at it.
    ///
    /// # Panics
    /// If no socket can be bound.
    pub async fn to(server: SocketAddr, options: BridgeOptions) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shaken: Arc<Mutex<Vec<Shaken>>> = Arc::default();
        let connector = TlsConnector::from(Arc::new(config(&options)));
        let name = ServerName::try_from(options.name.unwrap_or("unnamed")).unwrap();
        let told = shaken.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (connector, name, told) = (connector.clone(), name.clone(), told.clone());
                tokio::spawn(carry(near, server, connector, name, told));
            }
        });
        Self { address, shaken, accepting }
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handshakes so far, in the order of their ends.
    #[must_use]
    pub fn shaken(&self) -> Vec<Shaken> {
        self.shaken.lock().clone()
    }

    /// How the last one ended.
    ///
    /// # Panics
    /// If there was none.
    #[must_use]
    pub fn last(&self) -> Shaken {
        self.shaken.lock().last().expect("no handshake has ended").clone()
    }
}

impl Drop for TlsBridge {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    mut near: TcpStream,
    server: SocketAddr,
    connector: TlsConnector,
    name: ServerName<'static>,
    told: Arc<Mutex<Vec<Shaken>>>,
) -> io::Result<()> {
    let far = TcpStream::connect(server).await?;
    let _ = far.set_nodelay(true);
    let _ = near.set_nodelay(true);
    let mut far = match connector.connect(name, far).await {
        Ok(far) => far,
        Err(error) => {
            told.lock().push(Shaken::Failed(error.to_string()));
            return Err(error);
        }
    };
    let (_, session) = far.get_ref();
    told.lock().push(Shaken::Done {
        alpn: session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        certificate: session.peer_certificates().unwrap()[0].to_vec(),
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "1.2",
            _ => "1.3",
        },
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    });
    copy_bidirectional(&mut near, &mut far).await.map(drop)
}

fn config(options: &BridgeOptions) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: &[_] = match options.tls12 {
        true => &[&rustls::version::TLS12],
        false => &[&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        .with_no_client_auth();
    config.enable_sni = options.name.is_some();
    config.alpn_protocols = options.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// Believes every certificate, and that the server has its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
