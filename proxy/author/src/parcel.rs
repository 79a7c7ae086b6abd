//! What goes to a registry: a component that a proxy would load, and its outside.

use std::fs;
use std::path::Path;

use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldItem, WorldKey};

use crate::component::encode_as_it_is;
use crate::error::Error;
use crate::workbench::Workbench;

/// Who exports it answers requests itself.
const ANSWERS: &str = "wasi:http/incoming-handler";
/// Who exports any of these is asked about requests.
const CONTRACT: &str = "hither:plugin/";

/// A plugin or a WASI HTTP component, ready to be sent.
#[derive(Debug)]
pub struct Parcel {
    /// The component.
    pub wasm: Vec<u8>,
    /// Names of what it imports, with their versions.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// As a plugin calls itself; else the file's name.
    pub title: String,
    /// As a plugin says.
    pub version: Option<String>,
}

impl Parcel {
    /// Packs a file. A core module becomes a component first, and a plugin is loaded as a proxy loads it, so
    /// that nothing is sent that no edge could use.
    ///
    /// # Errors
    /// The file cannot be read, or is neither a plugin nor a WASI HTTP component.
    pub fn pack(path: &Path) -> Result<Self, Error> {
        let mut wasm = fs::read(path).map_err(Error::file(path))?;
        if is_core_module(&wasm) {
            wasm = encode_as_it_is(&wasm)?;
        }
        let decoded = wit_component::decode(&wasm)
            .map_err(|error| Error::component("the component cannot be read", error))?;
        let DecodedWasm::Component(resolve, world) = decoded else {
            return Err(Error::plugin(
                path,
                "it is a package of interfaces, without code".to_owned(),
            ));
        };
        let world = &resolve.worlds[world];
        let imports = names(&resolve, world.imports.iter());
        let exports = names(&resolve, world.exports.iter());
        let mut title = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut version = None;
        if exports.iter().any(|name| name.starts_with(CONTRACT)) {
            let sheet = Workbench::load(path, false)?.sheet().clone();
            (title, version) = (sheet.name, Some(sheet.version));
        } else if !exports.iter().any(|name| name.starts_with(ANSWERS)) {
            let why = format!("it exports neither a hook of {CONTRACT}… nor {ANSWERS}");
            return Err(Error::plugin(path, why));
        }
        Ok(Self { wasm, imports, exports, title, version })
    }
}

/// The layer in the preamble: 0 for core modules, 1 for components (component model, "Binary Format").
fn is_core_module(wasm: &[u8]) -> bool {
    wasm.starts_with(b"\0asm") && wasm.get(6..8) == Some(&[0, 0])
}

fn names<'a>(
    resolve: &Resolve,
    items: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Vec<String> {
    items.map(|(key, _)| resolve.name_world_key(key)).collect()
}
