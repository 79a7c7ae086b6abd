//! The head that goes to the instance: nothing of the client's connection, all that we vouch for.

use crate::serve::caching::Caching;
use crate::serve::ctx::Ctx;
use crate::serve::guard::is_token_byte;
use crate::serve::message::with_parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, Version, header};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use smallvec::SmallVec;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const HITHER_CLIENT_IP: HeaderName = HeaderName::from_static("hither-client-ip");
const HITHER_REGION: HeaderName = HeaderName::from_static("hither-region");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Fields that belong to one connection whether it says so or not (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HTTP2_SETTINGS,
];

/// Fields that a client may not have removed by naming them in Connection.
const PROTECTED: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
    header::AUTHORIZATION,
];

/// Fields that we add at most: room for all at once.
const OURS: usize = 11;

/// Makes the head ours.
pub(in crate::serve) fn run(
    session: &Session,
    request: &mut RequestHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let received = session.req_header().version;
    let upgrade = wanted_upgrade(request);
    let bodies = ctx.bodies.as_ref();
    let streamed = bodies.is_some_and(|bodies| bodies.request.is_some());
    let service = ctx.sight.service();
    let read = match ctx.cache.as_mut().and_then(Caching::asked) {
        Some(asked) => asked.lookup.read,
        None => service.is_some_and(|service| service.chain.may_read_response(&ctx.exchange)),
    };
    with_parts(request, |parts| {
        if received != Version::HTTP_2 {
            make_origin_form(&mut parts.uri);
        }
        let headers = &mut parts.headers;
        headers.reserve(OURS);
        remove_hop_by_hop(headers)?;
        if streamed {
            // Nobody knows how long it will be; Pingora frames it anew.
            headers.remove(header::CONTENT_LENGTH);
        }
        if read {
            // Plugins read what it means, not how it was packed.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(protocol) = upgrade {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, protocol);
        }
        if received == Version::HTTP_10 && !headers.contains_key(header::HOST) {
            // RFC 9112 section 3.2: an HTTP/1.0 client need not name a host, an HTTP/1.1 request
            // has to.
            headers.insert(header::HOST, HeaderValue::from_static(""));
        }
        forwarded(&parts.uri, headers, ctx)?;
        headers.append(header::VIA, via(received));
        Ok(())
    })
}

/// An absolute target is for proxies; an origin gets the path (RFC 9112 section 3.2.1). The guard has
/// seen that its authority is the one in Host.
fn make_origin_form(uri: &mut Uri) {
    if uri.authority().is_some() {
        let path = uri.path_and_query().cloned();
        *uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
}

/// The protocol that an HTTP/1.1 client asks to switch to. `h2c` is between it and us
/// (RFC 9113 section 3.1), never end to end.
pub(super) fn wanted_upgrade(request: &RequestHeader) -> Option<HeaderValue> {
    let protocol = request.headers.get(header::UPGRADE)?;
    let asked = connection_options(&request.headers).any(|o| o.eq_ignore_ascii_case(b"upgrade"));
    let plain = protocol.as_bytes().iter().all(|b| is_token_byte(*b) || *b == b'/');
    let ours = protocol.as_bytes().eq_ignore_ascii_case(b"h2c");
    (asked && plain && !ours && request.version == Version::HTTP_11).then(|| protocol.clone())
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|option| !option.is_empty())
}

fn remove_hop_by_hop(headers: &mut HeaderMap) -> Result<()> {
    let named: SmallVec<[HeaderName; 4]> = connection_options(headers)
        .filter(|option| !is_common_option(option))
        .map(HeaderName::from_bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| bad_connection())?;
    if named.iter().any(|name| PROTECTED.contains(name)) {
        return Err(bad_connection());
    }
    // Most heads hold none of these: one look at each name is cheaper than a search for each field.
    // Content-Length and Transfer-Encoding: Pingora frames the body anew where one follows.
    let found: SmallVec<[HeaderName; 4]> =
        headers.keys().filter(|name| HOP_BY_HOP.contains(name)).cloned().collect();
    for name in found.iter().chain(&named) {
        headers.remove(name);
    }
    Ok(())
}

/// Those that name no field, or one that goes or stays in any case.
pub(super) fn is_common_option(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"keep-alive")
        || option.eq_ignore_ascii_case(b"close")
        || option.eq_ignore_ascii_case(b"upgrade")
}

fn bad_connection() -> Box<Error> {
    Error::new_down(ErrorType::InvalidHTTPHeader)
}

/// `X-Forwarded-*` and our own: what a client says of itself counts only behind a trusted proxy.
fn forwarded(uri: &Uri, headers: &mut HeaderMap, ctx: &Ctx) -> Result<()> {
    let Some(connection) = &ctx.connection else { return Ok(()) };
    let peer = &connection.peer_text;
    // Between two HTTP/2 peers the host is the authority alone.
    let authority = || HeaderValue::from_str(uri.authority()?.as_str()).ok();
    let host = headers.get(header::HOST).cloned().or_else(authority);
    let scheme = HeaderValue::from_static(if ctx.hop.secure { "https" } else { "http" });
    if ctx.hop.trusted {
        let chained = chain(headers, &X_FORWARDED_FOR, peer)?;
        headers.insert(X_FORWARDED_FOR, chained);
        let chained = chain(headers, &header::FORWARDED, &connection.forwarded)?;
        headers.insert(header::FORWARDED, chained);
        headers.insert(HITHER_CLIENT_IP, text(&ctx.client.to_string())?);
        headers.entry(X_FORWARDED_PROTO).or_insert(scheme);
        if let Some(host) = host {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
    } else {
        headers.insert(header::FORWARDED, connection.forwarded.clone());
        headers.insert(X_FORWARDED_FOR, peer.clone());
        headers.insert(HITHER_CLIENT_IP, peer.clone());
        headers.insert(X_FORWARDED_PROTO, scheme);
        match host {
            Some(host) => drop(headers.insert(X_FORWARDED_HOST, host)),
            None => drop(headers.remove(X_FORWARDED_HOST)),
        }
    }
    headers.insert(HITHER_REGION, ctx.sight.edge().region_value.clone());
    headers.insert(crate::serve::answer::REQUEST_ID, text(ctx.id.as_str())?);
    Ok(())
}

fn text(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| bad_connection())
}

/// The list in all fields of this name, with `last` at its end.
fn chain(headers: &HeaderMap, name: &HeaderName, last: &HeaderValue) -> Result<HeaderValue> {
    let mut chain: Vec<u8> = Vec::new();
    for value in headers.get_all(name) {
        chain.extend_from_slice(value.as_bytes());
        chain.extend_from_slice(b", ");
    }
    chain.extend_from_slice(last.as_bytes());
    HeaderValue::from_maybe_shared(bytes::Bytes::from(chain)).map_err(|_| bad_connection())
}

/// RFC 9110 section 7.6.3: with the version in which the message was received.
fn via(received: Version) -> HeaderValue {
    HeaderValue::from_static(match received {
        Version::HTTP_10 => "1.0 hither",
        Version::HTTP_2 => "2 hither",
        _ => "1.1 hither",
    })
}
