//! A raw HTTP/1 client: any bytes out, responses in, read as strictly as RFC 9112 allows a client to.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::error::ClientError;
use super::request::Request;
use super::response::Response;
use super::tunnel::Tunnel;
use crate::message::{Head, Headers};
use crate::wire::{Taken, Wire};

/// What a client waits for one thing, unless told otherwise.
const DEADLINE: Duration = Duration::from_secs(20);

/// More interim responses than this are an error of the test.
const MAX_INTERIM: usize = 10_000;

/// One connection.
pub struct Http1 {
    wire: Wire,
    deadline: Duration,
}

impl std::fmt::Debug for Http1 {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Http1").field("stream", &self.wire.stream).finish_non_exhaustive()
    }
}

impl Http1 {
    /// Connects.
    ///
    /// # Errors
    /// As `connect(2)`.
    pub async fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        Ok(Self { wire: Wire::new(TcpStream::connect(address).await?)?, deadline: DEADLINE })
    }

    /// Connects from another address of this machine, such as 127.0.0.2: to be another client.
    ///
    /// # Errors
    /// As `bind(2)` and `connect(2)`.
    pub async fn connect_from(source: IpAddr, address: SocketAddr) -> Result<Self, ClientError> {
        let socket = if source.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(SocketAddr::new(source, 0))?;
        Ok(Self { wire: Wire::new(socket.connect(address).await?)?, deadline: DEADLINE })
    }

    /// Another deadline than 20 s for each single operation.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// This end's address.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.wire.stream.local_addr().unwrap()
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection is broken, or takes nothing before the deadline.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), ClientError> {
        let write = self.wire.stream.write_all(bytes.as_ref());
        match tokio::time::timeout(self.deadline, write).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(self.timeout("send")),
        }
    }

    /// Sends bytes one by one, this long apart: the pace is what is tested. Stops early when the peer closes.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn trickle(
        &mut self,
        bytes: impl AsRef<[u8]>,
        pause: Duration,
    ) -> Result<(), ClientError> {
        for byte in bytes.as_ref() {
            self.send([*byte]).await?;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Sends a request and reads its response.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn request(&mut self, request: &Request) -> Result<Response, ClientError> {
        self.send(request.bytes()).await?;
        self.read_response_to(&request.method).await
    }

    /// Sends a GET to `localhost` and reads its response.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn get(&mut self, target: &str) -> Result<Response, ClientError> {
        self.request(&Request::get(target)).await
    }

    /// Reads the response to a request whose response may have a body (not HEAD).
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn read_response(&mut self) -> Result<Response, ClientError> {
        self.read_response_to("GET").await
    }

    /// Reads the response to a request with this method.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn read_response_to(&mut self, method: &str) -> Result<Response, ClientError> {
        self.timed("read a response", async |wire| read(wire, method, Taken::keeping()).await).await
    }

    /// As [`Http1::read_response`], counting the body instead of keeping it.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn count_response(&mut self) -> Result<Response, ClientError> {
        self.timed("count a response", async |wire| read(wire, "GET", Taken::counting()).await)
            .await
    }

    /// Reads the next head, interim or final, and leaves the body.
    ///
    /// # Errors
    /// There is no whole head.
    pub async fn read_head(&mut self) -> Result<Head, ClientError> {
        self.timed("read a head", async |wire| head(wire).await).await
    }

    /// Reads at least one byte of what is there, such as a part of a body.
    ///
    /// # Errors
    /// The stream has ended ([`ClientError::Closed`]), is broken, or brings nothing before the deadline.
    pub async fn read_some(&mut self) -> Result<Vec<u8>, ClientError> {
        self.timed("read anything", async |wire| {
            if wire.buffer.is_empty() && !wire.fill().await? {
                return Err(ClientError::Closed);
            }
            Ok(wire.buffer.split().to_vec())
        })
        .await
    }

    /// Reads all until the peer closes. A reset counts as closing: what came before it is what is asked for.
    ///
    /// # Errors
    /// The peer does not close before the deadline.
    pub async fn read_until_close(&mut self) -> Result<Vec<u8>, ClientError> {
        self.timed("see the connection closed", async |wire| {
            loop {
                match wire.fill().await {
                    Ok(true) => {}
                    Ok(false) => return Ok(wire.buffer.split().to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                        return Ok(wire.buffer.split().to_vec());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        })
        .await
    }

    /// Sends a request that asks for an upgrade and turns into a tunnel after 101.
    ///
    /// # Errors
    /// The answer is not 101 ([`ClientError::NotUpgraded`]), or there is none.
    pub async fn upgrade(mut self, request: &Request) -> Result<Tunnel, ClientError> {
        let response = self.request(request).await?;
        if response.status() != 101 {
            return Err(ClientError::NotUpgraded(Box::new(response)));
        }
        Ok(Tunnel::new(self.wire, response.head, self.deadline))
    }

    /// Tells the peer that no more will be sent; responses can still be read.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn end(&mut self) -> Result<(), ClientError> {
        Ok(self.wire.stream.shutdown().await?)
    }

    /// Goes away with a reset.
    pub fn reset(self) {
        self.wire.reset().unwrap();
    }

    async fn timed<T>(
        &mut self,
        doing: &'static str,
        work: impl AsyncFnOnce(&mut Wire) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let outcome = timeout(self.deadline, work(&mut self.wire)).await;
        outcome.unwrap_or_else(|| Err(self.timeout(doing)))
    }

    fn timeout(&self, doing: &'static str) -> ClientError {
        let unread = String::from_utf8_lossy(&self.wire.buffer[..self.wire.buffer.len().min(500)])
            .into_owned();
        ClientError::Timeout { waited: self.deadline, doing, unread }
    }
}

async fn timeout<T>(deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(deadline, work).await.ok()
}

/// One final response, with the interim ones before it.
async fn read(wire: &mut Wire, method: &str, taken: Taken) -> Result<Response, ClientError> {
    let mut interim = Vec::new();
    let head = loop {
        let head = head(wire).await?;
        if !head.is_interim() {
            break head;
        }
        assert!(interim.len() < MAX_INTERIM, "more than {MAX_INTERIM} interim responses");
        interim.push(head);
    };
    let mut taken = taken;
    match body(wire, method, &head, &mut taken).await {
        Ok(trailers) => {
            let Taken { bytes, length } = taken;
            Ok(Response { interim, head, body: bytes.unwrap_or_default(), length, trailers })
        }
        Err(error) => Err(ClientError::inside(Some(&head), taken.length, error)),
    }
}

async fn head(wire: &mut Wire) -> Result<Head, ClientError> {
    match wire.head().await {
        Ok(Some(raw)) => Head::parse(&raw).map_err(ClientError::Malformed),
        Ok(None) => Err(ClientError::Closed),
        Err(error) => Err(ClientError::inside(None, 0, error)),
    }
}

/// The body's end, by RFC 9112, section 6.3.
async fn body(
    wire: &mut Wire,
    method: &str,
    head: &Head,
    taken: &mut Taken,
) -> io::Result<Headers> {
    if method == "HEAD" || matches!(head.status, 101 | 204 | 304) {
        return Ok(Headers::default());
    }
    if head.headers.has("transfer-encoding") {
        let coding = head.headers.get("transfer-encoding").unwrap_or_default();
        if !coding.eq_ignore_ascii_case("chunked") || head.headers.has("content-length") {
            let reason = format!("the body's framing is not plain: {}", head.headers);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        return wire.chunked(taken).await;
    }
    let mut lengths = head.headers.all("content-length");
    match (lengths.next(), lengths.next()) {
        (None, _) => wire.until_end(taken).await?,
        (Some(length), None) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            wire.exactly(length.parse().map_err(io::Error::other)?, taken).await?;
        }
        _ => {
            let reason = format!("the body's length is not plain: {}", head.headers);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
    }
    Ok(Headers::default())
}
