//! Talking to a running edge through its admin API.

use crate::app;
use crate::snapshot::Rejection;
use bytes::Bytes;
use hither_config::AdminAddress;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// A reload compiles plugins, and may fetch them from a server that is slow.
const TIMEOUT: Duration = Duration::from_secs(300);
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Which running edge.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// The configuration file that it runs with, which names its admin address
    #[arg(long, short, value_name = "FILE", default_value = "hither.toml")]
    config: PathBuf,
    /// Its admin address, when the configuration is not at hand: IP:PORT or unix:PATH
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// The file with the admin token, with --admin
    #[arg(long, value_name = "FILE", requires = "admin")]
    token_file: Option<PathBuf>,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// The configuration that names the edge cannot be used.
    Config(Rejection),
    /// Nobody is there.
    Nobody(String),
    /// Something else, in words.
    Other(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAnswer::Config(rejection) => rejection.fmt(f),
            NoAnswer::Nobody(words) | NoAnswer::Other(words) => f.write_str(words),
        }
    }
}

/// Where an edge is administered, and the file with the token for it.
type Place = (AdminAddress, Option<PathBuf>);

impl Target {
    /// Sends one request and gives status and JSON of the answer.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, Value), NoAnswer> {
        self.send(method, path, Bytes::new())
    }

    /// The same with a body.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Value), NoAnswer> {
        let (address, token_file) = self.place()?;
        let other = |why: String| NoAnswer::Other(why);
        let token = match token_file {
            Some(path) => Some(
                std::fs::read_to_string(&path)
                    .map_err(|error| other(format!("{}: {error}", path.display())))?,
            ),
            None => None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| other(error.to_string()))?;
        let request = request(method, path, body, token.as_deref()).map_err(other)?;
        runtime.block_on(async {
            tokio::time::timeout(TIMEOUT, send(&address, request))
                .await
                .map_err(|_| other("the edge did not answer in time".to_owned()))?
        })
    }

    /// The configuration, unless the edge was named by its address.
    pub(super) fn config(&self) -> Option<&Path> {
        self.admin.is_none().then_some(self.config.as_path())
    }

    fn place(&self) -> Result<Place, NoAnswer> {
        let Some(text) = &self.admin else {
            let plan = app::admin_of(self.config.clone()).map_err(NoAnswer::Config)?;
            return Ok((plan.address, plan.token_file));
        };
        let address = match text.strip_prefix("unix:") {
            Some(path) => AdminAddress::Unix(path.into()),
            None => AdminAddress::Tcp(text.parse::<SocketAddr>().map_err(|_| {
                let help = "write 127.0.0.1:9900 or unix:/run/hither.sock";
                NoAnswer::Other(format!("--admin {text}: {help}"))
            })?),
        };
        Ok((address, self.token_file.clone()))
    }
}

fn request(
    method: Method,
    path: &str,
    body: Bytes,
    token: Option<&str>,
) -> Result<Request<Full<Bytes>>, String> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.trim()));
    }
    request.body(Full::new(body)).map_err(|error| error.to_string())
}

async fn send(
    address: &AdminAddress,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Value), NoAnswer> {
    let unreachable = |error: std::io::Error| {
        let place = match address {
            AdminAddress::Tcp(address) => address.to_string(),
            AdminAddress::Unix(path) => path.display().to_string(),
        };
        NoAnswer::Nobody(format!("no edge answers at {place}: {error}; is `hither run` up?"))
    };
    let answer = match address {
        AdminAddress::Tcp(tcp) => {
            exchange(tokio::net::TcpStream::connect(tcp).await.map_err(unreachable)?, request).await
        }
        AdminAddress::Unix(unix) => {
            exchange(tokio::net::UnixStream::connect(unix).await.map_err(unreachable)?, request)
                .await
        }
    };
    answer.map_err(NoAnswer::Other)
}

async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Value), String> {
    let words = |error: hyper::Error| format!("the edge's answer: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(words)?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(words)?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER)
        .collect()
        .await
        .map_err(|error| format!("the edge's answer: {error}"))?
        .to_bytes();
    let value = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    Ok((status, value))
}
