//! The instance has answered: is it kept?

use crate::chain::{Keep, RequestMessage, ResponseContext};
use crate::serve::caching::{Caching, arrival};
use crate::serve::ctx::Ctx;
use crate::shared::Shared;
use hither_cache::{Cache, Refusal, content_length, given, terms, update};
use pingora_cache::{NoCacheReason, RespCacheable};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// Whether it is, and under which terms.
pub(in crate::serve) fn run(
    shared: &Shared,
    session: &Session,
    response: &ResponseHeader,
    ctx: &mut Ctx,
) -> RespCacheable {
    let arrival = arrival(ctx);
    let wishes = ctx.sight.service().and_then(|service| service.cache.clone());
    let Some((wishes, asked)) = wishes.zip(ctx.cache.as_mut().and_then(Caching::asked)) else {
        return RespCacheable::Uncacheable(NoCacheReason::InternalError);
    };
    let stored = session.cache.maybe_cache_meta();
    let head = match (asked.holds.take(), stored) {
        (Some(fresh), Some(stored)) => {
            let mut parts = http::response::Parts::from(stored.response_header_copy());
            update(&mut parts.headers, &fresh);
            ResponseHeader::from(parts)
        }
        _ => response.clone(),
    };
    let said = by_plugins(&head, session, ctx);
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else {
        return RespCacheable::Uncacheable(NoCacheReason::InternalError);
    };
    let found = match said {
        Keep::ByStandard => terms(&asked.lookup.ask, head.status, &head.headers, arrival, &wishes),
        Keep::Given(wanted) => given(wanted, head.status, &head.headers, arrival, &wishes),
        Keep::Not => Err(Refusal::Plugin),
        Keep::NotFor(time) => {
            if let Some(key) = session.cache.maybe_cache_key() {
                shared.cache.pass(key, time);
            }
            Err(Refusal::Plugin)
        }
    };
    let length = content_length(&head.headers).unwrap_or_default();
    let found = found.and_then(|terms| match shared.cache.has_room(length) {
        true => Ok(terms),
        false => Err(Refusal::Room),
    });
    match found {
        Ok(terms) => {
            let ticket = ctx.sight.service().and_then(|service| asked.ticket(service));
            if let Some((deadlines, ticket)) = ctx.deadlines.as_ref().zip(ticket) {
                deadlines.brake(ticket.clone());
            }
            RespCacheable::Cacheable(Cache::meta(head, terms))
        }
        Err(refusal) => {
            let failed = head.status.is_server_error();
            if stored.is_some() && !failed && session.cache.enabled() {
                // What is kept is no longer so (RFC 9111 section 4.3.3).
                shared.cache.forget(session.cache.cache_key());
            }
            RespCacheable::Uncacheable(reason(refusal, failed))
        }
    }
}

/// What plugins say of it.
fn by_plugins(head: &ResponseHeader, session: &Session, ctx: &mut Ctx) -> Keep {
    let Some(service) = ctx.sight.service().cloned() else { return Keep::ByStandard };
    let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked) else {
        return Keep::ByStandard;
    };
    let memos = std::mem::take(&mut asked.lookup.keyed.memos);
    if memos.is_empty() {
        return Keep::ByStandard;
    }
    let context = ResponseContext {
        path: session.req_header().path(),
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: ctx.sight.edge(),
        from_cache: false,
    };
    service.chain.on_store(head, &context, &mut ctx.exchange, &memos)
}

/// What Pingora makes of it: who waits goes on at once, and whether the next need wait.
fn reason(refusal: Refusal, failed: bool) -> NoCacheReason {
    match refusal {
        Refusal::TooLarge => NoCacheReason::ResponseTooLarge,
        _ if failed || !refusal.lasts() => NoCacheReason::Custom("not this time"),
        _ => NoCacheReason::OriginNotCache,
    }
}
