//! A core module becomes a component, with what it wants of WASI 0.1 made of WASI 0.2.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use crate::embedded::{PREVIEW1, PREVIEW1_WIT};
use crate::error::Error;

const PREVIEW1_NAME: &str = "wasi_snapshot_preview1";

/// Writes the world into a core module of a toolchain that knows nothing of components.
pub(crate) fn embed(module: &mut Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<(), Error> {
    embed_component_metadata(module, resolve, world, StringEncoding::UTF8)
        .map_err(|error| Error::component("the world could not be put into the module", error))
}

/// Makes a component of a core module that carries its world.
pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>, Error> {
    let adapter = adapter()?;
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.adapter(PREVIEW1_NAME, &adapter))
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| Error::component("no component could be made of the module", error))
}

/// The same of one that wants nothing of WASI 0.1, as proxies do with it.
pub(crate) fn encode_as_it_is(module: &[u8]) -> Result<Vec<u8>, Error> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| Error::component("no component could be made of the module", error))
}

fn adapter() -> Result<Vec<u8>, Error> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("wasi.wit", PREVIEW1_WIT)
        .map_err(|error| Error::component("the adapter", error))?;
    let world = resolve
        .select_world(&[package], Some("adapter"))
        .map_err(|error| Error::component("the adapter", error))?;
    let mut adapter = PREVIEW1.to_vec();
    embed(&mut adapter, &resolve, world)?;
    Ok(adapter)
}
