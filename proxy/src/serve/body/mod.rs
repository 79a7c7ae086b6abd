//! Bodies that plugins asked for, on the way between the client and an instance.
//!
//! Pingora shows a body in pieces and has sent the head by then. That is right for plugins that take a
//! request in pieces: `hook/request_body` shows them as they pass. For all else:
//!
//! - A request is read before an instance is sought, so that a slow client holds no place on one. What
//!   became of it is played to Pingora, for every attempt anew, by a client session of our own
//!   ([`hold`]) that stands in front of Pingora's and leaves the rest to it. Reading inside Pingora's
//!   hooks would come too late for the head, and Pingora replays at most 64 KiB.
//! - A response is shown by such a session ([`answer`]), which keeps the head until the last byte has come
//!   where a plugin takes it whole. Our own streams (`guard`, `link`) could not: they see bytes, and of
//!   HTTP/2 not even those of one stream.
//!
//! A session stands in front only for plugins that asked for a body, of HTTP/1 and HTTP/2 clients alike, and to
//! time a body that comes over HTTP/2, of which the guard sees no single stream.

mod answer;
pub(in crate::serve) mod hold;
mod replay;
mod room;

pub(in crate::serve) use answer::{Answer, Gathered};
pub(crate) use room::BodyRoom;
pub(in crate::serve) use room::Held;

use crate::chain::{Ended, Passage, Side};
use crate::decide::Failure;
use crate::fault::Fault;
use crate::serve::ctx::Ctx;
use hither_plugin_host::Reply;
use pingora_core::{Error, ErrorType};

/// What a request carries for the plugins that want bodies.
#[derive(Default)]
pub(crate) struct Bodies {
    /// The request's, where pieces are shown as they pass.
    pub(in crate::serve) request: Option<Passage>,
    /// Bytes of the request that are held until an instance has answered.
    pub(in crate::serve) request_held: Option<Held>,
    /// The way back to the client's own session, while another stands in front of it.
    pub(in crate::serve) slot: hold::Slot,
}

/// Ends the exchange in the words of a plugin, or with the fault that its verdict means.
pub(in crate::serve) fn end(ctx: &mut Ctx, side: Side, ended: Ended) -> Box<Error> {
    match verdict(side, ended) {
        Ok(reply) => {
            let status = reply.status.as_u16();
            ctx.reply = Some(reply);
            Error::new_in(ErrorType::HTTPStatus(status))
        }
        Err(failure) => fail(ctx, failure),
    }
}

/// What a response that was stopped means for the client.
pub(in crate::serve) fn stopped(ctx: &mut Ctx, stop: hold::Stop) {
    let verdict = match stop {
        hold::Stop::Plugin(ended) => verdict(Side::Response, ended),
        hold::Stop::Room => Err(Fault::BodiesFull.into()),
    };
    match verdict {
        Ok(reply) => ctx.reply = Some(reply),
        Err(failure) => ctx.failure = Some(failure),
    }
}

/// Ends the exchange with a failure.
pub(in crate::serve) fn fail(ctx: &mut Ctx, failure: Failure) -> Box<Error> {
    let status = failure.fault.status();
    ctx.failure = Some(failure);
    Error::new_in(ErrorType::HTTPStatus(status))
}

/// What the client is told of a message that went no further.
pub(in crate::serve) fn verdict(side: Side, ended: Ended) -> Result<Reply, Failure> {
    let by = |plugin, fault: Fault| Failure { plugin: Some(plugin), ..fault.into() };
    Err(match (ended, side) {
        (Ended::Reply(reply), _) => return Ok(reply),
        (Ended::Failed(plugin), _) => by(plugin, Fault::PluginFailed),
        (Ended::Aborted(plugin), Side::Request) => by(plugin, Fault::PluginRefused),
        (Ended::Aborted(plugin), Side::Response) => by(plugin, Fault::PluginCut),
        (Ended::TooLarge, Side::Request) => Fault::BodyTooLarge.into(),
        (Ended::TooLarge, Side::Response) => Fault::AnswerTooLarge.into(),
    })
}
