//! Raw sockets: what a hostile client may send, byte by byte.
//!
//! One test for each row of the client part of the fault table. What is refused is answered with its reason,
//! reaches no origin, and costs nobody else anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bodies;
mod chunks;
mod clients;
mod descriptors;
mod floods;
mod heads;
mod http10;
mod http2;
mod pace;
mod pipelines;
mod support;
mod tls;
mod upgrades;
