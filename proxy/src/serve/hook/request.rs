//! The request's way before an instance is sought: who asks, which service, limits, plugins. What is
//! decided is `decide`'s; here it is told what Pingora and the context know.

use super::peer::client_left;
use super::whole_request::{self, Taken};
use crate::decide::{self, Admitted, Client, Entry, Gathered, Matched};
use crate::fault::Fault;
use crate::route;
use crate::serve::body::hold;
use crate::serve::connection::Connection;
use crate::serve::ctx::{Ctx, Failure};
use crate::serve::guard::{HeadLimits, Pace};
use crate::serve::message;
use crate::serve::request_id::RequestId;
use crate::serve::tls::Secured;
use crate::serve::{answer, renewal, trace};
use crate::shared::Shared;
use crate::snapshot::Service;
use hither_limit::Value;
use http::{Method, Version, header};
use pingora_core::Result;
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Duration;

/// An edge that is full now may have room after this.
const COME_BACK: Duration = Duration::from_secs(1);

const X_REQUEST_ID: &str = "x-request-id";

/// Answers at once (`true`) or lets the request go on.
pub(in crate::serve) async fn run(
    shared: &Shared,
    session: &mut Session,
    ctx: &mut Ctx,
) -> Result<bool> {
    // From here on names are without the case that they came in, which Pingora keeps in a second map.
    message::with_parts(session.req_header_mut(), |_| ());
    if renewal::adopt(session, ctx) {
        return Ok(false);
    }
    identify(session, ctx);
    trace::begin(session, ctx);
    if session.req_header().version == Version::HTTP_10 {
        // RFC 9110 section 15.2: an HTTP/1.0 client must not be sent an interim response.
        session.set_ignore_info_resp(true);
    }
    let admitted = match enter(shared, ctx) {
        Ok(()) => admit(session, ctx).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = admitted {
        answer::fail(session, &failure, ctx).await?;
        ctx.failure = Some(failure);
        return Ok(true);
    }
    time_body(session, ctx);
    let taken = match ctx.reply.take() {
        Some(reply) => Taken::Reply(reply),
        None => whole_request::run(shared, session, ctx).await?,
    };
    match taken {
        Taken::Go => return Ok(false),
        Taken::Reply(reply) => answer::reply(session, reply, ctx).await?,
        Taken::Failed(failure) => {
            answer::fail(session, &failure, ctx).await?;
            ctx.failure = Some(failure);
        }
    }
    Ok(true)
}

/// Counts the request, or refuses it before it costs anything.
fn enter(shared: &Shared, ctx: &mut Ctx) -> std::result::Result<(), Failure> {
    let Some(snapshot) = ctx.sight.snapshot() else { return Err(Fault::Internal.into()) };
    let entered = shared.load.enter(snapshot.plan.edge.max_requests.get());
    let refused = |fault: Fault| Failure { retry_after: Some(COME_BACK), ..fault.into() };
    ctx.in_flight = Some(entered.map_err(refused)?);
    Ok(())
}

async fn admit(session: &mut Session, ctx: &mut Ctx) -> std::result::Result<(), Failure> {
    let head = session.req_header();
    check_http2_head(head, limits(ctx))?;
    check_name(head, ctx)?;
    let service = find_service(head, ctx)?;
    ctx.sight.found(service.clone());
    let http2 = head.version == Version::HTTP_2;
    let downstream = session.as_downstream_mut();
    downstream.set_read_timeout(Some(service.idle));
    if http2 {
        // A stream's window is the client's to open, which the guard cannot see.
        downstream.set_write_timeout(Some(service.idle));
    }
    let end_of_stream = service.chain.shows_heads() && session.is_body_empty();
    if !service.chain.waits() {
        return decide(&service, session.req_header_mut(), end_of_stream, ctx).await;
    }
    // Where plugins wait, nobody waits for them in vain: what they wait for ends when the client is gone.
    let mut head = session.req_header().clone();
    let decided = tokio::select! {
        biased;
        decided = decide(&service, &mut head, end_of_stream, ctx) => decided,
        () = client_left(session) => Err(Fault::ClientLeft.into()),
    };
    *session.req_header_mut() = head;
    decided
}

async fn decide(
    service: &Arc<Service>,
    head: &mut RequestHeader,
    end_of_stream: bool,
    ctx: &mut Ctx,
) -> std::result::Result<(), Failure> {
    let Some(snapshot) = ctx.sight.snapshot() else { return Err(Fault::Internal.into()) };
    let secured = ctx.connection.as_ref().and_then(|connection| connection.tls.as_ref());
    let entry = Entry {
        service,
        edge: &snapshot.edge,
        limiters: &snapshot.limiters,
        client: ctx.client,
        hop: ctx.hop,
        tls_name: secured.map_or(Value::Absent, Secured::counted_name),
        exchange: ctx.id.exchange(),
        end_of_stream,
        http_version: head.version,
        rehearsal: false,
    };
    let gathered = Gathered { exchange: &mut ctx.exchange, wish: &mut ctx.wish };
    ctx.reply = match decide::admit(&entry, head, gathered).await? {
        Admitted::Go => None,
        Admitted::Answered(reply) => Some(reply),
        Admitted::Redirected(place) => Some(answer::elsewhere(place)),
    };
    Ok(())
}

/// The guard times bodies over HTTP/1. Calls of gRPC may send a message now and then for days, and are right.
fn time_body(session: &mut Session, ctx: &mut Ctx) {
    let head = session.req_header();
    let kind = head.headers.get(header::CONTENT_TYPE);
    let grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if head.version != Version::HTTP_2 || grpc || session.is_body_empty() {
        return;
    }
    let rules = ctx.sight.snapshot().zip(ctx.connection.as_ref());
    let rules = rules.and_then(|(snapshot, connection)| snapshot.listener(&connection.listener));
    let Some(least) = rules.map(|rules| rules.patience.least_pace) else { return };
    let pace = match session.req_header().headers.contains_key(header::EXPECT) {
        true => Pace::new(least).once_begun(),
        false => Pace::new(least),
    };
    let bodies = ctx.bodies.get_or_insert_default();
    hold::time(session, &bodies.slot, pace);
}

/// Who asks, and by which name the request goes.
fn identify(session: &Session, ctx: &mut Ctx) {
    let Some(connection) = Connection::of(session).cloned() else { return };
    let headers = &session.req_header().headers;
    let peer = connection.peer.ip().to_canonical();
    let rules = ctx.sight.snapshot().and_then(|snapshot| snapshot.listener(&connection.listener));
    let client = Client::of(headers, peer, connection.tls.is_some(), rules);
    ctx.client = client.address;
    ctx.hop = client.hop;
    if client.hop.trusted {
        let given = headers.get(X_REQUEST_ID).and_then(|id| RequestId::given(id.as_bytes()));
        ctx.id = given.unwrap_or_else(|| ctx.id.clone());
    }
    ctx.connection = Some(connection);
}

/// Who asked for a host when it connected asks for that one, or for one that the same certificate is for.
fn check_name(head: &RequestHeader, ctx: &Ctx) -> std::result::Result<(), Fault> {
    let secured = ctx.connection.as_ref().and_then(|connection| connection.tls.as_ref());
    let Some(secured) = secured else { return Ok(()) };
    let host = route::host_of(message::authority(head));
    // HTTP/1.0 need not name any.
    match host.is_empty() || secured.answers_for(&host) {
        true => Ok(()),
        false => Err(Fault::Misdirected),
    }
}

/// What the guard checks of an HTTP/1 head, for the parts of an HTTP/2 head that Pingora lets by.
fn check_http2_head(
    head: &RequestHeader,
    limits: Option<HeadLimits>,
) -> std::result::Result<(), Fault> {
    if head.version != Version::HTTP_2 {
        return Ok(());
    }
    if let Some(limits) = limits {
        check_http2_size(head, limits)?;
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

/// As if the head had come over HTTP/1. Pingora's own bound is one for all listeners.
fn check_http2_size(head: &RequestHeader, limits: HeadLimits) -> std::result::Result<(), Fault> {
    /// Colon, space and line end.
    const AROUND: usize = 4;
    let target = head.raw_path().len() + message::authority(head).len();
    let fields =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + AROUND);
    match head.headers.len() > limits.lines {
        true => Err(Fault::TooManyHeaders),
        false if target > limits.bytes => Err(Fault::TargetTooLong),
        false if target + fields.sum::<usize>() > limits.bytes => Err(Fault::HeadTooLarge),
        false => Ok(()),
    }
}

/// How large a head may be at the listener that the request came to.
fn limits(ctx: &Ctx) -> Option<HeadLimits> {
    let (snapshot, connection) = (ctx.sight.snapshot()?, ctx.connection.as_ref()?);
    Some(snapshot.listener(&connection.listener)?.patience.head)
}

fn find_service(head: &RequestHeader, ctx: &mut Ctx) -> std::result::Result<Arc<Service>, Fault> {
    let Some(snapshot) = ctx.sight.snapshot() else { return Err(Fault::NoRoute) };
    let found = decide::find(snapshot, message::authority(head), head.uri.path());
    let (service, found) = found?;
    ctx.exchange.write_down(|record| record.matched = Some(Matched::new(&service.name, &found)));
    Ok(service.clone())
}
