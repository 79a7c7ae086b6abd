//! A response's body that plugins want: what has none is told from what has, and its head is made ready
//! for a body of unknown length. What becomes of the body is `body`'s.

use crate::chain::Side;
use crate::fault::Fault;
use crate::serve::body::{self, Answer, Bodies, Gathered, Held, hold};
use crate::serve::ctx::Ctx;
use crate::shared::Shared;
use http::{Method, StatusCode, Version, header};
use pingora_core::Result;
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

/// The head is ready: sees to the plugins that want what follows it.
///
/// # Errors
/// More follows than may be held.
pub(in crate::serve) fn begin(
    shared: &Shared,
    session: &mut Session,
    head: &mut ResponseHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    let Some((service, snapshot)) = ctx.sight.service().zip(ctx.sight.snapshot()) else {
        return Ok(());
    };
    let passage = service.chain.passage(Side::Response, &ctx.exchange, ctx.id.exchange());
    let Some(passage) = passage else { return Ok(()) };
    let length = content_length(head);
    if length == Some(0) {
        return Ok(());
    }
    if is_bodyless(session, head) {
        // It tells the length of a body that plugins might have changed.
        head.remove_header(&header::CONTENT_LENGTH);
        return Ok(());
    }
    let room = snapshot.plan.edge.held_bodies.bytes();
    let gathered = passage.holds().map(|most| {
        let body = Held::new(shared.bodies.clone());
        Gathered { most, room, body, head: None }
    });
    let too_long = |gathered: &Gathered| length.is_some_and(|length| length > gathered.most);
    match &gathered {
        None => chunked(session, head)?,
        Some(gathered) if too_long(gathered) && !passage.has_pieces() => {
            return Err(body::fail(ctx, Fault::AnswerTooLarge.into()));
        }
        Some(_) => {}
    }
    let bodies: &mut Bodies = ctx.bodies.get_or_insert_default();
    hold::show(session, &bodies.slot, Answer::new(passage, gathered));
    Ok(())
}

/// RFC 9110 section 6.4.1.
fn is_bodyless(session: &Session, head: &ResponseHeader) -> bool {
    let empty = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::SWITCHING_PROTOCOLS];
    session.req_header().method == Method::HEAD || empty.contains(&head.status)
}

fn content_length(head: &ResponseHeader) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Nobody knows how long it will be. An HTTP/1.0 client learns it from the end of the connection.
fn chunked(session: &Session, head: &mut ResponseHeader) -> Result<()> {
    head.remove_header(&header::CONTENT_LENGTH);
    if session.req_header().version == Version::HTTP_11 {
        head.insert_header(header::TRANSFER_ENCODING, "chunked")?;
    }
    Ok(())
}
