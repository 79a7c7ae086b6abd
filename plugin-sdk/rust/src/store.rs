//! The `store` capability: bounded memory of this edge, shared by all instances of the plugin, in which
//! every entry expires. It survives a swap of the plugin.

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::store as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::store as host;

pub use crate::bindings::imports::hither::plugin::store::{Entry, Error};

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

/// What is stored under this key, and its version.
pub fn get(key: &[u8]) -> Option<Entry> {
    host::get(key)
}

/// Stores, and returns the new version.
///
/// # Errors
/// When the value is too large, or the store is full.
pub fn set(key: &[u8], value: &[u8], ttl: Duration) -> Result<u64, Error> {
    host::set(key, value, millis(ttl))
}

/// Stores while the version equals `expected`, where 0 means absent; none when it does not.
///
/// # Errors
/// As [`set`].
pub fn compare_and_set(
    key: &[u8],
    value: &[u8],
    ttl: Duration,
    expected: u64,
) -> Result<Option<u64>, Error> {
    host::compare_and_set(key, value, millis(ttl), expected)
}

/// Adds to a counter, which starts at 0; only the increment that makes it sets its time to live.
///
/// # Errors
/// As [`set`].
pub fn increment(key: &[u8], delta: i64, ttl: Duration) -> Result<i64, Error> {
    host::increment(key, delta, millis(ttl))
}

/// Forgets a key.
pub fn delete(key: &[u8]) {
    host::delete(key);
}
