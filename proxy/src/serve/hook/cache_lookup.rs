//! Is the request looked up, and under which key?

use crate::chain::{Keyed, RequestContext};
use crate::serve::caching::{Asked, Caching};
use crate::serve::ctx::Ctx;
use crate::shared::Shared;
use hither_cache::{Ask, Cache, Forward, HashBinary};
use pingora_cache::{CacheKey, CacheMeta};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

/// Has it looked up, if it has anything to do with the cache.
pub(in crate::serve) fn run(shared: &Shared, session: &mut Session, ctx: &mut Ctx) {
    ask(session, ctx);
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else { return };
    // One who wants what is there does not wait for what is not.
    let waits = !asked.ask.wants.only_if_cached;
    shared.cache.enable(&mut session.cache, &asked.primary, waits);
}

/// Finds out, once, what the request has to do with the cache, if the service has one.
pub(super) fn ask(session: &mut Session, ctx: &mut Ctx) {
    if ctx.cache.is_some() || ctx.sight.service().is_none_or(|service| service.cache.is_none()) {
        return;
    }
    let bodiless = session.is_body_empty() && ctx.body_bytes == 0;
    let head = session.req_header();
    let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let asked = Ask::read(&head.method, target, &head.headers, bodiless);
    ctx.cache = match asked {
        Err(pass) => Some(Caching::Passed(pass)),
        Ok(ask) => match keyed(session, ctx) {
            None => Some(Caching::Bypassed),
            Some(keyed) => Asked::new(session.req_header(), ask, keyed, ctx)
                .map(|asked| Caching::Asked(Box::new(asked))),
        },
    };
}

/// What plugins say of the key; none: the cache is neither asked nor filled.
fn keyed(session: &mut Session, ctx: &mut Ctx) -> Option<Keyed> {
    if let Some(keyed) = ctx.renewal.as_mut().and_then(|renewal| renewal.keyed.take()) {
        // They were asked about the request that it is for.
        return Some(keyed);
    }
    let (Some(service), Some(snapshot)) = (ctx.sight.service(), ctx.sight.snapshot()) else {
        return None;
    };
    if !service.chain.governs_cache() {
        return Some(Keyed::default());
    }
    let (service, snapshot) = (service.clone(), snapshot.clone());
    let head = session.req_header();
    let context = RequestContext {
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: &snapshot.edge,
        limiters: &snapshot.limiters,
        end_of_stream: true,
        http_version: head.version,
        rehearsal: false,
    };
    service.chain.on_lookup(head, &context, &mut ctx.exchange)
}

/// The key, which Pingora keeps from now on.
pub(in crate::serve) fn key(ctx: &mut Ctx) -> Result<CacheKey> {
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else {
        return Err(Error::explain(ErrorType::InternalError, "a lookup of nothing"));
    };
    Ok(Cache::key(asked.primary, asked.ticket.clone()))
}

/// What tells this request's variant from others.
pub(in crate::serve) fn variant(
    meta: &CacheMeta,
    request: &RequestHeader,
    ctx: &mut Ctx,
) -> Option<HashBinary> {
    let asked = ctx.cache.as_mut().and_then(Caching::asked)?;
    let variant = Cache::variant(meta, &asked.keyed.vary, &request.headers);
    // What is only about to be kept has no variant yet.
    if meta.variance().is_some() && meta.variance() != variant {
        asked.why = Forward::VaryMiss;
    }
    variant
}
