//! Which instance: ask the balancer, wait in its queue if need be, and keep the place.

use super::guard;
use crate::component::{Answerer, Answering};
use crate::decide::{fault_of, with_wanted};
use crate::fault::Fault;
use crate::serve::ctx::{Ctx, Failure, Place};
use crate::serve::link::door;
use crate::shared::Shared;
use crate::snapshot::{Concurrency, Endpoint, Service};
use futures_util::FutureExt;
use hither_balance::{Band, Permit, Picked, Refusal};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Chooses an instance for the next attempt.
pub(in crate::serve) async fn run(
    shared: &Shared,
    session: &mut Session,
    ctx: &mut Ctx,
) -> Result<Box<HttpPeer>> {
    let Some(service) = ctx.sight.service().cloned() else {
        return Err(fail(ctx, Fault::Internal.into()));
    };
    if let Some(answerer) = &service.component {
        return component(answerer, ctx);
    }
    // An attempt gives up its place before it takes another.
    ctx.place = None;
    ctx.deadlines = None;
    let before = ctx.failure.take();
    if ctx.attempts > 0 {
        service.metrics.retried();
    }
    ctx.attempts = ctx.attempts.saturating_add(1);
    ctx.active.get_or_insert_with(|| service.retries.enter());
    match place(shared, &service, session, ctx).await {
        Ok(place) => {
            let mut peer = place.instance().payload().peer();
            ctx.exchange
                .write_down(|record| record.chosen(place.instance(), place.permit().band()));
            ctx.place = Some(place);
            let now = Instant::now();
            ctx.attempt_started = Some(now);
            ctx.tries_until.get_or_insert(now + service.first_byte);
            if let Some(left) = ctx.time_left() {
                let connect = &mut peer.options.connection_timeout;
                *connect = Some(connect.map_or(left, |usual| usual.min(left)));
            }
            Ok(peer)
        }
        Err(failure) => {
            // That nobody else is there to try does not say what went wrong.
            let failure = before.filter(|_| failure.fault == Fault::NoInstance).unwrap_or(failure);
            Err(fail(ctx, failure))
        }
    }
}

/// The way to the service's component, if that has room: nobody waits for it.
fn component(answerer: &Arc<Answerer>, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
    ctx.attempts = ctx.attempts.saturating_add(1);
    let Some(answering) = Answering::begin(answerer, ctx.id.exchange()) else {
        return Err(fail(ctx, Failure::component_full()));
    };
    ctx.attempt_started = Some(Instant::now());
    ctx.answering = Some(answering.clone());
    Ok(door(answering))
}

fn fail(ctx: &mut Ctx, failure: Failure) -> Box<Error> {
    let status = failure.fault.status();
    ctx.failure = Some(failure);
    Error::new_in(ErrorType::HTTPStatus(status))
}

async fn place(
    shared: &Shared,
    service: &Arc<Service>,
    session: &mut Session,
    ctx: &mut Ctx,
) -> std::result::Result<Place, Failure> {
    let by_connection = match (service.concurrency, &ctx.connection) {
        (Concurrency::Connections, Some(connection)) => Some(connection.clone()),
        _ => None,
    };
    let Some(connection) = by_connection else {
        return permit(shared, service, session, ctx).await.map(Place::Request);
    };
    if ctx.attempts > 1 {
        connection.leave(&service.name);
    }
    if let Some(held) = connection.place(&service.name) {
        return Ok(Place::Connection(held));
    }
    let turn = connection.turn(&service.name);
    let _mine = match turn.clone().try_lock_owned() {
        Ok(mine) => mine,
        Err(_) => wait(service, turn.lock_owned().map(Ok), session, ctx).await?,
    };
    // Another stream may have found it meanwhile.
    if let Some(held) = connection.place(&service.name) {
        return Ok(Place::Connection(held));
    }
    let permit = permit(shared, service, session, ctx).await?;
    Ok(Place::Connection(connection.hold(&service.name, permit)))
}

async fn permit(
    shared: &Shared,
    service: &Service,
    session: &mut Session,
    ctx: &mut Ctx,
) -> std::result::Result<Permit<Endpoint>, Failure> {
    let picked = with_wanted(&ctx.wish, &ctx.tried, |wanted| {
        service.balancer.pick(wanted, &mut shared.rng(), service.clock.now())
    });
    match picked {
        Picked::Permit(permit) => {
            service.metrics.picked(permit.band() == Band::Busy);
            Ok(permit)
        }
        Picked::Refused(refusal) => Err(refused(service, &refusal)),
        Picked::Wait(waiter) => {
            service.metrics.not_picked("queued");
            let permit = wait(service, waiter, session, ctx).await?;
            service.metrics.waited(ctx.times.queue);
            Ok(permit)
        }
    }
}

/// Waits for its turn as long as the service and the request allow, and the client is there.
async fn wait<T>(
    service: &Service,
    turn: impl Future<Output = std::result::Result<T, Refusal>>,
    session: &mut Session,
    ctx: &mut Ctx,
) -> std::result::Result<T, Failure> {
    let began = Instant::now();
    // All attempts together wait in the queue as long as one may.
    let usual = service.queue_timeout.saturating_sub(ctx.times.queue);
    let patience = ctx.time_left().map_or(usual, |left| left.min(usual));
    let outcome = tokio::select! {
        biased;
        got = turn => got.map_err(|refusal| refused(service, &refusal)),
        () = client_left(session) => {
            service.metrics.dropped(Fault::ClientLeft.reason());
            Err(Fault::ClientLeft.into())
        }
        () = tokio::time::sleep(patience) => {
            service.metrics.dropped(Fault::QueueTimeout.reason());
            Err(Failure { retry_after: Some(RETRY_AFTER_TIMEOUT), ..Fault::QueueTimeout.into() })
        }
    };
    ctx.times.queue += began.elapsed();
    outcome
}

/// A queue that let somebody wait for its whole timeout is not about to be empty.
const RETRY_AFTER_TIMEOUT: Duration = Duration::from_secs(1);

/// Ready when the client is gone; a waiting client's body is not read.
pub(super) async fn client_left(session: &mut Session) {
    if let Some(guard) = guard(session) {
        return guard.client_left().await;
    }
    // HTTP/2: told when the stream is reset; `true` keeps it from reading the body.
    let _ = session.as_mut().read_body_or_idle(true).await;
}

fn refused(service: &Service, refusal: &Refusal) -> Failure {
    let (fault, retry_after) = fault_of(refusal);
    service.metrics.not_picked(fault.reason());
    if fault != Fault::NoInstance {
        service.metrics.dropped(fault.reason());
    }
    Failure { retry_after, ..fault.into() }
}
