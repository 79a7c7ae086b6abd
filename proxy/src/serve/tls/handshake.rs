//! A handshake: from the first byte of a connection to a stream that carries HTTP.

use super::certificate::Certificate;
use super::stream::ClientStream;
use super::{HTTP2, Tls};
use hither_limit::Value;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// RFC 8446 section 5.1: what a client's first record begins with.
const HANDSHAKE_RECORD: u8 = 22;

/// What a client that speaks HTTP in the clear is told.
const IN_THE_CLEAR: &str = "This port speaks TLS: ask for https:// instead of http://.\n";

/// So much of it is read before it is told.
const MOST_UNREAD: usize = 64 << 10;

/// What HTTP a client may speak on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Spoken {
    /// In the clear: its first bytes tell (RFC 9113 section 3.3).
    Either,
    /// HTTP/1, by ALPN or for want of it.
    Http1,
    /// HTTP/2, by ALPN (RFC 9113 section 3.2).
    Http2,
}

/// What is known of a client that has shaken hands.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Secured {
    /// The name that it asked for, in lower case.
    name: Option<Box<str>>,
    /// What it was shown.
    certificate: Arc<Certificate>,
    /// That is for the name.
    known: bool,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum HandshakeFailure {
    /// It ended before its first byte: the client closed, or the edge drains.
    Left,
    /// It speaks something else, and has been told so where that is HTTP.
    NotTls,
    /// It knows no version, cipher or certificate in common, or broke off.
    Failed,
}

impl HandshakeFailure {
    /// The word in metrics.
    pub(in crate::serve) const fn name(self) -> &'static str {
        match self {
            HandshakeFailure::Left => "left",
            HandshakeFailure::NotTls => "not_tls",
            HandshakeFailure::Failed => "failed",
        }
    }
}

impl Secured {
    /// Whether a request for this host, without port, may come on this connection. A client that asked for a name
    /// may ask for others that the same certificate is for (RFC 9113 section 9.1.1), and for no more: they could
    /// be another tenant's. A client that asked for none is not held to any.
    pub(in crate::serve) fn answers_for(&self, host: &str) -> bool {
        match &self.name {
            None => true,
            Some(name) => name.eq_ignore_ascii_case(host) || self.certificate.is_for(host),
        }
    }

    /// The name as limits count it. Whoever makes names up would have a bucket for each: those that it was shown no
    /// certificate for are counted together.
    pub(in crate::serve) fn counted_name(&self) -> Value<'_> {
        match &self.name {
            None => Value::Absent,
            Some(name) if self.known => Value::One(name.as_bytes()),
            Some(_) => Value::Unclear,
        }
    }
}

impl Tls {
    /// Shakes hands. The caller sets the deadline. `ends` is ready when nobody is waited for any more who has said
    /// nothing yet.
    ///
    /// # Errors
    /// There is no connection; the client has been told what TLS lets us tell.
    pub(in crate::serve) async fn handshake(
        &self,
        mut io: TcpStream,
        ends: impl Future<Output = ()>,
    ) -> Result<(ClientStream, Secured, Spoken), HandshakeFailure> {
        // Until it says something, a client costs no more than its socket.
        let mut first = [0];
        let peeked = tokio::select! {
            peeked = io.peek(&mut first) => peeked,
            () = ends => return Err(HandshakeFailure::Left),
        };
        match peeked {
            Ok(0) | Err(_) => return Err(HandshakeFailure::Left),
            Ok(_) if first[0] == HANDSHAKE_RECORD => {}
            Ok(_) => {
                if first[0].is_ascii_uppercase() {
                    tell_in_the_clear(&mut io).await;
                }
                return Err(HandshakeFailure::NotTls);
            }
        }
        let acceptor = TlsAcceptor::from(self.config.clone());
        let stream = acceptor.accept(io).await.map_err(|_| HandshakeFailure::Failed)?;
        let (_, session) = stream.get_ref();
        let name: Option<Box<str>> = session.server_name().map(Into::into);
        let spoken = match session.alpn_protocol() {
            Some(HTTP2) => Spoken::Http2,
            _ => Spoken::Http1,
        };
        let shown = self.certificates.of(name.as_deref()).ok_or(HandshakeFailure::Failed)?;
        let known = name.as_deref().is_some_and(|name| shown.is_for(name));
        let secured = Secured { certificate: shown.clone(), name, known };
        Ok((ClientStream::Tls(Box::new(stream)), secured, spoken))
    }
}

/// What it sent is read first, as far as it is there: closing before would take the answer back (RFC 9112 section
/// 9.6).
async fn tell_in_the_clear(io: &mut TcpStream) {
    let mut scratch = [0; 1024];
    for _ in 0..MOST_UNREAD / scratch.len() {
        if !matches!(io.try_read(&mut scratch), Ok(1..)) {
            break;
        }
    }
    let length = IN_THE_CLEAR.len();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{IN_THE_CLEAR}"
    );
    let told: io::Result<()> = async {
        io.write_all(answer.as_bytes()).await?;
        io.shutdown().await
    }
    .await;
    // Whoever does not listen is not told.
    drop(told);
}
