//! How a request can end without a whole response; the difference between them is what tests are about.

use std::io;
use std::time::Duration;

use crate::message::Head;

/// A request without a whole response.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing happened for the client's whole deadline.
    #[error("waited {waited:?} to {doing}, with {unread:?} read so far")]
    Timeout {
        /// The client's deadline.
        waited: Duration,
        /// What it waited for.
        doing: &'static str,
        /// What was read and is part of nothing whole yet.
        unread: String,
    },
    /// The connection was closed, in order, before the first byte of a response.
    #[error("closed before a response")]
    Closed,
    /// The connection was reset, or could not be made or written to.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The response began and did not end: what `faults.md` calls cut.
    #[error("cut short after {received} bytes of the body of {head:?}: {error}")]
    CutShort {
        /// The final head; `None` if the cut was inside a head.
        head: Option<Box<Head>>,
        /// The body's bytes that came.
        received: u64,
        /// The end of the stream, or the reset.
        error: io::Error,
    },
    /// What came is no HTTP.
    #[error("{0}")]
    Malformed(io::Error),
    /// An HTTP/2 connection or stream ended with an error.
    #[error("HTTP/2: {0}")]
    Http2(#[from] h2::Error),
    /// A WebSocket could not be opened or broke.
    #[error("WebSocket: {0}")]
    WebSocket(#[from] Box<tokio_tungstenite::tungstenite::Error>),
    /// An upgrade was answered, but not with 101.
    #[error("the upgrade was refused: {0:?}")]
    NotUpgraded(Box<crate::Response>),
}

impl ClientError {
    /// Whether the peer closed or reset before any byte of a response.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
        match self {
            Self::Closed => true,
            Self::Io(error) => {
                matches!(
                    error.kind(),
                    BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected
                )
            }
            _ => false,
        }
    }

    /// Whether a response began and the client can tell that it is not whole: a broken or badly framed stream
    /// in HTTP/1, a reset stream in HTTP/2.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        match self {
            Self::CutShort { .. } | Self::Malformed(_) => true,
            Self::Http2(error) => error.is_reset() || error.is_io() || error.is_go_away(),
            _ => false,
        }
    }

    /// Whether nothing came in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Sorts an error met inside a response.
    pub(crate) fn inside(head: Option<&Head>, received: u64, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Malformed(error),
            io::ErrorKind::UnexpectedEof => {
                Self::CutShort { head: head.cloned().map(Box::new), received, error }
            }
            _ if head.is_some() => {
                Self::CutShort { head: head.cloned().map(Box::new), received, error }
            }
            _ => Self::Io(error),
        }
    }
}
