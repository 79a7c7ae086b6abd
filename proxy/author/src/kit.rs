//! The Rust kit inside a project: this repository's crate for plugins, with the versions of what it needs
//! that it was tested with.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use toml::{Table, Value};

use crate::create::write;
use crate::embedded::{RUST_KIT, WORKSPACE};
use crate::error::Error;

/// Where it lies in a project.
const FOLDER: &str = "hither";

pub(crate) fn write_kit(project: &Path) -> Result<(), Error> {
    let kit = project.join(FOLDER);
    RUST_KIT.iter().try_for_each(|(place, text)| write(&kit, place, text))
}

/// The lines of `[workspace.dependencies]` for what the kit's manifests inherit.
pub(crate) fn dependencies() -> Result<String, Error> {
    let broken = |error: toml::de::Error| Error::Usage(format!("the kit is broken: {error}"));
    let mut names = BTreeSet::new();
    for (_, text) in RUST_KIT.iter().filter(|(place, _)| place.ends_with("Cargo.toml")) {
        let manifest: Table = toml::from_str(text).map_err(broken)?;
        let targets = manifest.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
        for place in targets.chain([&manifest]) {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let table = place.get(kind).and_then(Value::as_table);
                names.extend(table.into_iter().flat_map(|table| table.keys().cloned()));
            }
        }
    }
    let root: Table = toml::from_str(WORKSPACE).map_err(broken)?;
    let known = root.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let mut lines = String::new();
    for name in names {
        let Some(mut wanted) = known.and_then(|known| known.get(&name)).cloned() else { continue };
        if let Some(Value::String(path)) = wanted.get_mut("path") {
            path.insert_str(0, &format!("{FOLDER}/"));
        }
        let _ = writeln!(lines, "{name} = {wanted}");
    }
    Ok(lines)
}
