//! The request's way before an instance is sought: who asks, which service, limits, plugins.

use crate::chain::{RequestContext, RequestOutcome};
use crate::fault::Fault;
use crate::route;
use crate::serve::answer;
use crate::serve::connection::Connection;
use crate::serve::ctx::{Ctx, Failure, LimitAnswer};
use crate::serve::message;
use crate::serve::request_id::RequestId;
use crate::snapshot::Service;
use http::{HeaderMap, Method, Version, header};
use pingora_core::Result;
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_REQUEST_ID: &str = "x-request-id";

/// Answers at once (`true`) or lets the request go on.
pub(in crate::serve) async fn run(session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
    // From here on names are without the case that they came in, which Pingora keeps in a second map.
    message::with_parts(session.req_header_mut(), |_| ());
    identify(session, ctx);
    if session.req_header().version == Version::HTTP_10 {
        // RFC 9110 section 15.2: an HTTP/1.0 client must not be sent an interim response.
        session.set_ignore_info_resp(true);
    }
    if let Err(failure) = admit(session, ctx) {
        answer::fail(session, &failure, ctx).await?;
        ctx.failure = Some(failure);
        return Ok(true);
    }
    if let Some(reply) = ctx.reply.take() {
        answer::reply(session, reply, ctx).await?;
        return Ok(true);
    }
    Ok(false)
}

fn admit(session: &mut Session, ctx: &mut Ctx) -> std::result::Result<(), Failure> {
    let head = session.req_header();
    check_http2_head(head)?;
    let service = find_service(head, ctx)?;
    ctx.sight.found(service.clone());
    if let (Some(most), Some(length)) = (service.max_body, content_length(&head.headers))
        && length > most
    {
        return Err(Fault::BodyTooLarge.into());
    }
    session.as_downstream_mut().set_read_timeout(Some(service.idle));
    check_limits(&service, ctx)?;
    ask_plugins(&service, session, ctx)
}

/// Who asks: the peer, or whom trusted proxies name (right to left, RFC 7239's advice).
fn identify(session: &Session, ctx: &mut Ctx) {
    let Some(connection) = Connection::of(session).cloned() else { return };
    let head = session.req_header();
    let peer = connection.peer.ip().to_canonical();
    ctx.client = peer;
    let rules = ctx.sight.snapshot().and_then(|snapshot| snapshot.listener(&connection.listener));
    if let Some(rules) = rules.filter(|rules| rules.trusts(peer)) {
        ctx.client = forwarded_client(&head.headers, peer, |ip| rules.trusts(ip));
        ctx.peer_trusted = true;
        let given = head.headers.get(X_REQUEST_ID).and_then(|id| RequestId::given(id.as_bytes()));
        ctx.id = given.unwrap_or_else(|| ctx.id.clone());
    }
    ctx.connection = Some(connection);
}

/// The right-most address that is not a trusted proxy; what stands left of it is hearsay.
fn forwarded_client(headers: &HeaderMap, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer;
    let values: Vec<&[u8]> =
        headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.as_bytes()).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(|b| *b == b',')) {
        let Some(address) = parse_hop(hop.trim_ascii()) else { break };
        client = address;
        if !trusts(address) {
            break;
        }
    }
    client
}

/// An address, with or without a port, bracketed or not.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = bare.parse().ok();
    address
        .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip()))
        .map(|ip| ip.to_canonical())
}

/// What the guard checks of an HTTP/1 head, for the parts of an HTTP/2 head that Pingora lets by.
fn check_http2_head(head: &RequestHeader) -> std::result::Result<(), Fault> {
    if head.version != Version::HTTP_2 {
        return Ok(());
    }
    if !crate::serve::guard::is_host(message::authority(head).as_bytes()) {
        return Err(Fault::BadHost);
    }
    let path = head.raw_path();
    // RFC 9113 section 8.3.1, `:path`: the asterisk form is for OPTIONS alone.
    let form_ok = path.first() == Some(&b'/') || (path == b"*" && head.method == Method::OPTIONS);
    if form_ok && path.iter().all(|b| (0x21..=0x7e).contains(b) && *b != b'#') {
        Ok(())
    } else {
        Err(Fault::BadTarget)
    }
}

fn find_service(head: &RequestHeader, ctx: &Ctx) -> std::result::Result<Arc<Service>, Fault> {
    let host = message::authority(head);
    let path = route::normalise(head.uri.path()).ok_or(Fault::BadTarget)?;
    ctx.sight.snapshot().and_then(|it| it.route(host, &path)).cloned().ok_or(Fault::NoRoute)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_limits(service: &Service, ctx: &Ctx) -> std::result::Result<(), Failure> {
    let Err(refused) = service.limits.check(ctx.client, || service.clock.now()) else {
        return Ok(());
    };
    Err(Failure {
        fault: Fault::RateLimited,
        retry_after: Some(refused.retry_after),
        limit: Some(LimitAnswer {
            name: refused.name,
            policy: refused.policy,
            state: refused.state,
        }),
        plugin: None,
    })
}

fn ask_plugins(
    service: &Service,
    session: &mut Session,
    ctx: &mut Ctx,
) -> std::result::Result<(), Failure> {
    if service.chain.is_empty() {
        return Ok(());
    }
    let started = Instant::now();
    let end_of_stream = session.is_body_empty();
    let head = session.req_header_mut();
    // Its parts are shared, so keeping it copies nothing.
    let original = head.uri.path_and_query().cloned();
    let context = RequestContext {
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: ctx.sight.edge(),
        end_of_stream,
        http_version: head.version,
    };
    let outcome = service.chain.on_request(head, &context, &mut ctx.exchange, &mut ctx.wish);
    if head.uri.path_and_query() != original.as_ref() {
        ctx.original_target = original.map(|target| target.as_str().into());
    }
    ctx.times.plugins += started.elapsed();
    match outcome {
        RequestOutcome::Go => Ok(()),
        RequestOutcome::Reply(reply) => {
            ctx.reply = Some(reply);
            Ok(())
        }
        RequestOutcome::Failed(plugin) => {
            Err(Failure { plugin: Some(plugin), ..Fault::PluginFailed.into() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_first_hop_from_the_right_that_is_not_trusted() {
        let trusts = |ip: IpAddr| ip.to_string().starts_with("10.");
        let peer: IpAddr = "10.0.0.1".parse().expect("address");
        let client = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(X_FORWARDED_FOR, value.parse().expect("value"));
            }
            forwarded_client(&headers, peer, trusts).to_string()
        };
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["1.2.3.4"]), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6, 1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6", "1.2.3.4", "10.0.0.2"]), "1.2.3.4");
        assert_eq!(client(&["6.6.6.6, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client(&["::ffff:1.2.3.4"]), "1.2.3.4");
    }
}
