//! May a failed attempt be repeated on another instance?

use super::guard;
use crate::serve::classify::classify;
use crate::serve::ctx::Ctx;
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;

/// Nothing was sent: always safe to repeat elsewhere.
pub(in crate::serve) fn after_connect(ctx: &mut Ctx, mut error: Box<Error>) -> Box<Error> {
    exclude_instance(ctx);
    let retry = attempts_left(ctx);
    if retry {
        remember(ctx, &error);
    }
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
    // Of our own connections Pingora does not know that they were used before.
    let deadlines = ctx.deadlines.as_ref();
    let reused = deadlines.map_or(reused, |deadlines| deadlines.reused());
    let late = deadlines.is_some_and(|deadlines| deadlines.late());
    let broke = !late
        && *error.esource() == ErrorSource::Upstream
        && matches!(
            error.etype(),
            ErrorType::ConnectionClosed | ErrorType::ReadError | ErrorType::WriteError
        );
    let repeatable = session.req_header().method.is_idempotent()
        && !session.as_ref().retry_buffer_truncated()
        && !ctx.answered
        && guard(session).is_none_or(|guard| guard.fault().is_none());
    let retry = broke && repeatable && attempts_left(ctx);
    // A pooled connection that the instance had closed says nothing about the instance.
    if retry && !reused {
        exclude_instance(ctx);
        remember(ctx, &error);
    }
    error.set_retry(retry);
    error
}

/// Kept for the case that nobody else is there to try.
fn remember(ctx: &mut Ctx, error: &Error) {
    ctx.failure = Some(classify(error, None, ctx).into());
}

fn attempts_left(ctx: &Ctx) -> bool {
    ctx.sight.service().is_some_and(|service| ctx.attempts < service.attempts)
}

fn exclude_instance(ctx: &mut Ctx) {
    if let Some(id) = ctx.instance().map(|instance| instance.id().into()) {
        ctx.tried.push(id);
    }
}
