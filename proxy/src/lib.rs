//! Hither, an edge reverse proxy.
//!
//! A request's way through the rooms of this crate:
//!
//! ```text
//! client -> serve/accept -> serve/guard (the whole head, checked and timed)
//!        -> serve/ctx pins one snapshot -> decide: route -> limits -> chain (plugins)
//!        -> hither-cache, where the service has one: what is kept is given at once
//!        -> hither-balance picks an instance, or the request waits its turn
//!        -> upstream request -> instance -> response -> chain, backwards -> client
//!           (where a component answers, `component` is the instance: nobody is picked, nobody waits)
//!        -> telemetry: one event becomes metrics and an access-log line
//! ```
//!
//! What would happen to a request, and why, is told by `explain`, which asks `decide` as `serve` does.
//!
//! A swap's way: `reload` -> `snapshot/build` -> one atomic store in `shared` -> drain.
//! A new plugin beside the old one, before it takes its place: `rollout`.
//! The composition root is `app`; the command line is `cli`.

mod admin;
mod app;
mod chain;
pub mod cli;
mod component;
mod decide;
mod explain;
mod fault;
mod gathering;
mod host_facts;
mod origin;
mod overload;
mod reload;
mod rollout;
mod route;
mod secret;
mod serve;
mod shared;
mod snapshot;
mod telemetry;
mod upstream;
