//! A request's body as it passes: its size is counted, and plugins that take pieces are shown them.

use crate::chain::Side;
use crate::fault::Fault;
use crate::serve::body;
use crate::serve::ctx::Ctx;
use bytes::Bytes;
use pingora_core::{Error, ErrorType, Result};
use std::time::Instant;

/// Counts, stops a body without a declared length where `max_body` ends, and shows the rest.
pub(in crate::serve) fn run(data: &mut Option<Bytes>, end: bool, ctx: &mut Ctx) -> Result<()> {
    // RFC 9112 section 7.1: an empty chunk is the last one. HTTP/2 may end a body with an empty frame, and
    // Pingora would write that as a chunk, and after it the last one once more.
    if end && data.as_ref().is_some_and(Bytes::is_empty) {
        *data = None;
    }
    let bodies = ctx.bodies.as_deref_mut();
    if bodies.as_ref().is_some_and(|bodies| bodies.request_held.is_some()) {
        // Counted and shown when it was read.
        return Ok(());
    }
    ctx.body_bytes += data.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let most = ctx.sight.service().and_then(|service| service.max_body);
    if most.is_some_and(|most| ctx.body_bytes > most) {
        ctx.failure = Some(Fault::BodyTooLarge.into());
        return Err(Error::new_down(ErrorType::HTTPStatus(413)));
    }
    let Some(passage) = bodies.and_then(|bodies| bodies.request.as_mut()) else { return Ok(()) };
    let began = Instant::now();
    let shown = passage.piece(data.take().unwrap_or_default(), end);
    ctx.times.plugins += began.elapsed();
    match shown {
        // An empty last piece is none; before the last one, none would end the body.
        Ok(left) => *data = Some(left).filter(|left| !(end && left.is_empty())),
        Err(ended) => return Err(body::end(ctx, Side::Request, ended)),
    }
    Ok(())
}
