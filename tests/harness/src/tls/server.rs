//! A web server behind TLS, with a certificate that only this test believes in.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::pair::CertificatePair;

/// A server on a free port of 127.0.0.1 that calls itself `localhost`.
#[derive(Debug)]
pub struct SecureServer {
    address: SocketAddr,
    folder: TempDir,
    accepting: JoinHandle<()>,
}

/// Answers by path, as they go over the wire.
type Answers = HashMap<String, Vec<u8>>;

impl SecureServer {
    /// Serves these answers, whole messages by path; all else is 404.
    ///
    /// # Panics
    /// If no socket can be bound or no certificate made.
    pub async fn start(answers: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let pair = CertificatePair::for_names(&["localhost"]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("root.pem"), pair.cert()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.der()], pair.key_der().into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Arc<Answers> = Arc::new(answers.into_iter().collect());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream, answers.clone()));
            }
        });
        Self { address, folder, accepting }
    }

    /// A whole answer with these bytes.
    #[must_use]
    pub fn whole(body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// The certificate that whoever trusts this server must know, as PEM.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        Path::join(self.folder.path(), "root.pem")
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One request, one answer: whoever wants more connects again.
async fn answer(acceptor: TlsAcceptor, stream: TcpStream, answers: Arc<Answers>) -> io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 65_536 {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let missing = b"HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n".as_slice();
    stream.write_all(answers.get(path).map_or(missing, Vec::as_slice)).await?;
    stream.shutdown().await
}
