//! Our client stream: what Pingora reads from a client has passed here first.
//!
//! The guard waits for a request head without holding a buffer, checks the whole head under one
//! deadline, and then lets Pingora in; it follows the body itself, so that the bytes of the next
//! request are never handed over with this one. Over HTTP/2 it counts frames. It knows HTTP/1's grammar,
//! HTTP/2's frames and clocks; it must not know services, plugins or the balancer.
//!
//! What stays as it is, since only Pingora 0.9.1 or h2 0.4.20 could change it:
//!
//! | what | where |
//! |---|---|
//! | a body over HTTP/1 is read into 64 KiB, however slowly it comes | pingora-core `http/v1/body.rs:31` |
//! | an HTTP/2 connection holds 16 KiB to write into | h2 `codec/framed_write.rs:67` |
//! | decoded HTTP/2 heads have one bound for all listeners, 64 KiB; a listener's own is checked after it | pingora-proxy `lib.rs:190` |
//! | a read of an HTTP/2 body has no timeout; ours is in `serve/body`, until the head of the answer has come | pingora-core `http/v2/server.rs:523` |
//! | after 32 malformed streams a connection ends, whatever `http2_resets` says | pingora-core `http/v2/server.rs:63` |
//! | so it does after 20 streams that were reset before Pingora took them | h2 `proto/mod.rs:34` |

pub(crate) mod body;
mod calm;
pub(crate) mod field;
mod frames;
mod handshake;
pub(crate) mod head;
mod http2;
mod io;
mod outbox;
mod pace;
mod parting;
mod pingora_io;
mod stream;

pub(crate) use calm::{Calm, Excess, Frequency};
pub(crate) use field::{is_host, is_token_byte};
pub(crate) use head::HeadLimits;
pub(in crate::serve) use pace::Pace;
pub(crate) use stream::{Guard, NextRequest, Patience};
