//! Sources become a component. What `wit-bindgen` and `wasm-tools` would do is done here; compilers and
//! interpreters are the machine's.

mod c;
mod go;
mod javascript;
mod python;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::{Resolve, WorldId};

use crate::create::write;
use crate::error::Error;
use crate::language::Language;
use crate::project::Project;

/// A component that was just built.
#[derive(Debug)]
pub struct Built {
    /// Where it lies.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: usize,
    /// How long it took.
    pub time: Duration,
}

/// Builds a project, and puts the component into its folder in one step, so that an edge which watches the
/// file never meets half of it.
///
/// # Errors
/// When a program is missing, with the command that installs it; when one fails, with what it said; or
/// when no component can be made of what it gave.
pub fn build(project: &Project) -> Result<Built, Error> {
    let begin = Instant::now();
    let component = match project.language() {
        Language::Rust => rust::build(project),
        Language::C => c::build(project),
        Language::JavaScript => javascript::build(project),
        Language::Python => python::build(project),
        Language::Go => go::build(project),
    }?;
    let path = project.component();
    let beside = path.with_extension("wasm.part");
    fs::write(&beside, &component).map_err(Error::file(&beside))?;
    fs::rename(&beside, &path).map_err(Error::file(&path))?;
    Ok(Built { path, bytes: component.len(), time: begin.elapsed() })
}

/// Generates bindings into a folder.
fn generate(
    mut generator: Box<dyn WorldGenerator>,
    resolve: &mut Resolve,
    world: WorldId,
    folder: &Path,
) -> Result<(), Error> {
    let mut files = Files::default();
    generator
        .generate(resolve, world, &mut files)
        .map_err(|error| Error::component("the bindings could not be generated", error))?;
    files.iter().try_for_each(|(place, bytes)| write(folder, place, bytes))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(Error::file(path))
}
