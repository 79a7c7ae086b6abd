//! Instances: something to connect to, and something to keep an eye on.
//!
//! `fleet` holds the instances of one service and tells the balancer about them; `roster` says who
//! they are, `dns` finds more of them; `world` asks how they are, when `schedule` says so; `window`
//! and `verdict` say what the answers mean. Nothing here is on a request's way but `peer`, and `call` where
//! somebody beside the client wants an answer.

mod ask;
mod call;
mod connects;
mod dns;
mod fleet;
mod peer;
mod roster;
mod schedule;
mod settings;
mod verdict;
mod watched;
mod window;
mod world;

pub(crate) use call::{CallError, call};
pub(crate) use fleet::Fleet;
pub(crate) use peer::{Endpoint, inside};
pub(crate) use roster::{Done, Refusal};
pub(crate) use world::{Watcher, World};
