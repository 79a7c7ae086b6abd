//! The binary that is being tested, run as a user runs it: files, arguments, signals, logs, the admin address.

pub(crate) mod builder;
pub(crate) mod event;
pub(crate) mod hither;
pub(crate) mod lines;
pub(crate) mod metrics;
pub(crate) mod origin;
pub(crate) mod program;
mod usage;
