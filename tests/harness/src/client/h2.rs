//! An HTTP/2 client over cleartext by prior knowledge, with streams in the test's hand.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::error::ClientError;
use super::request::Request;
use super::response::Response;
use crate::message::{Head, Headers};

const DEADLINE: Duration = Duration::from_secs(20);

/// One connection; requests may run on it at the same time.
#[derive(Debug)]
pub struct H2 {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    deadline: Duration,
}

/// One stream whose request's head was sent.
#[derive(Debug)]
pub struct H2Stream {
    /// The request's body.
    pub send: SendStream<Bytes>,
    response: ResponseFuture,
    deadline: Duration,
}

impl H2 {
    /// Connects and exchanges the preface.
    ///
    /// # Errors
    /// There is no connection, or no HTTP/2 on it.
    pub async fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            timed(DEADLINE, "shake hands", h2::client::handshake(stream)).await?;
        Ok(Self { sender, connection: tokio::spawn(connection), deadline: DEADLINE })
    }

    /// Another deadline than 20 s for each single operation.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sends a request and reads its response; several may run at once.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn request(&self, request: &Request) -> Result<Response, ClientError> {
        let mut stream = self.open(request, request.body.is_empty()).await?;
        if !request.body.is_empty() {
            // A peer may answer and reset before it has read the body; its answer says more than that.
            let _ = stream.send_body(request.body.clone(), true).await;
        }
        stream.response().await
    }

    /// Sends a GET to `localhost` and reads its response.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn get(&self, target: &str) -> Result<Response, ClientError> {
        self.request(&Request::get(target)).await
    }

    /// Sends a request's head; `ended` if there is no body.
    ///
    /// # Errors
    /// The connection takes no stream.
    pub async fn open(&self, request: &Request, ended: bool) -> Result<H2Stream, ClientError> {
        let mut sender = timed(self.deadline, "open a stream", self.sender.clone().ready()).await?;
        let (response, send) = sender.send_request(request.to_http2(), ended)?;
        Ok(H2Stream { send, response, deadline: self.deadline })
    }

    /// Waits until the peer has closed the connection: `None` if in order, else with what reason.
    ///
    /// # Panics
    /// After `deadline`.
    pub async fn closed(self, deadline: Duration) -> Option<h2::Error> {
        let Self { sender, connection, .. } = self;
        // Held, so that it is the peer that ends the connection.
        let outcome = tokio::time::timeout(deadline, connection).await;
        drop(sender);
        outcome.expect("the peer has not closed the connection").unwrap().err()
    }

    /// Ends the connection at once, whatever runs on it.
    pub fn abort(self) {
        self.connection.abort();
    }
}

impl H2Stream {
    /// Sends a piece of the body as the peer's flow control allows; `ended` if it is the last.
    ///
    /// # Errors
    /// The stream was reset, or takes nothing before the deadline.
    pub async fn send_body(
        &mut self,
        body: impl Into<Bytes>,
        ended: bool,
    ) -> Result<(), ClientError> {
        let mut body = body.into();
        while !body.is_empty() {
            self.send.reserve_capacity(body.len());
            let capacity = std::future::poll_fn(|context| self.send.poll_capacity(context));
            let granted = tokio::time::timeout(self.deadline, capacity).await;
            let granted = granted.map_err(|_| timeout(self.deadline, "send a body"))?;
            let granted = granted.ok_or_else(|| h2::Error::from(Reason::STREAM_CLOSED))??;
            self.send.send_data(body.split_to(granted.min(body.len())), false)?;
        }
        if ended {
            self.send.send_data(Bytes::new(), true)?;
        }
        Ok(())
    }

    /// Reads the whole response.
    ///
    /// # Errors
    /// There is no whole response.
    pub async fn response(self) -> Result<Response, ClientError> {
        let deadline = self.deadline;
        let (head, mut stream) = self.head().await?;
        let mut body = Vec::new();
        while let Some(piece) = timed_option(deadline, "read a body", stream.data()).await? {
            let _ = stream.flow_control().release_capacity(piece.len());
            body.extend_from_slice(&piece);
        }
        let trailers = timed(deadline, "read trailers", stream.trailers()).await?;
        let trailers = trailers.as_ref().map(Headers::from_map).unwrap_or_default();
        let length = body.len() as u64;
        Ok(Response { interim: Vec::new(), head, body, length, trailers })
    }

    /// Reads the response's head and hands out its body.
    ///
    /// # Errors
    /// There is no head.
    pub async fn head(self) -> Result<(Head, RecvStream), ClientError> {
        let response = timed(self.deadline, "read a head", self.response).await?;
        let (parts, stream) = response.into_parts();
        let headers = Headers::from_map(&parts.headers);
        Ok((
            Head { version: 20, status: parts.status.as_u16(), reason: String::new(), headers },
            stream,
        ))
    }

    /// Resets the stream.
    pub fn reset(mut self, reason: Reason) {
        self.send.send_reset(reason);
    }
}

fn timeout(waited: Duration, doing: &'static str) -> ClientError {
    ClientError::Timeout { waited, doing, unread: String::new() }
}

async fn timed<T>(
    deadline: Duration,
    doing: &'static str,
    work: impl Future<Output = Result<T, h2::Error>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(deadline, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(timeout(deadline, doing)),
    }
}

async fn timed_option<T>(
    deadline: Duration,
    doing: &'static str,
    work: impl Future<Output = Option<Result<T, h2::Error>>>,
) -> Result<Option<T>, ClientError> {
    timed(deadline, doing, async { work.await.transpose() }).await
}
