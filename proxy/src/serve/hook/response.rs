//! A head on its way to the client: the instance's, or one that was kept.

use super::response_body;
use crate::chain::{RequestMessage, ResponseContext, ResponseOutcome};
use crate::fault::Fault;
use crate::serve::caching::age;
use crate::serve::ctx::{Ctx, Failure};
use crate::serve::trace;
use crate::shared::Shared;
use hither_cache::{Cache, TAG_FIELDS};
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_cache::CachePhase;
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

/// RFC 9211.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// RFC 9110 section 7.6.3.
pub(super) const VIA: HeaderValue = HeaderValue::from_static("1.1 hither");

/// Whether the response comes from the cache with no instance asked: then nobody but the hooks for it hears
/// of an error.
pub(in crate::serve) fn is_from_cache(session: &Session) -> bool {
    let phases = [CachePhase::Hit, CachePhase::Stale, CachePhase::StaleUpdating];
    phases.contains(&session.cache.phase())
}

/// Makes the head ready: what the cache has to say on, plugins asked, `Via` on.
pub(in crate::serve) fn run(
    shared: &Shared,
    session: &mut Session,
    response: &mut ResponseHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let switching = response.status == StatusCode::SWITCHING_PROTOCOLS;
    if response.status.is_informational() && !switching {
        return Ok(());
    }
    tell_of_cache(session, response, ctx)?;
    if session.req_header().version == Version::HTTP_10 {
        // RFC 9112 section 6.1: chunks are for HTTP/1.1 alone; here the body ends with the connection.
        response.remove_header(&header::TRANSFER_ENCODING);
    }
    ask_plugins(session.req_header(), response, is_from_cache(session), ctx)?;
    response.append_header(header::VIA, VIA)?;
    ctx.times.first_byte = Some(ctx.started.elapsed());
    trace::tell(response, ctx);
    ctx.exchange.heads_seen();
    if switching {
        ctx.sight.become_tunnel();
    }
    response_body::begin(shared, session, response, ctx)
}

/// Age (RFC 9111 section 5.1), and what the cache did.
fn tell_of_cache(session: &Session, response: &mut ResponseHeader, ctx: &mut Ctx) -> Result<()> {
    let Some(caching) = &mut ctx.cache else { return Ok(()) };
    let validated = matches!(
        session.cache.phase(),
        CachePhase::Revalidated | CachePhase::RevalidatedNoCache(_)
    );
    if is_from_cache(session) || validated {
        response.remove_header(&header::AGE);
        if let Some(terms) = session.cache.maybe_cache_meta().and_then(Cache::terms) {
            response.insert_header(header::AGE, age(terms).to_string())?;
        }
    }
    cache_said(response, caching.tell(&session.cache))
}

/// Cache-Status on, and off what origins say to caches like this one alone.
pub(super) fn cache_said(response: &mut ResponseHeader, told: String) -> Result<()> {
    for name in &TAG_FIELDS {
        response.remove_header(name);
    }
    response.append_header(CACHE_STATUS, told)?;
    Ok(())
}

fn ask_plugins(
    request: &RequestHeader,
    response: &mut ResponseHeader,
    from_cache: bool,
    ctx: &mut Ctx,
) -> Result<()> {
    let Some(service) = ctx.sight.service().cloned() else { return Ok(()) };
    if !service.chain.watches_responses() {
        return Ok(());
    }
    let context = ResponseContext {
        path: request.path(),
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: ctx.sight.edge(),
        from_cache,
    };
    let outcome = service.chain.on_response(response, &context, &mut ctx.exchange);
    match outcome {
        ResponseOutcome::Go => Ok(()),
        ResponseOutcome::Reply(reply) => {
            // Nothing has been sent: the answer is written where failures are.
            let status = reply.status.as_u16();
            ctx.reply = Some(reply);
            Err(Error::new_in(ErrorType::HTTPStatus(status)))
        }
        ResponseOutcome::Failed(plugin) => {
            let failure = Failure { plugin: Some(plugin), ..Fault::PluginFailed.into() };
            ctx.failure = Some(failure);
            Err(Error::new_in(ErrorType::HTTPStatus(Fault::PluginFailed.status())))
        }
    }
}
