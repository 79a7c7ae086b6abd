//! Talking to a running edge through its admin API.

use crate::app;
use bytes::Bytes;
use hither_config::{AdminAddress, AdminPlan};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// A reload compiles plugins.
const TIMEOUT: Duration = Duration::from_secs(120);
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

impl Target {
    /// Sends one request and gives status and JSON of the answer.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, Value), String> {
        let plan = self.plan()?;
        let token = match &plan.token_file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|error| format!("{}: {error}", path.display()))?,
            ),
            None => None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            tokio::time::timeout(TIMEOUT, send(&plan.address, method, path, token.as_deref()))
                .await
                .map_err(|_| "the edge did not answer in time".to_owned())?
        })
    }

    fn plan(&self) -> Result<AdminPlan, String> {
        let Some(text) = &self.admin else {
            return app::admin_of(self.config.clone()).map_err(|rejection| rejection.to_string());
        };
        let address = match text.strip_prefix("unix:") {
            Some(path) => AdminAddress::Unix(path.into()),
            None => AdminAddress::Tcp(text.parse::<SocketAddr>().map_err(|_| {
                format!("--admin {text}: write 127.0.0.1:9900 or unix:/run/hither.sock")
            })?),
        };
        Ok(AdminPlan { address, token_file: self.token_file.clone() })
    }
}

async fn send(
    address: &AdminAddress,
    method: Method,
    path: &str,
    token: Option<&str>,
) -> Result<(StatusCode, Value), String> {
    let unreachable = |error: std::io::Error| {
        let place = match address {
            AdminAddress::Tcp(address) => address.to_string(),
            AdminAddress::Unix(path) => path.display().to_string(),
        };
        format!("no edge answers at {place}: {error}; is `hither run` up?")
    };
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.trim()));
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    match address {
        AdminAddress::Tcp(tcp) => {
            exchange(tokio::net::TcpStream::connect(tcp).await.map_err(unreachable)?, request).await
        }
        AdminAddress::Unix(unix) => {
            exchange(tokio::net::UnixStream::connect(unix).await.map_err(unreachable)?, request)
                .await
        }
    }
}

async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
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
