//! An attempt has a connection: the instance's time begins.

use super::guard;
use crate::serve::ctx::Ctx;
use pingora_proxy::Session;
use std::time::Instant;

/// Notes the connect time and starts the absolute deadline for the head of the answer.
pub(in crate::serve) fn run(session: &Session, reused: bool, ctx: &mut Ctx) {
    let (Some(service), Some(began)) = (ctx.sight.service(), ctx.attempt_started) else { return };
    let mut now = began;
    if !reused {
        now = Instant::now();
        ctx.times.connect += now - began;
        service.metrics.connected(now - began);
    }
    if let Some(guard) = guard(session) {
        let patience = ctx.wish.time_left(ctx.started).unwrap_or(service.first_byte);
        guard.expect_answer_by((now + patience.min(service.first_byte)).into());
    }
}
