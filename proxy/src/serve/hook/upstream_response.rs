//! The instance's head has come: it is sound, and nothing of the instance's connection is in it. What is
//! kept of it is kept as it is from here on; what the client is told beside is `response`'s.

use super::upstream_request::{is_common_option, wanted_upgrade};
use super::{guard, outcome};
use crate::serve::caching::Caching;
use crate::serve::ctx::Ctx;
use crate::serve::message;
use crate::shared::Shared;
use hither_cache::{Purge, Target, invalidated, is_unsafe};
use http::{HeaderName, StatusCode, header};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;
use smallvec::SmallVec;

/// Interim responses (1xx) that one request may bring; more is an attack on the client.
const MAX_INTERIM: u8 = 16;

/// Bytes of names and values. Common clients take 16 to 256 KiB.
const MAX_HEAD: usize = 64 * 1024;

const HOP_BY_HOP: [HeaderName; 4] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::TE,
];

/// Takes the head over: what is none ends the attempt, hop-by-hop fields go, and what an unsafe request
/// has changed is kept no longer.
pub(in crate::serve) fn run(
    shared: &Shared,
    session: &Session,
    response: &mut ResponseHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let switching = response.status == StatusCode::SWITCHING_PROTOCOLS;
    if response.status.is_informational() && !switching {
        ctx.interim_responses += 1;
        if ctx.interim_responses > MAX_INTERIM {
            return Err(Error::new_up(ErrorType::InvalidHTTPHeader));
        }
        return Ok(());
    }
    if !is_sound(response) || (switching && wanted_upgrade(session.req_header()).is_none()) {
        return Err(Error::new_up(ErrorType::InvalidHTTPHeader));
    }
    arrived(session, switching, ctx);
    outcome::answered(ctx, response.status);
    remove_hop_by_hop(response, switching);
    invalidate(shared, session, response, ctx);
    let validated =
        response.status == StatusCode::NOT_MODIFIED && session.cache.maybe_cache_meta().is_some();
    if let Some(asked) = ctx.cache.as_mut().and_then(Caching::asked).filter(|_| validated) {
        asked.holds = Some(response.headers.clone());
    }
    Ok(())
}

/// RFC 9111 section 4.4.
fn invalidate(shared: &Shared, session: &Session, response: &ResponseHeader, ctx: &Ctx) {
    let Some(service) = ctx.sight.service().filter(|service| service.cache.is_some()) else {
        return;
    };
    let head = session.req_header();
    if !is_unsafe(&head.method) {
        return;
    }
    let (scheme, authority) = (ctx.hop.scheme(&head.headers), message::authority(head));
    let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
    for path in invalidated(scheme, authority, target, response.status, &response.headers) {
        let path = path.as_bytes();
        let target = Target { service: &service.name, scheme, authority, path, more: b"" };
        shared.cache.purge(&Purge::Url(target.hash()));
    }
}

/// What Pingora would pass on and a client must not be given: a status or a framing that is none, and a
/// head that no client would take.
fn is_sound(response: &ResponseHeader) -> bool {
    let codings = response.headers.get_all(header::TRANSFER_ENCODING);
    let chunked = codings.iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let size: usize =
        response.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    response.status.as_u16() <= 599 && chunked && size <= MAX_HEAD
}

fn arrived(session: &Session, switching: bool, ctx: &mut Ctx) {
    ctx.answered = true;
    ctx.times.app = ctx.attempt_started.map(|began| began.elapsed());
    if let Some(deadlines) = &ctx.deadlines {
        if switching { deadlines.open_tunnel() } else { deadlines.answered() }
    }
    if let Some(guard) = guard(session).filter(|_| switching) {
        guard.open_tunnel();
    }
}

fn remove_hop_by_hop(response: &mut ResponseHeader, switching: bool) {
    if let Some(connection) = response.headers.get(header::CONNECTION).cloned() {
        // The framing fields stay: Pingora reads the body by them and frames ours anew.
        let options = connection.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii);
        // What the common ones name goes below anyway.
        for option in options.filter(|option| !is_common_option(option)) {
            if let Ok(name) = HeaderName::from_bytes(option)
                && name != header::UPGRADE
                && name != header::CONTENT_LENGTH
                && name != header::TRANSFER_ENCODING
            {
                response.remove_header(&name);
            }
        }
    }
    let found: SmallVec<[HeaderName; 4]> =
        response.headers.keys().filter(|name| HOP_BY_HOP.contains(name)).cloned().collect();
    for name in &found {
        response.remove_header(name);
    }
    if !switching && response.headers.contains_key(header::UPGRADE) {
        response.remove_header(&header::UPGRADE);
    }
}
