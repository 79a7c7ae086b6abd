//! Write a Hither plugin in Rust.
//!
//! A plugin is a type that implements [`Plugin`] and one trait per hook. The attribute
//! [`macro@plugin`] lists the hooks and exports exactly those:
//!
//! ```
//! use hither_plugin::{Decision, Plugin, Request, Routing, Target, plugin};
//!
//! #[derive(serde::Deserialize)]
//! struct ByRegion {
//!     region: String,
//! }
//!
//! #[plugin(routing)]
//! impl Plugin for ByRegion {
//!     type Config = Self;
//!     const REQUEST_INPUTS: &'static [&'static str] = &["header:x-beta"];
//!     fn configure(config: Self) -> Result<Self, String> {
//!         Ok(config)
//!     }
//! }
//!
//! impl Routing for ByRegion {
//!     fn select(&self, request: &Request) -> Decision {
//!         match request.header("x-beta") {
//!             Some(_) => Target::default().require("region", &self.region).into(),
//!             None => Decision::Pass,
//!         }
//!     }
//! }
//! ```
//!
//! The feature `allocator`, on by default, makes small allocations cheap; a plugin that brings an
//! allocator of its own turns it off.
//!
//! `cargo build --release --target wasm32-unknown-unknown` makes a file that Hither loads as it is.
//! A plugin imports a capability exactly when it calls [`log`], [`metrics`], [`store`], [`instances`],
//! [`limits`], [`secrets`], [`http`] or [`cache_control`]; the operator grants it by that name. On any other
//! target those calls go to the [`test`] module's fake host, so that hooks run under plain `cargo test`.

// The generated code names this crate by its name, from inside as from outside.
extern crate self as hither_plugin;

#[cfg(all(feature = "allocator", target_arch = "wasm32", not(target_feature = "atomics")))]
#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
mod allocator;
#[doc(hidden)]
pub mod bindings;
mod body;
pub mod cache_control;
pub mod config;
mod export;
#[cfg(not(target_arch = "wasm32"))]
mod fake;
pub mod http;
pub mod instances;
pub mod limits;
pub mod log;
pub mod metrics;
mod plugin;
mod request;
pub mod secrets;
pub mod store;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
mod verdict;

pub use hither_plugin_macros::plugin;
#[doc(hidden)]
pub use wit_bindgen;

pub use bindings::cache_policy::exports::hither::plugin::cache_policy::{
    Freshness, Key, Lookup, Storage,
};
pub use bindings::failover::exports::hither::plugin::failover::{
    Attempt, Decision as FailoverDecision,
};
pub use bindings::imports::hither::plugin::types::{
    BodyMode, ChunkVerdict, Edits, Field, Method, Pair, Protocol, Reply, RequestPatch,
    RequestVerdict, ResponsePatch, ResponseVerdict, WholeVerdict,
};
pub use bindings::lifecycle::exports::hither::plugin::lifecycle::MetricKind;
pub use bindings::rate_limit::exports::hither::plugin::rate_limit::{
    Check, Verdict as RateVerdict,
};
pub use bindings::routing::exports::hither::plugin::routing::{Decision, Target};
pub use body::{Body, RequestBody, ResponseBody};
pub use export::configured;
#[doc(hidden)]
pub use export::{Adapter, Configured};
pub use plugin::{
    AccessLog, Background, CachePolicy, Exports, Failover, Metric, NoConfig, Plugin, RateLimit,
    RequestFilter, ResponseFilter, Routing, hook,
};
pub use request::{Request, Response, Summary};

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
