//! What an attempt says of its instance: the balancer gives one that fails a rest.
//!
//! A failure is no connection, none or no sound answer, or a 5xx. What the client does, and a
//! connection that was closed while it lay in the pool, says nothing.

use crate::serve::ctx::Ctx;
use http::StatusCode;
use pingora_core::{Error, ErrorSource, ErrorType};

/// It could not be connected to, unless that was for want of something on this side.
pub(in crate::serve) fn unreachable(ctx: &Ctx, error: &Error) {
    if !matches!(error.etype(), ErrorType::SocketError | ErrorType::BindError) {
        failed(ctx);
    }
}

/// The exchange broke.
pub(in crate::serve) fn broke(ctx: &Ctx, error: &Error, reused: bool) {
    let late = ctx.deadlines.as_ref().is_some_and(|deadlines| deadlines.late());
    let stale = used_before(ctx, reused) && closed(error) && !late;
    let upstream = late || *error.esource() == ErrorSource::Upstream;
    if upstream && !stale && !ctx.answered {
        failed(ctx);
    }
}

/// Whether the attempt's connection lay in a pool before. Of our own, Pingora does not know it.
pub(super) fn used_before(ctx: &Ctx, reused: bool) -> bool {
    ctx.deadlines.as_ref().map_or(reused, |deadlines| deadlines.reused())
}

/// Whether the connection ended under the exchange.
pub(super) fn closed(error: &Error) -> bool {
    let kinds = [ErrorType::ConnectionClosed, ErrorType::ReadError, ErrorType::WriteError];
    kinds.contains(error.etype())
}

/// The head of its answer is there.
pub(in crate::serve) fn answered(ctx: &Ctx, status: StatusCode) {
    if status.is_server_error() {
        failed(ctx);
    } else if let Some(instance) = ctx.instance() {
        instance.succeeded();
    }
}

fn failed(ctx: &Ctx) {
    if let (Some(service), Some(instance)) = (ctx.sight.service(), ctx.instance()) {
        instance.failed(service.clock.now());
    }
}
