//! One whole request to a service of ours and its whole answer, for whoever is no client: it takes a place on
//! an instance as every request does, in the queue if need be, and says to the balancer how that went. It is
//! tried once, on a connection of its own.
//!
//! Bounded in bytes here and in time by the caller, who may drop it at any moment.

use super::Endpoint;
use bytes::Bytes;
use hither_balance::{Balancer, Permit, Picked, Refusal, Wanted};
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The head of an answer.
const MOST_HEAD: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The balancer has no place.
    #[error("no instance can take it")]
    Refused(Refusal),
    /// No connection.
    #[error("the instance cannot be reached: {0}")]
    Connect(#[from] std::io::Error),
    /// What came is no answer.
    #[error("the instance gave no sound answer: {0}")]
    Http(#[from] hyper::Error),
    /// The body broke off.
    #[error("the answer broke off: {0}")]
    Body(String),
    /// Head and body must not be larger.
    #[error("the answer is too large")]
    TooLarge,
}

/// Sends `request`, whose target is a path, and gives the answer with its body of at most `most` bytes.
///
/// # Errors
/// Nobody could take it, or there was no sound answer.
pub(crate) async fn call(
    balancer: &Balancer<Endpoint>,
    now: impl Fn() -> Duration,
    request: Request<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, CallError> {
    let mut rng = fastrand::Rng::with_seed(fastrand::u64(..));
    let permit = match balancer.pick(&Wanted::default(), &mut rng, now()) {
        Picked::Permit(permit) => permit,
        Picked::Refused(refusal) => return Err(CallError::Refused(refusal)),
        Picked::Wait(turn) => turn.await.map_err(CallError::Refused)?,
    };
    let answer = exchange(&permit, request, most).await;
    match &answer {
        Ok(answer) if !answer.status().is_server_error() => permit.succeeded(),
        // That it is larger than the caller wants says nothing of the instance.
        Err(CallError::TooLarge) => {}
        Ok(_) | Err(_) => permit.failed(now()),
    }
    answer
}

async fn exchange(
    permit: &Permit<Endpoint>,
    request: Request<Bytes>,
    most: usize,
) -> Result<Response<Bytes>, CallError> {
    let (address, http2) = permit.payload().target();
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let request = addressed(request, address, http2);
    if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(MOST_HEAD as u32);
        let (mut sender, connection) = builder.handshake(io).await?;
        drive(async { whole(sender.send_request(request).await?, most).await }, connection).await
    } else {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MOST_HEAD);
        let (mut sender, connection) = builder.handshake(io).await?;
        drive(async { whole(sender.send_request(request).await?, most).await }, connection).await
    }
}

/// HTTP/2 has the host in its target, HTTP/1.1 beside it.
fn addressed(request: Request<Bytes>, address: SocketAddr, http2: bool) -> Request<Full<Bytes>> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    if http2 {
        head.version = http::Version::HTTP_2;
        head.uri = format!("http://{address}{path}").parse().unwrap_or(head.uri);
    } else {
        head.uri = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Ok(host) = HeaderValue::from_str(&address.to_string()) {
            head.headers.insert(header::HOST, host);
        }
    }
    Request::from_parts(head, Full::new(body))
}

async fn whole(answer: Response<Incoming>, most: usize) -> Result<Response<Bytes>, CallError> {
    let (head, body) = answer.into_parts();
    let size = |(name, value): (&http::HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    let left = most.checked_sub(head.headers.iter().map(size).sum()).ok_or(CallError::TooLarge)?;
    match Limited::new(body, left).collect().await {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLarge),
        Err(error) => Err(CallError::Body(error.to_string())),
    }
}

/// The answer, while the connection moves on.
async fn drive<T>(
    answer: impl Future<Output = Result<T, CallError>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> Result<T, CallError> {
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            // It ended well, so the answer is there, or the reason why there is none.
            answer.await
        }
    }
}
