//! The request cannot go on: answer if the client can still be answered.

use super::guard;
use crate::fault::Fault;
use crate::serve::answer;
use crate::serve::body::{self, hold};
use crate::serve::classify::classify;
use crate::serve::ctx::{Ctx, Failure};
use pingora_core::Error;
use pingora_proxy::{FailToProxy, Session};

/// Writes the failure, or a plugin's reply in the instance's place.
pub(in crate::serve) async fn run(
    session: &mut Session,
    error: &Error,
    ctx: &mut Ctx,
) -> FailToProxy {
    let done = |error_code| FailToProxy { error_code, can_reuse_downstream: false };
    // Pingora closes the connection after this, so the answer must say so.
    session.set_keepalive(None);
    let stop = ctx.bodies.as_ref().and_then(|bodies| hold::ended(&bodies.slot));
    if let Some(stop) = stop {
        body::stopped(ctx, stop);
    }
    if let Some(reply) = ctx.reply.take() {
        let status = reply.status.as_u16();
        // A write that fails means that the client left, which the next read will show.
        let _ = answer::reply(session, reply, ctx).await;
        return done(status);
    }
    let found = guard(session).and_then(|guard| guard.fault());
    let failure = match ctx.failure.take() {
        Some(failure) => failure,
        None => match classify(error, found, ctx) {
            Fault::ComponentFull => Failure::component_full(),
            fault => fault.into(),
        },
    };
    let fault = failure.fault;
    let begun = session.response_written().is_some_and(|head| !head.status.is_informational());
    if !begun && fault.status() != 499 {
        let _ = answer::fail(session, &failure, ctx).await;
    }
    ctx.failure = Some(failure);
    // Where the answer has begun, the connection is closed inside it: the client sees a cut.
    done(if begun { 0 } else { fault.status() })
}
