//! The `secrets` capability: signing with what the operator lent under `[plugin.NAME.secrets]`, and comparing
//! it. A secret itself never reaches a plugin.

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::secrets as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::secrets as host;

/// HMAC-SHA-256 of at most 64 KiB with the secret of this name: 32 bytes.
///
/// # Errors
/// No secret of this name was lent, or the data is too long.
pub fn hmac_sha256(name: &str, data: &[u8]) -> Result<Vec<u8>, String> {
    host::hmac_sha256(name, data)
}

/// Whether this is the secret of this name, in a time that tells nothing of it.
///
/// # Errors
/// As [`hmac_sha256`].
pub fn equals(name: &str, candidate: &[u8]) -> Result<bool, String> {
    host::equals(name, candidate)
}
