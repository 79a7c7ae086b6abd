//! `GET /events`: server-sent events (HTML Living Standard, section 9.2), as they happen: swaps, rollouts, health,
//! bands, some requests. Who reads too slowly loses events and is told how many.

use super::{Answer, State, problem};
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::telemetry::{Listener, Told};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Either;
use hyper::body::{Body, Frame};
use serde_json::json;
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, broadcast::error::RecvError, mpsc};

/// Listeners at once: others of the admin API's connections must be left.
pub(super) const MOST_LISTENERS: usize = 16;
/// A comment goes out so often, by which a listener that is gone is found.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Health and bands are looked at so often while anybody listens.
const LOOK: Duration = Duration::from_millis(500);

/// Begins to tell.
pub(super) fn events(state: &State) -> Answer {
    let Ok(place) = state.listeners.clone().try_acquire_owned() else {
        let words = format!("{MOST_LISTENERS} listen already");
        return problem(StatusCode::SERVICE_UNAVAILABLE, &words);
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(pass_on(state.shared.telemetry.events.listen(), sender, place));
    let mut answer = Response::new(Either::Right(Stream(receiver)));
    let headers = answer.headers_mut();
    let kind = header::HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    answer
}

/// What is still to be sent.
pub(super) struct Stream(mpsc::Receiver<Bytes>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// From the ring to one listener, until that is gone.
async fn pass_on(mut heard: Listener, to: mpsc::Sender<Bytes>, _place: OwnedSemaphorePermit) {
    // At once, so that whoever asked knows that from now on nothing is missed.
    let mut next = Bytes::from_static(b": hither\n\n");
    while to.send(next).await.is_ok() {
        let told = tokio::select! {
            told = tokio::time::timeout(HEARTBEAT, heard.receiver.recv()) => told,
            () = to.closed() => return,
        };
        next = match told {
            Ok(Ok(Told { kind, data })) => format!("event: {kind}\ndata: {data}\n\n").into(),
            Ok(Err(RecvError::Lagged(lost))) => {
                format!("event: lost\ndata: {{\"events\": {lost}}}\n\n").into()
            }
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => Bytes::from_static(b":\n\n"),
        };
    }
}

/// Tells what changed of instances since the last look, while anybody listens. Runs for ever.
pub(super) async fn look_at_instances(shared: Arc<Shared>) {
    let mut known = HashMap::new();
    loop {
        tokio::time::sleep(LOOK).await;
        if !shared.telemetry.events.are_heard() {
            known.clear();
            continue;
        }
        let now = look(&shared.snapshot());
        for (instance, state) in &now {
            if let Some(before) = known.get(instance) {
                tell(&shared, instance, *before, *state);
            }
        }
        known = now;
    }
}

/// Service and id.
type Instance = (Arc<str>, String);
/// Whether it is healthy, and its band.
type Standing = (bool, &'static str);

fn look(snapshot: &Snapshot) -> HashMap<Instance, Standing> {
    let mut found = HashMap::new();
    for service in &snapshot.services {
        for instance in service.balancer.instances() {
            let healthy = instance.healthy && instance.ejected_until.is_none();
            let standing = (healthy, instance.band.name());
            found.insert((service.name.clone(), instance.id.to_string()), standing);
        }
    }
    found
}

fn tell(shared: &Shared, (service, instance): &Instance, before: Standing, now: Standing) {
    let events = &shared.telemetry.events;
    let ((was_healthy, old_band), (healthy, band)) = (before, now);
    if was_healthy != healthy {
        events.tell(
            "health",
            || json!({ "service": **service, "instance": instance, "healthy": healthy }),
        );
    }
    if old_band != band {
        events.tell("band", || json!({ "service": **service, "instance": instance, "band": band }));
    }
}
