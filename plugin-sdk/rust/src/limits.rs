//! The `limits` capability: charging the limiters that the operator lent under `limiters`, for what
//! [`RateLimit`](crate::RateLimit) cannot say.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::limits as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::limits as host;

pub use crate::bindings::imports::hither::plugin::limits::Outcome;

/// Takes so many units under a key, or none.
///
/// # Errors
/// No limiter of this name was lent.
pub fn take(limiter: &str, key: impl AsRef<[u8]>, cost: u32) -> Result<Outcome, String> {
    host::take(limiter, key.as_ref(), cost)
}

/// What [`take`] would say of one unit, without taking any.
///
/// # Errors
/// As [`take`].
pub fn peek(limiter: &str, key: impl AsRef<[u8]>) -> Result<Outcome, String> {
    host::peek(limiter, key.as_ref())
}
