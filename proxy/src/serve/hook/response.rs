//! The instance's head on its way to the client.

use super::upstream_request::wanted_upgrade;
use super::{guard, outcome, response_body};
use crate::chain::{RequestMessage, ResponseContext, ResponseOutcome};
use crate::fault::Fault;
use crate::serve::ctx::{Ctx, Failure};
use crate::serve::trace;
use crate::shared::Shared;
use http::{HeaderName, HeaderValue, StatusCode, Version, header};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
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

/// Takes the head over: hop-by-hop fields off, plugins asked, `Via` on.
pub(in crate::serve) fn run(
    shared: &Shared,
    session: &mut Session,
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
    if session.req_header().version == Version::HTTP_10 {
        // RFC 9112 section 6.1: chunks are for HTTP/1.1 alone; here the body ends with the connection.
        response.remove_header(&header::TRANSFER_ENCODING);
    }
    ask_plugins(session.req_header(), response, ctx)?;
    response.append_header(header::VIA, HeaderValue::from_static("1.1 hither"))?;
    ctx.times.first_byte = Some(ctx.started.elapsed());
    trace::tell(response, ctx);
    ctx.exchange.heads_seen();
    if switching {
        ctx.sight.become_tunnel();
    }
    response_body::begin(shared, session, response, ctx)
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
        for option in connection.as_bytes().split(|b| *b == b',').map(<[u8]>::trim_ascii) {
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

fn ask_plugins(
    request: &RequestHeader,
    response: &mut ResponseHeader,
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
