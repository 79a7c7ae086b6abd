//! One file per promise of the README, shown with the real binary over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access_log;
mod answer_bodies;

mod aside;
mod authors;
mod bodies;
mod cache;
mod calls;
mod cli;
mod closeness;
mod components;
mod conditions;
mod discovery;
mod distribution;
mod edge_plugins;
mod ejection;
mod events;
mod examples;
mod explain;
mod failover;
mod forwarding;
mod guests;
mod hard_limit;
mod health;
mod limiters;
mod limits;
mod origin;
mod overload;
mod plugin_readmes;
mod queue;
mod readme;
mod reload;
mod retries;
mod rollouts;
mod routing;
mod secrets;
mod settled;
mod simulate;
mod streaming;
mod support;
mod swaps;
mod telemetry;
mod tls;
mod tokens;
mod trace;
mod upstream_faults;
mod upstream_pace;
mod walls;
mod worked_example;
