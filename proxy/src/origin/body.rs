//! The body of an answer: a short text held whole, or a long run of bytes that is never held.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::load::Place;

/// 64 KiB, the unit in which long bodies are made: one HTTP/2 window, four of its frames.
static PIECE: [u8; 64 * 1024] = [b'h'; 64 * 1024];

/// A body; the request counts as in flight until its body has been taken or dropped.
#[derive(Debug)]
pub(super) struct Answer {
    content: Content,
    _place: Option<Place>,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Repeated { left: u64 },
}

impl Answer {
    pub(super) fn whole(text: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(text.into()), _place: None }
    }

    pub(super) fn repeated(length: u64) -> Self {
        Self { content: Content::Repeated { left: length }, _place: None }
    }

    pub(super) fn counted(self, place: Place) -> Self {
        Self { _place: Some(place), ..self }
    }

    pub(super) fn left(&self) -> u64 {
        match &self.content {
            Content::Whole(text) => u64::try_from(text.len()).unwrap_or(u64::MAX),
            Content::Repeated { left } => *left,
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        match &mut self.content {
            Content::Whole(text) if text.is_empty() => None,
            Content::Whole(text) => Some(std::mem::take(text)),
            Content::Repeated { left: 0 } => None,
            Content::Repeated { left } => {
                let piece = usize::try_from(*left).unwrap_or(usize::MAX).min(PIECE.len());
                *left = left.saturating_sub(u64::try_from(piece).unwrap_or(u64::MAX));
                Some(Bytes::from_static(&PIECE[..piece]))
            }
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_comes_in_pieces_and_is_exactly_as_long_as_promised() {
        let mut body = Answer::repeated(150_000);
        let mut pieces = Vec::new();
        while let Some(piece) = body.next() {
            pieces.push(piece.len());
        }
        assert_eq!(pieces, [65_536, 65_536, 18_928]);
    }
}
