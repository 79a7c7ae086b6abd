//! A request's body that plugins want: read whole before an instance is sought, or made ready to be shown
//! in pieces.

use crate::chain::{Passage, RequestMessage, Side};
use crate::decide::Failure;
use crate::fault::Fault;
use crate::serve::body::{self, Bodies, Held, hold};
use crate::serve::ctx::Ctx;
use crate::serve::message::with_parts;
use crate::shared::Shared;
use bytes::Bytes;
use hither_plugin_host::Reply;
use http::{HeaderValue, Version, header};
use pingora_core::Result;
use pingora_proxy::Session;
use std::time::{Duration, Instant};

/// How the body was taken.
pub(in crate::serve) enum Taken {
    /// The request goes on.
    Go,
    /// A plugin answers it.
    Reply(Reply),
    /// It ends here. Unless all of the body was read, so does the connection.
    Failed(Failure),
}

/// Sees to the plugins that want the request's body.
///
/// # Errors
/// The client broke off, or broke the framing.
pub(in crate::serve) async fn run(
    shared: &Shared,
    session: &mut Session,
    ctx: &mut Ctx,
) -> Result<Taken> {
    let Some(service) = ctx.sight.service() else { return Ok(Taken::Go) };
    let passage = service.chain.passage(Side::Request, &ctx.exchange, ctx.id.exchange());
    let Some(mut passage) = passage.filter(|_| !session.is_body_empty()) else {
        return Ok(Taken::Go);
    };
    // Whoever sends a body does not get away from plugins by asking for another protocol
    // (RFC 9110 section 7.8 lets a server ignore that).
    with_parts(session.req_header_mut(), |parts| parts.headers.remove(header::UPGRADE));
    let Some(most) = passage.holds() else {
        ctx.bodies.get_or_insert_default().request = Some(passage);
        return Ok(Taken::Go);
    };
    let mut held = Held::new(shared.bodies.clone());
    // Boxed: hardly any request comes here, and all would have to make room for it.
    let reading = Box::pin(read(session, ctx, &mut passage, &mut held, most));
    if let Err(failure) = reading.await? {
        // What has not been read cannot be told from the next request.
        session.set_keepalive(None);
        return Ok(match failure {
            Stopped::Ended(ended) => taken(body::verdict(Side::Request, ended)),
            Stopped::Failed(failure) => Taken::Failed(failure),
        });
    }
    let whole = Bytes::from(held.take());
    let began = Instant::now();
    let head = session.req_header_mut();
    let whole = passage.whole(whole, Some(&mut ctx.exchange), |edits| head.apply(edits));
    ctx.times.plugins += began.elapsed();
    let whole = match whole {
        Ok(whole) => whole,
        Err(ended) => return Ok(taken(body::verdict(Side::Request, ended))),
    };
    held.becomes(whole.len() as u64);
    frame(session, whole.len());
    let bodies: &mut Bodies = ctx.bodies.get_or_insert_default();
    bodies.request_held = Some(held);
    hold::play(session, &bodies.slot, whole);
    Ok(Taken::Go)
}

fn taken(verdict: std::result::Result<Reply, Failure>) -> Taken {
    match verdict {
        Ok(reply) => Taken::Reply(reply),
        Err(failure) => Taken::Failed(failure),
    }
}

enum Stopped {
    Ended(crate::chain::Ended),
    Failed(Failure),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Stopped {
        Stopped::Failed(fault.into())
    }
}

/// Reads to the end of the body: at most `most` bytes after those who take pieces, each read within the
/// service's `idle`, all within what plugins give the request.
async fn read(
    session: &mut Session,
    ctx: &mut Ctx,
    passage: &mut Passage,
    held: &mut Held,
    most: u64,
) -> Result<std::result::Result<(), Stopped>> {
    if session.req_header().version == Version::HTTP_11 && expects(session) {
        session.write_continue_response().await?;
    }
    let Some((service, snapshot)) = ctx.sight.service().zip(ctx.sight.snapshot()) else {
        return Ok(Err(Fault::Internal.into()));
    };
    let (idle, max_body) = (service.idle, service.max_body.unwrap_or(u64::MAX));
    let room = snapshot.plan.edge.held_bodies.bytes();
    if content_length(session).is_some_and(|length| length > most && !passage.has_pieces()) {
        return Ok(Err(Fault::BodyTooLarge.into()));
    }
    loop {
        let left = ctx.wish.time_left(ctx.started).unwrap_or(Duration::MAX);
        // Pingora's own wait is for HTTP/1 alone.
        let read = tokio::time::timeout(idle.min(left), session.read_request_body()).await;
        let Ok(read) = read else { return Ok(Err(Fault::BodyTimeout.into())) };
        let piece = read.map_err(|error| error.into_down())?;
        let last = piece.is_none();
        let piece = piece.unwrap_or_default();
        ctx.body_bytes += piece.len() as u64;
        if ctx.body_bytes > max_body {
            return Ok(Err(Fault::BodyTooLarge.into()));
        }
        let began = Instant::now();
        let piece = passage.piece(piece, last);
        ctx.times.plugins += began.elapsed();
        let piece = match piece {
            Ok(piece) => piece,
            Err(ended) => return Ok(Err(Stopped::Ended(ended))),
        };
        if held.len() + piece.len() as u64 > most {
            return Ok(Err(Fault::BodyTooLarge.into()));
        }
        if let Err(fault) = held.add(&piece, room) {
            let retry_after = Some(Duration::from_secs(1));
            return Ok(Err(Stopped::Failed(Failure { retry_after, ..fault.into() })));
        }
        if last {
            return Ok(Ok(()));
        }
    }
}

/// RFC 9110 section 10.1.1.
fn expects(session: &Session) -> bool {
    let expect = session.req_header().headers.get(header::EXPECT);
    expect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn content_length(session: &Session) -> Option<u64> {
    let length = session.req_header().headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Its length is known now, it has no trailers, and nobody needs to wait for leave to send it.
fn frame(session: &mut Session, length: usize) {
    with_parts(session.req_header_mut(), |parts| {
        for name in [header::TRANSFER_ENCODING, header::TRAILER, header::EXPECT] {
            parts.headers.remove(name);
        }
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    });
}
