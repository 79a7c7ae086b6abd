//! The admin listener: TCP or a Unix socket, few connections, bounded heads.

use super::State;
use super::access::Access;
use super::events::{MOST_LISTENERS, look_at_instances};
use crate::reload::Reloader;
use crate::secret::Secret;
use crate::serve::Stage;
use crate::shared::Shared;
use crate::snapshot::Rejection;
use hither_config::{AdminAddress, AdminPlan};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};

const MAX_CONNECTIONS: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A bound admin listener.
pub(crate) struct Admin {
    socket: Socket,
    state: Arc<State>,
}

impl Admin {
    /// Binds what `plan` names.
    ///
    /// # Errors
    /// The address cannot be bound, or the token's file cannot be read or is empty.
    pub(crate) async fn bind(
        plan: &AdminPlan,
        reloader: Arc<Reloader>,
        shared: Arc<Shared>,
        stage: watch::Receiver<Stage>,
    ) -> Result<Admin, Rejection> {
        let token = plan.token_file.as_deref().map(read_token).transpose()?;
        let socket = match &plan.address {
            AdminAddress::Tcp(address) => TcpListener::bind(address).await.map(Socket::Tcp),
            AdminAddress::Unix(path) => bind_unix(path).map(|s| Socket::Unix(s, path.clone())),
        };
        let socket = socket
            .map_err(|error| Rejection::Other(format!("admin.address cannot be bound: {error}")))?;
        let access = Access::new(token);
        let listeners = Arc::new(Semaphore::new(MOST_LISTENERS));
        let state = State { reloader, shared, stage, access, listeners };
        Ok(Admin { socket, state: Arc::new(state) })
    }

    /// Answers for ever.
    pub(crate) async fn serve(self) {
        let Admin { socket, state } = self;
        tokio::spawn(look_at_instances(state.shared.clone()));
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        match &socket {
            Socket::Tcp(listener) => {
                if let Ok(address) = listener.local_addr() {
                    tracing::info!(%address, "admin listening");
                }
            }
            Socket::Unix(_, path) => {
                tracing::info!(address = %format!("unix:{}", path.display()), "admin listening");
            }
        }
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let accepted = match &socket {
                Socket::Tcp(listener) => listener.accept().await.map(|(io, _)| Io::Tcp(io)),
                Socket::Unix(listener, _) => listener.accept().await.map(|(io, _)| Io::Unix(io)),
            };
            let state = state.clone();
            match accepted {
                Ok(io) => drop(tokio::spawn(async move {
                    match io {
                        Io::Tcp(io) => connection(io, state).await,
                        Io::Unix(io) => connection(io, state).await,
                    }
                    drop(place);
                })),
                Err(_) => tokio::time::sleep(ACCEPT_BACK_OFF).await,
            }
        }
    }
}

enum Io {
    Tcp(tokio::net::TcpStream),
    Unix(tokio::net::UnixStream),
}

async fn connection(io: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(state.answer(request).await) }
    });
    // A connection that breaks is its client's concern.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(io), service)
        .await;
}

/// A socket file that nobody listens on is left over from a process that was killed.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    if let Ok(metadata) = std::fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file is in its place"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

fn read_token(path: &Path) -> Result<Secret, Rejection> {
    Secret::read(path)
        .map_err(|why| Rejection::Other(format!("admin.token_file {}: {why}", path.display())))
}
