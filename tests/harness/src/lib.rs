//! Starts the real binary, origins and clients for the end-to-end tests.
//!
//! - [`Hither`] and [`OriginProcess`] run the binary that is being tested, as a user would.
//! - [`RawOrigin`], [`GateOrigin`], [`UpgradeOrigin`] and [`RefusingOrigin`] are origins inside the test, which
//!   may break every rule.
//! - [`Registry`] keeps OCI artifacts, and [`SecureServer`] answers over TLS.
//! - [`CertificatePair`] is a certificate, and [`TlsBridge`] lets every client here speak TLS.
//! - [`DnsServer`] answers for names, and [`FarNetwork`] is a network behind a link that delays.
//! - [`Http1`], [`H2`], [`WebSocket`], [`Tunnel`] and [`Load`] are clients.
//! - [`eventually`] waits for a condition; nothing here or in a test waits for a time to pass.
//!
//! It must not know the proxy's crates: it sees what a user sees, which is files, sockets, signals and `/proc`.
//! What cannot go on (no binary, no socket, not ready in time) panics with the reason and the process's log,
//! since it is a test that stops there.

// This is a library of tests: a panic is its way to fail, with a message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod dns;
mod eventually;
mod link;
mod message;
mod origin;
mod registry;
mod run;
mod tls;
mod wire;

pub use client::error::ClientError;
pub use client::h2::{H2, H2Stream};
pub use client::http1::Http1;
pub use client::load::{Load, RunningLoad};
pub use client::report::{Failure, Report};
pub use client::request::Request;
pub use client::response::Response;
pub use client::tunnel::Tunnel;
pub use client::websocket::WebSocket;
pub use dns::DnsServer;
pub use eventually::{eventually, within};
pub use h2::{Error as Http2Error, Reason, RecvStream};
pub use link::FarNetwork;
pub use message::{Head, Headers};
pub use origin::connection::RawConnection;
pub use origin::gate::GateOrigin;
pub use origin::raw::RawOrigin;
pub use origin::refusing::RefusingOrigin;
pub use origin::request::RawRequest;
pub use origin::upgrade::UpgradeOrigin;
pub use registry::Registry;
pub use run::builder::{Builder, NotStarted};
pub use run::event::Event;
pub use run::hither::Hither;
pub use run::lines::Lines;
pub use run::metrics::{Metrics, Series};
pub use run::origin::OriginProcess;
pub use run::program::{Ended, Program};
pub use rustix::process::Signal;
pub use tls::bridge::{BridgeOptions, Shaken, TlsBridge};
pub use tls::pair::CertificatePair;
pub use tls::server::SecureServer;
