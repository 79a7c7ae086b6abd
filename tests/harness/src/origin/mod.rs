//! Origins inside the test, on raw sockets: scripted ones that may break every rule, one that holds requests
//! until it is told, one that echoes after an upgrade, one that refuses.

pub(crate) mod connection;
pub(crate) mod gate;
pub(crate) mod raw;
pub(crate) mod refusing;
pub(crate) mod request;
mod scripts;
pub(crate) mod upgrade;
