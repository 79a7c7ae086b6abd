//! The `cache-control` capability: forgetting what the cache holds.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::cache_control as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::cache_control as host;

/// Forgets everything that bears this tag, and says how much that was.
///
/// # Errors
/// The tag is none.
pub fn purge_tag(tag: &str) -> Result<u32, String> {
    host::purge_tag(tag)
}

/// Forgets what is kept of a URL, and says whether there was something.
///
/// # Errors
/// The URL is none.
pub fn purge_url(url: &str) -> Result<bool, String> {
    host::purge_url(url)
}
