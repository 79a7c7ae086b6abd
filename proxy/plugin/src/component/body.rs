//! The answer's body. What `wasmtime-wasi-http` makes of a guest that is gone looks like the end of a body;
//! here it is told apart, so that a client sees a cut and never a short whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

/// The guest broke off inside the body, or did not write what it had promised.
#[derive(Debug, thiserror::Error)]
#[error("the component's answer broke off")]
pub struct BrokenOff;

/// Whether a guest has ended, and how. Its store holds it, in front of all that a body could be told by.
#[derive(Clone, Default)]
pub(super) struct Ending(Arc<AtomicBool>);

/// The store's part: a store that is dropped without [`Ended::well`] broke off.
#[derive(Default)]
pub(super) struct Ended {
    ending: Ending,
    well: bool,
}

impl Ended {
    pub(super) fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// The guest came to its own end.
    pub(super) fn well(&mut self) {
        self.well = true;
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.ending.0.store(!self.well, Ordering::Release);
    }
}

/// A body that is written while the guest runs. Trailers are dropped: who asked for the request has no use
/// for those of a program at the edge.
pub struct AnswerBody {
    body: HyperOutgoingBody,
    ending: Ending,
}

impl AnswerBody {
    pub(super) fn new(body: HyperOutgoingBody, ending: Ending) -> Self {
        Self { body, ending }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return Poll::Pending;
        };
        let broken = || self.ending.0.load(Ordering::Acquire);
        Poll::Ready(match frame {
            Some(Ok(frame)) if frame.is_data() => Some(Ok(frame)),
            // The trailers are the end.
            Some(Ok(_)) => None,
            Some(Err(_)) => Some(Err(BrokenOff)),
            None if broken() => Some(Err(BrokenOff)),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}
