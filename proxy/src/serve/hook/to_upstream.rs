//! An instance will be asked: unless the request wants what is kept and nothing else.

use crate::fault::Fault;
use crate::serve::answer;
use crate::serve::caching::Caching;
use crate::serve::ctx::{Ctx, Failure};
use pingora_core::Result;
use pingora_proxy::Session;

/// Whether it goes on (`true`) or has been answered.
pub(in crate::serve) async fn run(session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
    let asked = ctx.cache.as_mut().and_then(Caching::asked);
    if !asked.is_some_and(|asked| asked.lookup.ask.wants.only_if_cached) {
        return Ok(true);
    }
    // RFC 9111 section 5.2.1.7.
    let failure = Failure::from(Fault::NotCached);
    answer::fail(session, &failure, ctx).await?;
    ctx.failure = Some(failure);
    Ok(false)
}
