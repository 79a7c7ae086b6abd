//! Whatever comes from outside, as bytes: a target for each kind, with seeds and what must hold.
//!
//! A target is a room with `check`, which panics where a promise is broken, and `seeds`, which are right or
//! nearly so. `cargo fuzz` drives them by coverage (`targets/`); the tests drive them by [`mutant`], on any
//! compiler, as a part of the suite.

pub mod components;
pub mod configurations;
mod mutate;
pub mod verdicts;

pub use mutate::mutant;
