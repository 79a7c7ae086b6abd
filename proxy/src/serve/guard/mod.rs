//! Our client stream: what Pingora reads from a client has passed here first.
//!
//! The guard waits for a request head without holding a buffer, checks the whole head under one
//! deadline, and then lets Pingora in; it follows the body itself, so that the bytes of the next
//! request are never handed over with this one. It knows HTTP/1's grammar and clocks; it must not
//! know services, plugins or the balancer.

pub(crate) mod body;
pub(crate) mod field;
mod handshake;
pub(crate) mod head;
mod outbox;
mod parting;
mod pingora_io;
mod stream;

pub(crate) use field::{is_host, is_token_byte};
pub(crate) use head::HeadLimits;
pub(crate) use stream::{Guard, NextRequest, Patience};
