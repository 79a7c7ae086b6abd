//! The `cache-control` capability: forgetting what the cache holds for the services that the plugin is attached
//! to, in memory and on disk. Nobody is given it any more when the call returns, unless more than a thousand
//! responses bear the tag: they go a moment later.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::cache_control as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::cache_control as host;

/// Forgets all responses that bear this tag, and says how many that were.
///
/// # Errors
/// The tag is not 1 to 256 visible ASCII characters.
pub fn purge_tag(tag: &str) -> Result<u32, String> {
    host::purge_tag(tag)
}

/// Forgets what is kept of a URL in all its variants, and says whether there was something.
///
/// # Errors
/// It is not a URL as `http://HOST/PATH`.
pub fn purge_url(url: &str) -> Result<bool, String> {
    host::purge_url(url)
}
