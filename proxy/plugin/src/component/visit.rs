//! One request on one instance: started, called, and ended by its own end, its budgets, or whoever drops it.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::body::{AnswerBody, Ending};
use super::host::Component;
use super::meter::{Meter, Metered};
use super::prints::Prints;
use super::visitor::Visitor;
use crate::fault::{Failure, bounded};

/// Bytes handed over in one host call.
const HANDED_OVER: usize = 2 << 20;
/// Handles inside the instance, beside the host's own table.
const HANDLES: usize = 4096;

/// A request that is being answered. The run must be polled for anything to happen, and dropping it ends the
/// guest; once the head has come, it goes on beside the body that it writes.
pub struct Visit<R> {
    /// The answer's head, with the body to be. An error: there will be none, and the run tells why.
    pub head: oneshot::Receiver<Response<AnswerBody>>,
    /// The guest.
    pub run: R,
}

/// How a visit went.
#[derive(Debug)]
pub struct Visited {
    /// Whether the guest came to its own end, with an answer.
    pub outcome: Result<(), Failure>,
    /// From begin to end.
    pub time: Duration,
    /// The processor's part of it.
    pub processor: Duration,
    /// Bytes of linear memory that the instance held at its end; zero where it was ended from outside.
    pub memory: usize,
}

/// What the guest answered, before it is looked at.
type Answer =
    Result<Response<HyperOutgoingBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>;

impl Component {
    /// Answers a request on an instance of its own. Its target is in origin form and it has a host.
    pub fn visit<B>(
        self: &Arc<Self>,
        request: Request<B>,
        exchange: u64,
    ) -> Visit<impl Future<Output = Visited> + Send + 'static>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error,
    {
        let (tell, head) = oneshot::channel();
        Visit { head, run: Arc::clone(self).run(request, exchange, tell) }
    }

    async fn run<B>(
        self: Arc<Self>,
        request: Request<B>,
        exchange: u64,
        tell: oneshot::Sender<Response<AnswerBody>>,
    ) -> Visited
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error,
    {
        let begin = Instant::now();
        let meter = Meter::new(self.enrol(), self.budget().time);
        let metered = Metered::new(Arc::clone(&meter), self.call(request, exchange, tell, &meter));
        let (outcome, memory) = match tokio::time::timeout(self.budget().wait, metered).await {
            Ok(ended) => ended,
            Err(_) => (Err(Failure::Wait), 0),
        };
        Visited { outcome, time: begin.elapsed(), processor: meter.spent(), memory }
    }

    async fn call<B>(
        &self,
        request: Request<B>,
        exchange: u64,
        tell: oneshot::Sender<Response<AnswerBody>>,
        meter: &Arc<Meter>,
    ) -> (Result<(), Failure>, usize)
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error,
    {
        let prints = Prints::new(Arc::clone(&self.press), exchange);
        let mut store = self.store(Arc::clone(meter), &prints);
        let called = self.answer(&mut store, request, tell).await;
        let memory = store.data().memory.used();
        if called.is_ok() {
            store.data_mut().ended.well();
        }
        (called.map_err(|failure| failure.after(prints.last_words())), memory)
    }

    fn store(&self, meter: Arc<Meter>, prints: &Prints) -> Store<Visitor> {
        let visitor = Visitor::new(self.budget().memory, meter, prints, &self.environment);
        let mut store = Store::new(self.pre.engine(), visitor);
        store.limiter(|visitor| &mut visitor.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| Ok(store.data().meter.tick()));
        store.set_hostcall_fuel(HANDED_OVER);
        store.set_max_component_handles(HANDLES);
        store
    }

    async fn answer<B>(
        &self,
        store: &mut Store<Visitor>,
        request: Request<B>,
        tell: oneshot::Sender<Response<AnswerBody>>,
    ) -> Result<(), Failure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error,
    {
        let instance = self.pre.instantiate_async(&mut *store).await;
        let instance =
            instance.map_err(|error| Failure::of_start(&error, store.data().memory.refused()))?;
        let request = request.map(|body| {
            let error = |error: B::Error| Error::InternalError(Some(error.to_string()));
            http_body_util::BodyExt::map_err(body, error)
        });
        let ending = store.data().ended.ending();
        // The edge says it there, whatever the client says.
        let scheme = match request.headers().get("x-forwarded-proto") {
            Some(told) if told.as_bytes().eq_ignore_ascii_case(b"https") => Scheme::Https,
            _ => Scheme::Http,
        };
        let (said, hear) = std::sync::mpsc::sync_channel(1);
        let mut http = store.data_mut().http();
        let handed = http.new_incoming_request(scheme, request).and_then(|request| {
            let answered = move |answer| drop(said.try_send(pass_on(answer, tell, ending)));
            Ok((request, http.new_response_outparam_from_callback(answered)?))
        });
        let (request, out) =
            handed.map_err(|error| Failure::Trap(bounded(&format!("{error:#}"))))?;
        let handler = instance.wasi_http_incoming_handler();
        let called = handler.call_handle(&mut *store, request, out).await;
        // What it said first tells more than how it ended.
        match (hear.try_recv().ok(), called) {
            (Some(Err(failure)), _) => Err(failure),
            (_, Err(error)) => Err(Failure::of_run(&error, store.data().memory.refused())),
            (None, Ok(())) => Err(Failure::NoAnswer),
            (Some(Ok(())), Ok(())) => Ok(()),
        }
    }
}

/// Gives the head on, unless it is none.
fn pass_on(
    answer: Answer,
    tell: oneshot::Sender<Response<AnswerBody>>,
    ending: Ending,
) -> Result<(), Failure> {
    let answer = answer
        .map_err(|code| Failure::Refused(bounded(&format!("{code:?}"))))?
        .map(|body| AnswerBody::new(body, ending));
    if answer.status().is_informational() {
        let reason = format!("a status of {} is no answer", answer.status().as_u16());
        return Err(Failure::InvalidOutput(reason));
    }
    // Nobody may be there any more to hear it.
    let _ = tell.send(answer);
    Ok(())
}
