//! What the balancer promises, one file per promise.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail as its tests do")]

mod affinity;
mod chance;
mod changes;
mod example;
mod explain;
mod health;
mod invariants;
mod queue;
mod reload;
mod service;
mod stress;
mod traces;
