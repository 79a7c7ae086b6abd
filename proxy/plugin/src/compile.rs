//! A component's bytes become machine code: from the cache on disk where it can be trusted, else by
//! Cranelift. It knows no plugin's meaning.

use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::fault::{LoadError, bounded};

/// Compiles, or takes what was compiled before. Blocks for as long as Cranelift takes: milliseconds
/// for a plugin in Rust or C, seconds for one that brings an interpreter.
pub(crate) fn compile(
    engine: &Engine,
    cache: Option<&Cache>,
    bytes: &[u8],
) -> Result<Component, LoadError> {
    let refuse = |error: wasmtime::Error| LoadError::Compile(bounded(&format!("{error:#}")));
    let Some(cache) = cache else { return Component::new(engine, bytes).map_err(refuse) };
    let key = key(engine, bytes);
    if let Some(component) = cache.get(&key).and_then(|stored| revive(engine, &stored)) {
        return Ok(component);
    }
    let component = Component::new(engine, bytes).map_err(refuse)?;
    let serialized = component.serialize().map_err(refuse)?;
    // A cache that cannot be written costs a compilation at the next start, never this one.
    let _ = cache.put(&key, &serialized);
    Ok(component)
}

/// Content, and everything of the engine that shapes its code.
fn key(engine: &Engine, bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{}-{:016x}", hex(&Sha256::digest(bytes)), hasher.finish())
}

#[allow(unsafe_code, reason = "the only way to load compiled code; see SAFETY")]
fn revive(engine: &Engine, stored: &[u8]) -> Option<Component> {
    // SAFETY: `deserialize` runs what it is given, so the bytes must be what `serialize` returned.
    // `Cache::get` gives only whole files (SHA-256 over the content) which this user wrote into a
    // folder that nobody else can write; whoever can forge one can as well replace this program. The
    // engine's version and settings are in the key, and `deserialize` compares them again.
    unsafe { Component::deserialize(engine, stored) }.ok()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
