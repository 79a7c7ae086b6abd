//! An attempt has a connection: the instance's time begins.

use super::guard;
use crate::serve::ctx::Ctx;
use pingora_proxy::Session;

/// Notes the connect time and starts the absolute deadline for the head of the answer.
pub(in crate::serve) fn run(session: &Session, reused: bool, ctx: &mut Ctx) {
    let Some(service) = ctx.sight.service() else { return };
    if !reused && let Some(began) = ctx.attempt_started {
        let time = began.elapsed();
        ctx.times.connect += time;
        service.metrics.connected(time);
    }
    if let Some(guard) = guard(session) {
        let now = tokio::time::Instant::now();
        let patience = ctx.wish.time_left(ctx.started).unwrap_or(service.first_byte);
        guard.expect_answer_by(now + patience.min(service.first_byte));
    }
}
