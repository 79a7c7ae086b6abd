//! TLS: a server, certificates that only a test believes in, and a way for every client here to speak it.

pub(crate) mod bridge;
pub(crate) mod pair;
pub(crate) mod server;
