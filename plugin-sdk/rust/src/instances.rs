//! The `instances` capability: what the balancer knows.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::instances as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::instances as host;

pub use crate::bindings::imports::hither::plugin::instances::{Band, Instance};

/// The instances of a service.
///
/// # Errors
/// When no service bears this name.
pub fn of_service(service: &str) -> Result<Vec<Instance>, String> {
    host::of_service(service)
}
