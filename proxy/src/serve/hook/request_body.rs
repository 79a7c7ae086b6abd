//! A request's body as it passes: only its size is looked at.

use crate::fault::Fault;
use crate::serve::ctx::Ctx;
use bytes::Bytes;
use pingora_core::{Error, ErrorType, Result};

/// Counts, and stops a body without a declared length where `max_body` ends.
pub(in crate::serve) fn run(body: Option<&Bytes>, ctx: &mut Ctx) -> Result<()> {
    ctx.body_bytes += body.map_or(0, |bytes| bytes.len() as u64);
    let most = ctx.sight.service().and_then(|service| service.max_body);
    if most.is_some_and(|most| ctx.body_bytes > most) {
        ctx.failure = Some(Fault::BodyTooLarge.into());
        return Err(Error::new_down(ErrorType::HTTPStatus(413)));
    }
    Ok(())
}
