//! What the balancer promises, one file per promise.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as its tests do")]

mod example;
mod service;
