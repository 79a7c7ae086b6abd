//! Asking an instance: a connection and its time, or one HTTP request whose status counts.
//!
//! Everything is bounded: in time by the caller, in bytes here. Instances are not trusted.

use bytes::Bytes;
use hither_config::HttpCheckPlan;
use http::{Request, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// The head of an answer; a health page needs no more, and its body is not read.
const MOST_HEAD: usize = 16 * 1024;

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    /// No connection.
    #[error("{0}")]
    Connect(#[from] io::Error),
    /// No answer, or none that is HTTP.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The path or a header is none, which a checked plan has not.
    #[error("{0}")]
    Request(#[from] http::Error),
    /// An answer that does not count; redirects are not followed.
    #[error("status {}", .0.as_u16())]
    Status(StatusCode),
    /// Its time is over.
    #[error("nothing in {0:?}")]
    Timeout(Duration),
}

/// Connects and leaves at once. The connection is reset rather than closed: the instance's
/// application seldom sees it, and nothing of it lingers on either side.
pub(super) async fn connect(address: SocketAddr) -> io::Result<Duration> {
    let began = Instant::now();
    let stream = TcpStream::connect(address).await?;
    let took = began.elapsed();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(took)
}

/// One request on a connection of its own.
pub(super) async fn http(
    address: SocketAddr,
    http2: bool,
    plan: &HttpCheckPlan,
) -> Result<(), CheckError> {
    let io = TokioIo::new(TcpStream::connect(address).await?);
    let request = request(address, http2, plan)?;
    let status = if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(MOST_HEAD as u32);
        let (mut sender, connection) = builder.handshake(io).await?;
        drive(sender.send_request(request), connection).await?
    } else {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(MOST_HEAD);
        let (mut sender, connection) = builder.handshake(io).await?;
        drive(sender.send_request(request), connection).await?
    };
    if status.is_success() { Ok(()) } else { Err(CheckError::Status(status)) }
}

/// The status of an answer, while the connection moves on.
async fn drive<B>(
    answer: impl Future<Output = hyper::Result<http::Response<B>>>,
    connection: impl Future<Output = hyper::Result<()>>,
) -> hyper::Result<StatusCode> {
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer.map(|answer| answer.status()),
        ended = &mut connection => {
            ended?;
            // It ended well, so the answer is there, or the reason why there is none.
            answer.await.map(|answer| answer.status())
        }
    }
}

fn request(
    address: SocketAddr,
    http2: bool,
    plan: &HttpCheckPlan,
) -> http::Result<Request<Empty<Bytes>>> {
    let host = plan.headers.iter().find(|(name, _)| name == "host");
    let host = host.map_or_else(|| address.to_string(), |(_, host)| host.clone());
    let mut request = Request::builder().method(plan.method.as_str());
    // HTTP/2 has the host in its target, HTTP/1.1 beside it.
    request = if http2 {
        request.version(http::Version::HTTP_2).uri(format!("http://{host}{}", plan.path))
    } else {
        request.uri(&plan.path).header(header::HOST, host).header(header::CONNECTION, "close")
    };
    let agent = concat!("hither/", env!("CARGO_PKG_VERSION"), " (health check)");
    if !plan.headers.iter().any(|(name, _)| name == "user-agent") {
        request = request.header(header::USER_AGENT, agent);
    }
    for (name, value) in plan.headers.iter().filter(|(name, _)| name != "host") {
        request = request.header(name, value);
    }
    request.body(Empty::new())
}
