//! An attempt has a connection: the instance's time begins.

use crate::serve::ctx::Ctx;
use crate::serve::link::Deadlines;
use pingora_core::protocols::Digest;
use std::sync::Arc;
use std::time::Instant;

/// Notes the connect time and says how long the instance may take.
pub(in crate::serve) fn run(digest: Option<&Digest>, reused: bool, ctx: &mut Ctx) {
    ctx.deadlines = digest.and_then(deadlines).cloned();
    let (Some(service), Some(began)) = (ctx.sight.service(), ctx.attempt_started) else { return };
    // Of our own connections Pingora does not know that they were used before.
    let reused = ctx.deadlines.as_ref().map_or(reused, |deadlines| deadlines.reused());
    if let Some(deadlines) = &ctx.deadlines {
        deadlines.begin(service.first_byte, service.idle);
        if let Some(left) = ctx.time_left() {
            deadlines.bound((Instant::now() + left).into());
        }
    }
    // Nobody is connected to where a component answers.
    if !reused && ctx.answering.is_none() {
        let took = began.elapsed();
        ctx.times.connect += took;
        service.metrics.connected(took);
        if let Some(instance) = ctx.instance() {
            instance.payload().connected(took);
        }
    }
}

/// What rides in the digest of our own connections.
fn deadlines(digest: &Digest) -> Option<&Arc<Deadlines>> {
    digest.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
}
