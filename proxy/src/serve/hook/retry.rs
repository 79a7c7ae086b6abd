//! May a failed attempt be repeated, and at whose expense?
//!
//! A retry takes a part of the service's retry budget and of the time that all attempts share. Only
//! a connection that the instance had closed while it lay in the pool is replaced for nothing, once:
//! it says nothing about the instance.

use super::{guard, outcome};
use crate::serve::classify::classify;
use crate::serve::ctx::Ctx;
use pingora_core::{Error, ErrorSource};
use pingora_proxy::Session;
use std::time::Duration;

/// Nothing was sent: always safe to repeat elsewhere.
pub(in crate::serve) fn after_connect(ctx: &mut Ctx, mut error: Box<Error>) -> Box<Error> {
    let retry = elsewhere(ctx, &error);
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
    let repeatable = session.req_header().method.is_idempotent()
        && !session.as_ref().retry_buffer_truncated()
        && !ctx.answered
        && guard(session).is_none_or(|guard| guard.fault().is_none());
    let retry = repeatable && broke(ctx, &error) && again(ctx, &error, reused);
    error.set_retry(retry);
    error
}

/// The exchange broke off; waiting in vain is no reason to begin anew.
fn broke(ctx: &Ctx, error: &Error) -> bool {
    let late = ctx.deadlines.as_ref().is_some_and(|deadlines| deadlines.late());
    !late && *error.esource() == ErrorSource::Upstream && outcome::closed(error)
}

fn again(ctx: &mut Ctx, error: &Error, reused: bool) -> bool {
    let stale = outcome::used_before(ctx, reused) && !std::mem::replace(&mut ctx.stale, true);
    if !stale {
        return elsewhere(ctx, error);
    }
    // The attempt does not count.
    ctx.attempts = ctx.attempts.saturating_sub(1);
    true
}

/// Whether the request may be tried on another instance; then that is paid for.
fn elsewhere(ctx: &mut Ctx, error: &Error) -> bool {
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
    ctx.failure = Some(classify(error, None, ctx).into());
    true
}

/// Whether the time that all attempts share is not over.
fn time_left(ctx: &Ctx) -> bool {
    let over = |until: std::time::Instant| until <= std::time::Instant::now();
    !ctx.tries_until.is_some_and(over)
        && ctx.wish.time_left(ctx.started).is_none_or(|left| left > Duration::ZERO)
}
