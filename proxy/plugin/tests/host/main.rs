//! The host with real guests, compiled from source. Each file holds one promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where its scene cannot be set"
)]

mod aside;
mod bodies;
mod cache_policy;
mod calls;
mod capabilities;
mod failure;
mod first_contract;
mod lifetime;
mod limits;
mod load;
mod remembered;
mod scene;
mod shadow;
mod shipped;
mod waiting;
mod wasi;
