//! One request that a component answers: it takes a place, is spoken to in HTTP/1 over a stream inside the
//! process, and gives the place back when the guest has ended.

use super::answerer::Answerer;
use super::message::{Unread, Written};
use super::places::Place;
use crate::fault::Fault;
use hither_plugin_host::{Failure, Visited};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

/// What lies between the client's side and the guest's, in each direction.
const BETWEEN: usize = 64 << 10;

/// The guard has bounded the client's lines; these are theirs and ours.
const MOST_LINES: usize = 512;

/// A request that a component answers.
pub(crate) struct Answering {
    answerer: Arc<Answerer>,
    exchange: u64,
    /// Taken along by whoever drives the guest.
    place: Mutex<Option<Place>>,
    failure: OnceLock<Failure>,
}

/// The guest's task.
type Guest = Mutex<Option<JoinHandle<Visited>>>;

impl Answering {
    /// None: the component answers as many as it may.
    pub(crate) fn begin(answerer: &Arc<Answerer>, exchange: u64) -> Option<Arc<Answering>> {
        let place = Mutex::new(Some(answerer.place()?));
        let (answerer, failure) = (answerer.clone(), OnceLock::new());
        Some(Arc::new(Answering { answerer, exchange, place, failure }))
    }

    /// Who answers.
    pub(crate) fn answerer(&self) -> &Answerer {
        &self.answerer
    }

    /// The fault behind an answer that did not come or broke off, if it is the component's.
    pub(crate) fn fault(&self) -> Option<Fault> {
        Some(match self.failure.get()? {
            Failure::Timeout | Failure::Wait => Fault::ComponentTimeout,
            Failure::NoInstance(_) => Fault::ComponentFull,
            _ => Fault::ComponentFailed,
        })
    }

    /// The stream to speak to it; dropping that ends the guest. Must be called on the thread that serves.
    pub(crate) fn open(self: &Arc<Self>) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(BETWEEN);
        tokio::spawn(self.clone().serve(theirs));
        ours
    }

    async fn serve(self: Arc<Self>, stream: DuplexStream) {
        let _place = self.place.lock().take();
        let (began, guest) = (Instant::now(), Guest::default());
        let service = service_fn(|request| self.answer(request, &guest));
        let mut server = http1::Builder::new();
        let server = server.keep_alive(false).max_headers(MOST_LINES);
        let served = server.serve_connection(TokioIo::new(stream), service).await;
        let Some(running) = guest.lock().take() else { return };
        if served.is_err() {
            // Nobody reads what it would still write. One that has ended already is not concerned.
            running.abort();
        }
        match running.await {
            Ok(visited) => self.ended(visited),
            Err(_) => self.answerer.given_up(began.elapsed()),
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        guest: &Guest,
    ) -> io::Result<Response<Written>> {
        let head_only = request.method() == Method::HEAD;
        let visit = self.answerer.component.visit(request.map(Unread::new), self.exchange);
        *guest.lock() = Some(tokio::spawn(visit.run));
        if let Ok(answer) = visit.head.await {
            return Ok(answer.map(|body| Written::new(body, head_only)));
        }
        // Without a head it has ended. What became of it must be known before the stream is closed.
        let running = guest.lock().take();
        if let Some(running) = running {
            match running.await {
                Ok(visited) => self.ended(visited),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Err(io::Error::other("there is no answer"))
    }

    fn ended(&self, visited: Visited) {
        self.answerer.ended(&visited);
        if let Err(failure) = visited.outcome {
            let _ = self.failure.set(failure);
        }
    }
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answering").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}
