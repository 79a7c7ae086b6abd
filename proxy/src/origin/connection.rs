//! One connection: HTTP/1.1 or, by prior knowledge, HTTP/2 (told apart by the preface, RFC 9113, section 3.3),
//! and what it becomes when it is upgraded.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::answer::{Desk, Identity};
use super::load::{Load, Place};
use super::socket;

/// A head of either version is at most 64 KiB and 128 lines: twice what the proxy lets through.
const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;

/// Requests that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 1_000;

/// How long a connection may be idle, or a head under way. Longer than a proxy keeps idle connections, so that
/// it is not the origin that closes them.
const IDLE: Duration = Duration::from_secs(75);

/// Holds the one upgrade that a connection can turn into, until its HTTP part is over.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<(OnUpgrade, Place)>>>);

impl Slot {
    pub(super) fn leave(&self, upgrade: OnUpgrade, place: Place) {
        *self.0.lock() = Some((upgrade, place));
    }

    fn take(&self) -> Option<(OnUpgrade, Place)> {
        self.0.lock().take()
    }
}

/// Tells a connection that the origin is closing.
#[derive(Debug, Clone)]
pub(super) struct Closing(watch::Receiver<bool>);

impl Closing {
    pub(super) fn new(told: watch::Receiver<bool>) -> Self {
        Self(told)
    }

    /// Completes once the origin is closing; at once if it already is, or is gone.
    pub(super) async fn asked(&mut self) {
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(
    stream: TcpStream,
    identity: Arc<Identity>,
    load: Arc<Load>,
    mut closing: Closing,
) {
    // Without it small answers wait for the peer's delayed acknowledgement; a socket that refuses still serves.
    let _ = stream.set_nodelay(true);
    let slot = Slot::default();
    let desk = Desk { identity, load, upgrade: slot.clone() };
    let service = service_fn(move |request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    {
        let builder = builder();
        let mut connection =
            pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        // How a connection ended is the peer's business; the proxy is where faults are counted.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = closing.asked() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
    if let Some((upgrade, _place)) = slot.take()
        && let Ok(upgraded) = upgrade.await
    {
        socket::echo(TokioIo::new(upgraded), closing).await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS);
    builder
}
