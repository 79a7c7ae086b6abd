//! The contract as this binary serves it: written beside a project for tools that read it there, and as
//! types for the generators that are built in.

use std::path::{Path, PathBuf};

use wit_parser::{Resolve, WorldId};

use crate::create::write;
use crate::embedded::CONTRACT;
use crate::error::Error;

/// The world of a project, and the file that it stands in.
pub(crate) const WORLD: &str = "hooks";
const FILE: &str = "hooks.wit";

/// Writes the contract and the project's world into `build/wit` and gives that folder.
pub(crate) fn write_wit(project: &Path) -> Result<PathBuf, Error> {
    let hooks = project.join(FILE);
    let text = std::fs::read_to_string(&hooks).map_err(Error::file(&hooks))?;
    let folder = project.join("build/wit");
    for (place, contract) in CONTRACT {
        let name = place.rsplit('/').next().unwrap_or(place);
        write(&folder, &format!("deps/hither-plugin/{name}"), contract)?;
    }
    write(&folder, FILE, text)?;
    Ok(folder)
}

/// The world in that folder, with all that it names.
pub(crate) fn read_world(folder: &Path) -> Result<(Resolve, WorldId), Error> {
    let what = "the world `hooks` in hooks.wit";
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder).map_err(|error| Error::component(what, error))?;
    let world = resolve
        .select_world(&[package], Some(WORLD))
        .map_err(|error| Error::component(what, error))?;
    Ok((resolve, world))
}
