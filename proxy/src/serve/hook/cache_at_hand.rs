//! What is asked for is at hand: it is given at once, and Pingora's way through the cache, which is made for all
//! that may be stale, on its way or cut into parts, is spared.

use super::cache_lookup;
use crate::serve::answer;
use crate::serve::caching::Caching;
use crate::serve::ctx::Ctx;
use crate::serve::hook::response;
use crate::shared::Shared;
use hither_cache::AtHand;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use std::time::Instant;

/// Answers (`true`), or lets the request go on: it is looked up then by all the rules.
pub(in crate::serve) async fn run(
    shared: &Shared,
    session: &mut Session,
    is_draining: impl Fn() -> bool,
    ctx: &mut Ctx,
) -> Result<bool> {
    cache_lookup::ask(session, ctx);
    if ctx.cache.is_none() {
        return Ok(false);
    }
    let now = Instant::now();
    let Some(found) = find(shared, session, now, ctx) else { return Ok(false) };
    if is_draining() {
        session.set_keepalive(None);
    }
    let method = &session.req_header().method;
    let head = head(&found, method, now, ctx)?;
    let body = if method == Method::HEAD { Vec::new() } else { found.body() };
    // Nobody else is at fault if it cannot be written.
    answer::write(session, head, body, ctx).await.map_err(|error| error.into_down())?;
    Ok(true)
}

fn find(shared: &Shared, session: &Session, now: Instant, ctx: &mut Ctx) -> Option<AtHand> {
    let service = ctx.sight.service()?;
    let asked = ctx.cache.as_mut().and_then(Caching::asked)?;
    let request = session.req_header();
    // Plugins see it where all responses pass; and to HTTP/1.0, framing is another.
    if asked.lookup.read || service.chain.watches_responses() || request.version < Version::HTTP_11
    {
        return None;
    }
    let more = &asked.lookup.keyed.vary;
    shared.cache.at_hand(&asked.lookup.primary, &asked.lookup.ask, more, &request.headers, now)
}

fn head(
    found: &AtHand,
    method: &Method,
    now: Instant,
    ctx: &mut Ctx,
) -> Result<Box<ResponseHeader>> {
    let mut fields: HeaderMap = found.fields().clone();
    fields.insert(header::AGE, HeaderValue::from(found.terms().age(now).as_secs()));
    if method == Method::GET && found.status() == StatusCode::OK {
        // As it is where somebody wants a part (RFC 9110 section 14.3).
        fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    let told = ctx.cache.as_mut().map(|caching| caching.tell_at_hand(found.terms(), now));
    fields.append(header::VIA, response::VIA);
    let mut parts = http::Response::new(()).into_parts().0;
    (parts.status, parts.headers) = (found.status(), fields);
    let mut head = Box::new(ResponseHeader::from(parts));
    response::cache_said(&mut head, told.unwrap_or_default())?;
    Ok(head)
}
