//! Is the request looked up, and under which key?

use crate::chain::RequestContext;
use crate::decide::{self, Asker};
use crate::serve::caching::Caching;
use crate::serve::ctx::Ctx;
use crate::shared::Shared;
use hither_cache::{Cache, Forward, HashBinary};
use pingora_cache::{CacheKey, CacheMeta};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

/// Has it looked up, if it has anything to do with the cache.
pub(in crate::serve) fn run(shared: &Shared, session: &mut Session, ctx: &mut Ctx) {
    ask(session, ctx);
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else { return };
    // One who wants what is there does not wait for what is not.
    let waits = !asked.lookup.ask.wants.only_if_cached;
    shared.cache.enable(&mut session.cache, &asked.lookup.primary, waits);
}

/// Finds out, once, what the request has to do with the cache, if the service has one.
pub(super) fn ask(session: &mut Session, ctx: &mut Ctx) {
    let bodiless = session.is_body_empty() && ctx.body_bytes == 0;
    let Some((service, snapshot)) = ctx.sight.service().zip(ctx.sight.snapshot()) else { return };
    if ctx.cache.is_some() || service.cache.is_none() {
        return;
    }
    let head = session.req_header();
    let asker = Asker {
        service,
        hop: ctx.hop,
        bodiless,
        // Of one that is fetched anew, they were asked about the request that it is for.
        keyed: ctx.renewal.as_mut().and_then(|renewal| renewal.keyed.take()),
    };
    let context = || RequestContext {
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: &snapshot.edge,
        limiters: &snapshot.limiters,
        tls: ctx.hop.is_https(&head.headers),
        end_of_stream: true,
        http_version: head.version,
        rehearsal: false,
    };
    ctx.cache = Some(decide::cached(head, asker, context, &mut ctx.exchange).into());
}

/// The key, which Pingora keeps from now on.
pub(in crate::serve) fn key(ctx: &mut Ctx) -> Result<CacheKey> {
    let asked = ctx.cache.as_mut().and_then(Caching::asked);
    let found = asked.zip(ctx.sight.service()).and_then(|(asked, service)| {
        let ticket = asked.ticket(service)?.clone();
        Some(Cache::key(asked.lookup.primary, ticket))
    });
    found.ok_or_else(|| Error::explain(ErrorType::InternalError, "a lookup of nothing"))
}

/// What tells this request's variant from others.
pub(in crate::serve) fn variant(
    meta: &CacheMeta,
    request: &RequestHeader,
    ctx: &mut Ctx,
) -> Option<HashBinary> {
    let asked = ctx.cache.as_mut().and_then(Caching::asked)?;
    let variant = Cache::variant(meta, &asked.lookup.keyed.vary, &request.headers);
    // What is only about to be kept has no variant yet.
    if meta.variance().is_some() && meta.variance() != variant {
        asked.why = Forward::VaryMiss;
    }
    variant
}
