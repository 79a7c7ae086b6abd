//! One file per promise of the README, shown with the real binary over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod origin;
mod readme;
mod support;
mod worked_example;
