//! Bodies between a component and whoever speaks to it, which are not its business to the end: what the guest
//! does not read, and what nobody wants to have of what it writes.

use bytes::Bytes;
use hither_plugin_host::{AnswerBody, BrokenOff};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A request's body. What the guest leaves unread is read to its end, so that the client, which may still be
/// sending, gets the answer instead of a broken connection. The service's `idle` and `max_body` bound it.
pub(super) struct Unread(Option<Incoming>);

impl Unread {
    pub(super) fn new(body: Incoming) -> Unread {
        Unread(Some(body))
    }
}

impl Body for Unread {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let rest = self.0.take().filter(|body| !body.is_end_stream());
        // Outside a runtime there is nobody left to send anything.
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(drain(rest));
        }
    }
}

async fn drain(mut body: impl Body + Unpin) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// An answer's body.
pub(super) enum Written {
    /// As the guest writes it.
    Body(AnswerBody),
    /// To a HEAD request: the guest writes it to nobody, and its length stays untold unless the guest told it.
    Nothing,
}

impl Written {
    /// For a HEAD request the body is written all the same: a guest need not know the difference.
    pub(super) fn new(body: AnswerBody, head_only: bool) -> Written {
        if !head_only || body.is_end_stream() {
            return Written::Body(body);
        }
        tokio::spawn(drain(body));
        Written::Nothing
    }
}

impl Body for Written {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Written::Body(body) => Pin::new(body).poll_frame(cx),
            Written::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Written::Body(body) => body.is_end_stream(),
            Written::Nothing => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Written::Body(body) => body.size_hint(),
            Written::Nothing => SizeHint::default(),
        }
    }
}
