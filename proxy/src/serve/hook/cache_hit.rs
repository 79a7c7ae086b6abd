//! Something is kept of what is asked for: does it answer this request?

use crate::fault::Blame;
use crate::serve::body::{Bodies, hold};
use crate::serve::caching::Caching;
use crate::serve::ctx::Ctx;
use crate::serve::renewal;
use crate::shared::Shared;
use hither_cache::{Cache, Forward, Reuse, on_error, reuse};
use pingora_cache::{CacheMeta, ForcedFreshness};
use pingora_core::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;
use std::time::Instant;

/// What it is for this request. `coming`: it is still being fetched.
pub(in crate::serve) fn run(
    shared: &Shared,
    session: &mut Session,
    meta: &CacheMeta,
    coming: bool,
    ctx: &mut Ctx,
) -> ForcedFreshness {
    let (now, renews) = (Instant::now(), ctx.renewal.is_some());
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else {
        return ForcedFreshness::ForceMiss;
    };
    let Some(terms) = Cache::terms(meta) else { return ForcedFreshness::ForceMiss };
    let mut use_of = reuse(terms, &asked.lookup.ask, now);
    if renews && use_of == Reuse::WhileRevalidating {
        use_of = Reuse::Validate;
    }
    match use_of {
        Reuse::Fresh => {
            if coming {
                let bodies: &mut Bodies = ctx.bodies.get_or_insert_default();
                hold::hasten(session, &bodies.slot);
            }
            ForcedFreshness::ForceFresh
        }
        Reuse::Wished => ForcedFreshness::ForceFresh,
        Reuse::WhileRevalidating => {
            let keyed = asked.lookup.keyed.clone();
            renewal::begin(shared, session, ctx, &keyed);
            ForcedFreshness::ForceFresh
        }
        Reuse::Validate => {
            let fresh = terms.rest(now).is_ok();
            asked.why = if fresh { Forward::Request } else { Forward::Stale };
            ForcedFreshness::ForceExpiredServeStale { expired_at: None }
        }
        Reuse::Unfit => {
            asked.why = Forward::Request;
            ForcedFreshness::ForceMiss
        }
    }
}

/// The instance fails: is what is kept given nevertheless (RFC 5861 section 4)?
pub(in crate::serve) fn on_failure(session: &Session, ctx: &mut Ctx, error: &Error) -> bool {
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else { return false };
    let terms = session.cache.maybe_cache_meta().and_then(Cache::terms);
    let may = terms.is_some_and(|terms| on_error(terms, &asked.lookup.ask, Instant::now()));
    // What a client did, or a plugin said, is no failure of the instance's.
    let theirs = *error.esource() == ErrorSource::Downstream || ctx.reply.is_some();
    let blamed = ctx.failure.as_ref().map(|failure| failure.fault.blame());
    let other = blamed.is_some_and(|blame| !matches!(blame, Blame::Upstream | Blame::Edge));
    if !may || theirs || other {
        return false;
    }
    if let ErrorType::HTTPStatus(status) = error.etype()
        && *error.esource() == ErrorSource::Upstream
        && let Ok(status) = http::StatusCode::from_u16(*status)
    {
        super::outcome::answered(ctx, status);
    }
    ctx.failure = None;
    true
}
