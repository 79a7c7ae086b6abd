//! A client session in front of Pingora's own: put there while a plugin has to do with a body, or while a body
//! is timed that comes over HTTP/2, and taken away again when that is over. Pingora owns sessions, so the way back to the one behind lies in a slot that
//! both know, and so does what the hooks must hear of it.

use super::answer::Answer;
use crate::chain::Ended;
use crate::serve::guard::Pace;
use bytes::Bytes;
use futures_util::FutureExt;
use parking_lot::Mutex;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_core::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the session in front and the request's hooks share.
pub(in crate::serve) type Slot = Arc<Mutex<Shared>>;

#[derive(Default)]
pub(in crate::serve) struct Shared {
    /// One stands in front.
    in_front: bool,
    /// The session behind, once the one in front is gone.
    behind: Option<Box<ServerSession>>,
    /// Why a response went no further.
    ended: Option<Stop>,
    /// The time that plugins took.
    pub(in crate::serve) plugins: Duration,
    /// When a head that was kept back went out.
    pub(in crate::serve) head_sent: Option<Instant>,
}

/// Why a response goes no further.
#[derive(Debug)]
pub(in crate::serve) enum Stop {
    /// A plugin says so, or failed.
    Plugin(Ended),
    /// All bodies together take too much.
    Room,
}

/// The session in front.
pub(super) struct Hold {
    pub(super) inner: Box<ServerSession>,
    /// A request body to play in place of what the client has sent.
    pub(super) body: Option<Bytes>,
    /// How the client's own body comes, where that is timed.
    pub(super) pace: Option<Pace>,
    /// The response on its way to the client.
    answer: Option<Answer>,
    slot: Slot,
}

/// From now on Pingora takes `body` for the client's.
pub(in crate::serve) fn play(session: &mut Session, slot: &Slot, body: Bytes) {
    put_in_front(session, slot, |hold| hold.body = Some(body));
}

/// From now on the client's body must come at this pace.
pub(in crate::serve) fn time(session: &mut Session, slot: &Slot, pace: Pace) {
    put_in_front(session, slot, |hold| hold.pace = Some(pace));
}

/// From now on the response passes through the plugins that want its body.
pub(in crate::serve) fn show(session: &mut Session, slot: &Slot, answer: Answer) {
    put_in_front(session, slot, |hold| hold.answer = Some(answer));
}

/// From now on what is written of a response goes out at once.
pub(in crate::serve) fn hasten(session: &mut Session, slot: &Slot) {
    put_in_front(session, slot, |_| {});
}

/// The client's own session stands in front again.
pub(in crate::serve) fn release(session: &mut Session, slot: &Slot) {
    if !std::mem::take(&mut slot.lock().in_front) {
        return;
    }
    // The session in front leaves the one behind in the slot when it is dropped.
    session.downstream_session = nothing();
    if let Some(behind) = slot.lock().behind.take() {
        session.downstream_session = behind;
    }
}

/// Why the response went no further, where it did not.
pub(in crate::serve) fn ended(slot: &Slot) -> Option<Stop> {
    slot.lock().ended.take()
}

fn put_in_front(session: &mut Session, slot: &Slot, equip: impl FnOnce(&mut Hold)) {
    release(session, slot);
    let inner = std::mem::replace(&mut session.downstream_session, nothing());
    let mut hold = Hold { inner, body: None, pace: None, answer: None, slot: slot.clone() };
    equip(&mut hold);
    slot.lock().in_front = true;
    *session.downstream_session = ServerSession::new_custom(Box::new(hold));
}

/// A session that nobody asks anything.
fn nothing() -> Box<ServerSession> {
    Box::new(ServerSession::new_custom(Box::new(())))
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.slot.lock().behind = Some(std::mem::replace(&mut self.inner, nothing()));
    }
}

impl Hold {
    /// What was gathered for one packet leaves now: who waits for more of a response that still comes reads
    /// nothing of the client meanwhile, which is when the stream would let it go.
    pub(super) fn hurry(&mut self) {
        if self.inner.as_http1().is_some() {
            // That the client is gone, the next write finds out.
            let _ = self.inner.read_body_or_idle(true).now_or_never();
        }
    }

    /// What of these, and of what came before, may be written now.
    pub(super) fn due(&mut self, tasks: Vec<HttpTask>) -> Result<Vec<HttpTask>> {
        let Some(answer) = &mut self.answer else { return Ok(tasks) };
        let began = Instant::now();
        let mut due = Vec::with_capacity(tasks.len() + 1);
        let done = tasks.into_iter().try_for_each(|task| answer.next(task, &mut due));
        let mut slot = self.slot.lock();
        slot.plugins += began.elapsed();
        if answer.head_went_out() {
            slot.head_sent.get_or_insert_with(Instant::now);
        }
        done.map_err(|stop| {
            slot.ended = Some(stop);
            Error::explain(ErrorType::InternalError, "a plugin ended the response")
        })?;
        Ok(due)
    }
}
