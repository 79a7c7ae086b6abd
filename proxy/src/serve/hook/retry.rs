//! May a failed attempt be repeated, and at whose expense?
//!
//! A retry takes a part of the service's retry budget and of the time that all attempts share. Only
//! a connection that the instance had closed while it lay in the pool is replaced for nothing, once:
//! it says nothing about the instance.

use super::failover::{self, Advice, How};
use super::{guard, outcome};
use crate::fault::Fault;
use crate::serve::classify::classify;
use crate::serve::ctx::Ctx;
use http::StatusCode;
use pingora_core::{Error, ErrorSource, ErrorType, Result};
use pingora_proxy::Session;
use std::time::Duration;

/// Nothing was sent: always safe to repeat elsewhere.
pub(in crate::serve) fn after_connect(
    session: &mut Session,
    ctx: &mut Ctx,
    mut error: Box<Error>,
) -> Box<Error> {
    let fault = classify(&error, None, ctx);
    let retry = match failover::ask(session, ctx, How::Fault(fault)) {
        Advice::Stop => false,
        Advice::ByPolicy | Advice::Retry => elsewhere(ctx, fault),
    };
    error.set_retry(retry);
    error
}

/// Something was sent: safe only for what may be repeated (RFC 9110 section 9.2.2) and while its
/// body is still at hand.
pub(in crate::serve) fn after_send(
    session: &mut Session,
    ctx: &mut Ctx,
    mut error: Box<Error>,
    reused: bool,
) -> Box<Error> {
    if std::mem::take(&mut ctx.given_up) {
        // Decided when the answer was given up for it.
        error.set_retry(true);
        return error;
    }
    let retry = failed(ctx, &error) && again(session, ctx, &error, reused);
    error.set_retry(retry);
    error
}

/// The instance has answered with a failure: passed on, unless a plugin has it tried again or answers.
///
/// # Errors
/// It is not passed on.
pub(in crate::serve) fn after_answer(
    session: &mut Session,
    status: StatusCode,
    ctx: &mut Ctx,
) -> Result<()> {
    if !status.is_server_error() {
        return Ok(());
    }
    let advice = failover::ask(session, ctx, How::Status(status));
    if ctx.reply.is_none() && ctx.failure.is_none() {
        let retry = matches!(advice, Advice::Retry) && repeatable(session, ctx);
        if !retry || !elsewhere(ctx, Fault::AnswerGivenUp) {
            return Ok(());
        }
        ctx.given_up = true;
    }
    outcome::answered(ctx, status);
    Err(Error::explain(ErrorType::HTTPStatus(status.as_u16()), "the answer is given up"))
}

/// Whether sending it once more does no harm, and all of it is still there.
fn repeatable(session: &mut Session, ctx: &Ctx) -> bool {
    session.req_header().method.is_idempotent()
        && !session.as_ref().retry_buffer_truncated()
        && !shown(ctx)
        && guard(session).is_none_or(|guard| guard.fault().is_none())
}

/// Whether it is the attempt that failed: not the client, a plugin or this edge.
fn failed(ctx: &Ctx, error: &Error) -> bool {
    let late = ctx.deadlines.as_ref().is_some_and(|deadlines| deadlines.late());
    !ctx.answered && (late || *error.esource() == ErrorSource::Upstream)
}

/// Whether plugins have seen a part of the request's body: they cannot be shown it again.
fn shown(ctx: &Ctx) -> bool {
    let passage = ctx.bodies.as_ref().and_then(|bodies| bodies.request.as_ref());
    passage.is_some_and(|passage| passage.has_begun())
}

/// The exchange broke off; waiting in vain is no reason to begin anew.
fn broke(ctx: &Ctx, error: &Error) -> bool {
    let late = ctx.deadlines.as_ref().is_some_and(|deadlines| deadlines.late());
    !late && *error.esource() == ErrorSource::Upstream && outcome::closed(error)
}

fn again(session: &mut Session, ctx: &mut Ctx, error: &Error, reused: bool) -> bool {
    let safe = repeatable(session, ctx);
    let broke = broke(ctx, error);
    let stale = broke
        && safe
        && outcome::used_before(ctx, reused)
        && !std::mem::replace(&mut ctx.stale, true);
    if stale {
        // The attempt does not count.
        ctx.attempts = ctx.attempts.saturating_sub(1);
        return true;
    }
    let fault = classify(error, None, ctx);
    let wanted = match failover::ask(session, ctx, How::Fault(fault)) {
        Advice::ByPolicy => broke,
        Advice::Retry => true,
        Advice::Stop => false,
    };
    wanted && safe && elsewhere(ctx, fault)
}

/// Whether the request may be tried on another instance; then that is paid for.
fn elsewhere(ctx: &mut Ctx, fault: Fault) -> bool {
    let Some(service) = ctx.sight.service() else { return false };
    // What this attempt took is free for the next.
    ctx.retry = None;
    let enough = ctx.attempts < service.attempts && time_left(ctx);
    ctx.retry = ctx.active.as_ref().filter(|_| enough).and_then(|active| active.retry());
    if ctx.retry.is_none() {
        return false;
    }
    if let Some(id) = ctx.instance().map(|instance| instance.id().into()) {
        ctx.tried.push(id);
    }
    // Kept for the case that nobody else is there to try.
    ctx.failure = Some(fault.into());
    true
}

/// Whether the time that all attempts share is not over.
fn time_left(ctx: &Ctx) -> bool {
    let over = |until: std::time::Instant| until <= std::time::Instant::now();
    !ctx.tries_until.is_some_and(over)
        && ctx.wish.time_left(ctx.started).is_none_or(|left| left > Duration::ZERO)
}
