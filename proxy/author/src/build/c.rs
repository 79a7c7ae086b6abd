//! C: clang and wasi-libc make a core module of the project's `.c` files and the generated bindings.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{generate, read};
use crate::component;
use crate::contract::{WORLD, read_world, write_wit};
use crate::error::Error;
use crate::project::Project;
use crate::tool::{Tool, run};

const CLANG: Tool = Tool {
    program: "clang",
    purpose: "which compiles plugins in C",
    install: "apt-get install clang lld wasi-libc libclang-rt-dev-wasm32",
};
const LINKER: Tool =
    Tool { program: "wasm-ld", purpose: "clang's linker for WebAssembly", ..CLANG };
const TARGET: &str = "--target=wasm32-wasi";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    let folder = project.folder();
    let clang = CLANG.find(folder)?;
    LINKER.find(folder)?;
    libraries_are_there(&clang)?;
    let (mut resolve, world) = read_world(&write_wit(folder)?)?;
    let bindings = folder.join("build/bindings");
    generate(wit_bindgen_c::Opts::default().build(), &mut resolve, world, &bindings)?;

    let module = folder.join("build/core.wasm");
    let mut command = Command::new(clang);
    command.current_dir(folder).args([TARGET, "-mexec-model=reactor", "-O2", "-Wall", "-Wl,-s"]);
    command.args(["-I", "build/bindings", "-o", "build/core.wasm"]);
    command.args(sources(folder)?);
    command.arg(format!("build/bindings/{WORLD}.c"));
    command.arg(format!("build/bindings/{WORLD}_component_type.o"));
    run(&mut command)?;
    component::encode(&read(&module)?)
}

/// Every `.c` file in the project's folder.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::file(folder))? {
        let name = PathBuf::from(entry.map_err(Error::file(folder))?.file_name());
        if name.extension().is_some_and(|ending| ending == "c") {
            found.push(name);
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::invalid(folder, "there is no .c file, such as plugin.c"));
    }
    Ok(found)
}

/// Distributions ship clang without what it needs for WebAssembly, in packages of clang's own version.
fn libraries_are_there(clang: &Path) -> Result<(), Error> {
    let ask = |question: &str| -> Result<PathBuf, Error> {
        let answer = run(Command::new(clang).args([TARGET, question]))?;
        Ok(PathBuf::from(String::from_utf8_lossy(&answer).trim()))
    };
    let version = run(Command::new(clang).arg("-dumpversion"))?;
    let version = String::from_utf8_lossy(&version);
    let major = version.trim().split('.').next().unwrap_or_default();
    let missing = |what: &str, package: String| Error::Missing {
        what: format!("{what}, which clang needs for WebAssembly,"),
        install: format!("apt-get install {package}"),
    };
    if !ask("-print-file-name=libc.a")?.is_file() {
        return Err(missing("wasi-libc", "wasi-libc".to_owned()));
    }
    if !ask("-print-libgcc-file-name")?.is_file() {
        return Err(missing("clang's runtime", format!("libclang-rt-{major}-dev-wasm32")));
    }
    Ok(())
}
