//! One thread, one runtime, one proxy: accepts connections and runs each to its end.
//!
//! A thread shares nothing with the others on a request's way but counters; the kernel spreads
//! connections over the threads' sockets (SO_REUSEPORT).

use super::answer;
use super::connection::Connection;
use super::door::Inside;
use super::drain::Drain;
use super::guard::{Guard, NextRequest};
use super::handler::Handler;
use super::link::Links;
use super::listen::{Bound, Listeners};
use super::reserve::is_out_of_descriptors;
use super::tls::{ClientStream, Secured, Spoken, Tls};
use crate::fault::Fault;
use crate::shared::Shared;
use pingora_core::apps::{HttpServerApp, HttpServerOptions, ServerApp};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::v2::server::default_h2_options;
use pingora_core::server::configuration::ServerConf;
use pingora_proxy::{HttpProxy, ProxyServiceBuilder};
use std::collections::HashMap;
use std::io;
use std::mem::ManuallyDrop;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

type Proxy = HttpProxy<Handler, Links>;

/// An HTTP/2 connection without a stream is closed after this.
const HTTP2_IDLE: Duration = Duration::from_secs(75);

/// After a failed accept (out of descriptors, mostly) before the next.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(50);

/// Where a worker stands in the life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Accepting.
    Serving,
    /// No new connections; what runs may finish.
    Draining,
}

/// What a worker thread is given.
pub(crate) struct Worker {
    /// Its place among the workers: which socket of each listener is its own.
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) listeners: watch::Receiver<Listeners>,
    pub(crate) stage: watch::Receiver<Stage>,
}

impl Worker {
    /// Runs until drained. Returns once the last connection has ended.
    pub(crate) async fn run(mut self) {
        let proxy = Arc::new(new_proxy(&self.shared, &self.stage));
        let (draining, shutdown) = watch::channel(false);
        let (alive, mut last_one_out) = mpsc::channel::<()>(1);
        let drain = Arc::<Drain>::default();
        let shared = self.shared.clone();
        let line = Line { proxy, shared, drain: drain.clone(), shutdown, _alive: alive };
        let mut accepting: HashMap<SocketAddr, watch::Sender<bool>> = HashMap::new();
        while *self.stage.borrow() == Stage::Serving {
            let listeners = self.listeners.borrow_and_update().clone();
            accepting.retain(|address, _| listeners.iter().any(|b| b.address == *address));
            for bound in listeners.iter() {
                accepting.entry(bound.address).or_insert_with(|| {
                    let (keep, stop) = watch::channel(false);
                    line.clone().listen(bound.clone(), self.index, stop);
                    keep
                });
            }
            tokio::select! {
                changed = self.listeners.changed() => if changed.is_err() { break },
                changed = self.stage.changed() => if changed.is_err() { break },
            }
        }
        accepting.clear();
        let _ = draining.send(true);
        drain.begin();
        drop(line);
        let _ = last_one_out.recv().await;
    }
}

fn new_proxy(shared: &Arc<Shared>, stage: &watch::Receiver<Stage>) -> Proxy {
    let conf = ServerConf {
        threads: 1,
        // The handler counts attempts itself; this is only Pingora's own outer bound.
        max_retries: usize::from(u8::MAX),
        // For HTTP/2 instances; the others are in `link`.
        upstream_keepalive_pool_size: shared.upstream_keepalive,
        ..ServerConf::default()
    };
    let handler = Handler::new(shared.clone(), stage.clone());
    let mut proxy = with_links(handler, Arc::new(conf), Links::new(shared.upstream_keepalive));
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(HTTP2_IDLE);
    proxy.server_options = Some(options);
    proxy.h2_options = Some(default_h2_options());
    proxy
}

/// Pingora makes a proxy with a connector of one's own only inside a service for its own server, and
/// lends it from there. The accept loop is ours, so the proxy is taken out.
#[allow(unsafe_code, reason = "Pingora 0.9.1 has no other way to own such a proxy")]
fn with_links(handler: Handler, conf: Arc<ServerConf>, links: Links) -> Proxy {
    let builder = ProxyServiceBuilder::new(&conf, handler);
    // For clients of another protocol than HTTP, which the guard lets none of in.
    let service = builder.custom(links, Arc::new(|_, _, _| Box::pin(async { None }))).build();
    let mut service = ManuallyDrop::new(service);
    match service.app_logic_mut() {
        // SAFETY: the reference is valid, and the service that owned the proxy is never used or
        // dropped again, so the proxy has one owner. The service's name and its empty list of
        // listeners are leaked, once per thread.
        Some(proxy) => unsafe { std::ptr::read(proxy) },
        None => unreachable!("a service that was just built has its application"),
    }
}

/// All that a connection's task needs.
#[derive(Clone)]
struct Line {
    proxy: Arc<Proxy>,
    shared: Arc<Shared>,
    drain: Arc<Drain>,
    /// The same for Pingora, in the form that it asks for.
    shutdown: watch::Receiver<bool>,
    /// Held by every task of the thread: when all are gone, so is the last connection.
    _alive: mpsc::Sender<()>,
}

impl Line {
    /// Accepts from `bound` until `stop`'s sender is dropped.
    fn listen(self, bound: Arc<Bound>, index: usize, mut stop: watch::Receiver<bool>) {
        let listener = match bound.socket(index) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(listener = %bound.configured, %error, "cannot accept");
                return;
            }
        };
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = stop.changed() => break,
                };
                match accepted {
                    Ok((io, peer)) => self.accepted(io, peer, &bound),
                    Err(error) => self.not_accepted(&error, &listener, &bound).await,
                }
            }
            self.empty_backlog(&listener, &bound).await;
        });
    }

    /// Closing a SO_REUSEPORT socket drops what waits in its accept queue; so take that first.
    async fn empty_backlog(&self, listener: &TcpListener, bound: &Bound) {
        while let Ok(Ok((io, peer))) =
            tokio::time::timeout(Duration::from_millis(1), listener.accept()).await
        {
            self.accepted(io, peer, bound);
        }
    }

    fn accepted(&self, io: TcpStream, peer: SocketAddr, bound: &Bound) {
        let Some(io) = self.shared.descriptors.pass(io) else {
            return self.shared.telemetry.shed_for_descriptors(1);
        };
        let address = peer.ip().to_canonical();
        let entered = self
            .shared
            .door(&bound.configured, address)
            .map(|(rules, now)| bound.door.enter(address, rules, now))
            .transpose();
        let inside = match entered {
            Ok(inside) => inside,
            Err(shut) => return self.shared.telemetry.shed(address, shut.name()),
        };
        let _ = io.set_nodelay(true);
        let listener = bound.configured.clone();
        let Some(tls) = self.shared.tls(&listener) else {
            let connection = Connection::new(peer, listener, None);
            let guard = Guard::new(ClientStream::Clear(io), Spoken::Either, connection.clone());
            tokio::spawn(self.clone().serve(guard, connection, inside));
            return;
        };
        let line = self.clone();
        tokio::spawn(async move {
            let Some((io, secured, spoken)) = line.shake_hands(&tls, io, &listener).await else {
                return;
            };
            let connection = Connection::new(peer, listener, Some(secured));
            let guard = Guard::new(io, spoken, connection.clone());
            line.serve(guard, connection, inside).await;
        });
    }

    /// TLS, within the time that a head may take.
    async fn shake_hands(
        &self,
        tls: &Tls,
        io: TcpStream,
        listener: &str,
    ) -> Option<(ClientStream, Secured, Spoken)> {
        let patience = self.shared.patience(listener).head_timeout;
        let mut shutdown = self.shutdown.clone();
        let draining = async move { drop(shutdown.wait_for(|begun| *begun).await) };
        let shaken = tokio::time::timeout(patience, tls.handshake(io, draining)).await;
        let (result, secured) = match shaken {
            Ok(Ok(secured)) => ("done", Some(secured)),
            Ok(Err(failure)) => (failure.name(), None),
            Err(_) => ("late", None),
        };
        self.shared.telemetry.handshake(result);
        secured
    }

    /// Out of descriptors, mostly: those who are served go on, those who wait to be are closed.
    async fn not_accepted(&self, error: &io::Error, listener: &TcpListener, bound: &Bound) {
        self.shared.telemetry.accept_failed(&bound.configured, error);
        if is_out_of_descriptors(error) {
            let shed = self.shared.descriptors.shed(listener).await;
            self.shared.telemetry.shed_for_descriptors(shed);
        }
        tokio::time::sleep(ACCEPT_BACK_OFF).await;
    }

    async fn serve(
        self,
        mut guard: Box<Guard>,
        connection: Arc<Connection>,
        _inside: Option<Inside>,
    ) {
        let _open = self.shared.telemetry.connection_opened();
        let _enrolled = self.drain.enrol().await;
        let mut first = true;
        loop {
            let patience = self.shared.patience(&connection.listener);
            let next = guard.next(patience, first, &self.drain).await;
            match next {
                NextRequest::Gone => return,
                NextRequest::Refused(fault) => return self.refuse(guard, &connection, fault).await,
                NextRequest::Http2 => {
                    self.proxy.process_new(guard, &self.shutdown).await;
                    if let Some(excess) = connection.excess() {
                        let client = connection.peer.ip().to_canonical();
                        self.shared.telemetry.shed(client, excess.name());
                    }
                    return;
                }
                NextRequest::Http1 => {
                    let session = ServerSession::new_http1(guard);
                    let Some(reused) = self.proxy.process_new_http(session, &self.shutdown).await
                    else {
                        return;
                    };
                    let Ok(same) = reused.consume().0.into_any().downcast::<Guard>() else {
                        return;
                    };
                    guard = same;
                }
            }
            first = false;
        }
    }

    async fn refuse(&self, guard: Box<Guard>, connection: &Connection, fault: Fault) {
        let id = super::request_id::RequestId::random();
        let bytes = answer::raw(fault, &id);
        let edge = &self.shared.snapshot().edge;
        let here = (&*edge.name, &*edge.region);
        self.shared.telemetry.head_refused(connection.peer, here, fault, &id);
        guard.refuse(&bytes).await;
    }
}
