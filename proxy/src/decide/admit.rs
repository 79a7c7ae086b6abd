//! From a head to a service, past its limits and through its plugins.

use super::Hop;
use super::failure::{Failure, LimitAnswer};
use super::subject::Asked;
use crate::chain::{Exchange, RequestContext, RequestMessage, RequestOutcome, Wish};
use crate::fault::Fault;
use crate::route::{self, Match};
use crate::snapshot::{Edge, HTTPS, Limiters, Refused, Service, Snapshot};
use hither_limit::Value;
use hither_plugin_host::Reply;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use std::net::IpAddr;
use std::sync::Arc;

/// For good, and with the same method (RFC 9110 section 15.4.9).
pub(crate) const REDIRECT: StatusCode = StatusCode::PERMANENT_REDIRECT;

/// The service for an authority and a path as the client wrote it, and what of them it matches.
///
/// # Errors
/// The path is none, or no service takes it.
pub(crate) fn find<'a>(
    snapshot: &'a Snapshot,
    authority: &str,
    path: &str,
) -> Result<(&'a Arc<Service>, Match<'a>), Fault> {
    let path = route::normalise(path).ok_or(Fault::BadTarget)?;
    snapshot.route(authority, &path).ok_or(Fault::NoRoute)
}

/// A request at the door of its service.
pub(crate) struct Entry<'a> {
    pub(crate) service: &'a Service,
    pub(crate) edge: &'a Edge,
    pub(crate) limiters: &'a Limiters,
    pub(crate) client: IpAddr,
    pub(crate) hop: Hop,
    /// The name that the client asked for when it connected over TLS, as limits count it.
    pub(crate) tls_name: Value<'a>,
    /// A number that names the exchange in plugins.
    pub(crate) exchange: u64,
    /// Whether no body follows; only looked at where the chain shows heads.
    pub(crate) end_of_stream: bool,
    pub(crate) http_version: Version,
    /// Somebody only asks: nothing is charged or counted.
    pub(crate) rehearsal: bool,
}

/// How a request gets on.
pub(crate) enum Admitted {
    /// It is let in.
    Go,
    /// A plugin answers it.
    Answered(Reply),
    /// It is sent to the same place over TLS, with [`REDIRECT`].
    Redirected(HeaderValue),
}

/// What a request gathers on its way in.
pub(crate) struct Gathered<'a> {
    pub(crate) exchange: &'a mut Exchange,
    pub(crate) wish: &'a mut Wish,
}

/// Lets a request in, or has an answer for it.
///
/// # Errors
/// It ends here.
pub(crate) async fn admit(
    entry: &Entry<'_>,
    head: &mut impl RequestMessage,
    gathered: Gathered<'_>,
) -> Result<Admitted, Failure> {
    let service = entry.service;
    if service.cache.is_some() && head.method().as_str() == "PURGE" {
        // What is kept is purged by who runs the edge, never by a client.
        return Err(Fault::MethodNotAllowed.into());
    }
    if let (Some(most), Some(length)) = (service.max_body, content_length(head.headers()))
        && length > most
    {
        return Err(Fault::BodyTooLarge.into());
    }
    check_limits(entry, head, gathered.exchange)?;
    if service.force_https && !entry.hop.is_https(head.headers()) {
        // Our own port, or that of the proxy in front of us, which is not ours to know.
        let port = if entry.hop.trusted { HTTPS } else { entry.edge.secure_port };
        return Ok(Admitted::Redirected(secure_place(head, port)?));
    }
    if service.chain.is_empty() {
        return Ok(Admitted::Go);
    }
    let context = RequestContext {
        exchange: entry.exchange,
        client: entry.client,
        service: &service.name,
        edge: entry.edge,
        limiters: entry.limiters,
        tls: entry.hop.is_https(head.headers()),
        end_of_stream: entry.end_of_stream,
        http_version: entry.http_version,
        rehearsal: entry.rehearsal,
    };
    let outcome = service.chain.on_request(head, &context, gathered.exchange, gathered.wish).await;
    match outcome {
        RequestOutcome::Go => Ok(Admitted::Go),
        RequestOutcome::Reply(reply) => Ok(Admitted::Answered(reply)),
        RequestOutcome::Limited(refused) => Err(limited(refused)),
        RequestOutcome::Failed(plugin) => {
            Err(Failure { plugin: Some(plugin), ..Fault::PluginFailed.into() })
        }
    }
}

/// The same place over TLS.
fn secure_place(head: &impl RequestMessage, port: u16) -> Result<HeaderValue, Fault> {
    let host = route::host_of(head.authority());
    let place = match port {
        _ if host.is_empty() => return Err(Fault::BadHost),
        HTTPS => format!("https://{host}{}", head.path()),
        port => format!("https://{host}:{port}{}", head.path()),
    };
    HeaderValue::from_str(&place).map_err(|_| Fault::BadTarget)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn check_limits(
    entry: &Entry<'_>,
    head: &impl RequestMessage,
    exchange: &mut Exchange,
) -> Result<(), Failure> {
    let Entry { service, client, tls_name, rehearsal, .. } = *entry;
    let asked = &Asked { client, tls_name, head };
    let now = || service.clock.now();
    let checked = match rehearsal {
        true => service.limits.peek(asked, now),
        false => service.limits.check(asked, now),
    };
    exchange.write_down(|record| record.limits = service.limits.standings(asked, now));
    checked.map_err(limited)
}

fn limited(refused: Refused) -> Failure {
    Failure {
        fault: Fault::RateLimited,
        retry_after: Some(refused.retry_after),
        limit: Some(LimitAnswer {
            name: refused.name,
            policy: refused.policy,
            state: refused.state,
        }),
        plugin: None,
    }
}
