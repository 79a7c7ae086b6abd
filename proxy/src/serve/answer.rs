//! The one place where a failure or a plugin's reply becomes bytes for the client.

use super::ctx::{Ctx, Failure};
use super::request_id::RequestId;
use super::trace;
use crate::decide::REDIRECT;
use crate::fault::Fault;
use bytes::Bytes;
use hither_plugin_host::Reply;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

type Result<T> = pingora_core::Result<T>;

/// RFC 9209.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// draft-ietf-httpapi-ratelimit-headers.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The body of a failure (RFC 9457).
fn problem(fault: Fault, id: &RequestId) -> String {
    let status = fault.status_code();
    let title = status.canonical_reason().unwrap_or("Error");
    let (code, reason, id) = (status.as_u16(), fault.reason(), id.as_str());
    format!(
        "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"reason\":\"{reason}\",\"request_id\":\"{id}\"}}\n"
    )
}

fn proxy_status(fault: Fault) -> String {
    format!("hither; error={}; details=\"{}\"", fault.proxy_status(), fault.reason())
}

/// What a 405 must tell (RFC 9110 section 15.5.6).
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// A whole HTTP/1.1 answer that closes the connection, for heads that never became a request.
pub(super) fn raw(fault: Fault, id: &RequestId) -> Vec<u8> {
    let status = fault.status_code();
    let body = problem(fault, id);
    let allow = match fault {
        Fault::MethodNotAllowed => format!("allow: {ALLOW}\r\n"),
        _ => String::new(),
    };
    format!(
        "HTTP/1.1 {} {}\r\nproxy-status: {}\r\nx-request-id: {}\r\ncontent-type: application/problem+json\r\n\
         {allow}cache-control: no-store\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Error"),
        proxy_status(fault),
        id.as_str(),
        body.len(),
    )
    .into_bytes()
}

/// Answers with `failure`.
pub(super) async fn fail(session: &mut Session, failure: &Failure, ctx: &mut Ctx) -> Result<()> {
    let fault = failure.fault;
    let body = problem(fault, &ctx.id);
    let mut head = ResponseHeader::build(fault.status_code(), Some(8))?;
    head.insert_header(PROXY_STATUS, proxy_status(fault))?;
    head.insert_header(REQUEST_ID, ctx.id.as_str())?;
    head.insert_header(header::CONTENT_TYPE, "application/problem+json")?;
    head.insert_header(header::CACHE_CONTROL, "no-store")?;
    if let Some(after) = failure.retry_after {
        // Whole seconds, rounded up: sooner would only be refused again.
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        head.insert_header(header::RETRY_AFTER, seconds.max(1).to_string())?;
    }
    if let Some(limit) = &failure.limit {
        head.insert_header(RATE_LIMIT_POLICY, limit.policy.as_str())?;
        head.insert_header(RATE_LIMIT, limit.state.as_str())?;
    }
    if fault == Fault::MethodNotAllowed {
        head.insert_header(header::ALLOW, ALLOW)?;
    }
    send(session, head, body.into(), ctx).await
}

/// Sends a client to another place.
pub(super) fn elsewhere(place: HeaderValue) -> Reply {
    let headers = vec![(header::LOCATION, place)];
    Reply { status: REDIRECT, headers, body: Vec::new() }
}

/// Answers with what a plugin said.
pub(super) async fn reply(session: &mut Session, reply: Reply, ctx: &mut Ctx) -> Result<()> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 3))?;
    for (name, value) in reply.headers {
        head.append_header(name, value)?;
    }
    send(session, head, reply.body.into(), ctx).await
}

async fn send(
    session: &mut Session,
    mut head: ResponseHeader,
    body: Bytes,
    ctx: &mut Ctx,
) -> Result<()> {
    let bodyless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if !bodyless {
        head.insert_header(header::CONTENT_LENGTH, HeaderValue::from(body.len()))?;
    }
    let silent = bodyless || body.is_empty() || session.req_header().method == Method::HEAD;
    let body = if silent { Vec::new() } else { vec![body] };
    // Boxed: the hooks that may answer so seldom do, and each is made room for on every request.
    Box::pin(write(session, Box::new(head), body, ctx)).await
}

/// Writes a whole answer, whose length its head tells.
pub(super) async fn write(
    session: &mut Session,
    mut head: Box<ResponseHeader>,
    body: Vec<Bytes>,
    ctx: &mut Ctx,
) -> Result<()> {
    trace::tell(&mut head, ctx);
    ctx.times.first_byte = Some(ctx.started.elapsed());
    let mut left = body.iter().filter(|piece| !piece.is_empty()).count();
    session.write_response_header(head, left == 0).await?;
    for piece in body.into_iter().filter(|piece| !piece.is_empty()) {
        left -= 1;
        session.write_response_body(Some(piece), left == 0).await?;
    }
    Ok(())
}
