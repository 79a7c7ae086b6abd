//! Python: CPython and the sources in one component, made by componentize-py.

use std::process::Command;

use super::read;
use crate::contract::{WORLD, write_wit};
use crate::error::Error;
use crate::project::Project;
use crate::tool::{Tool, run};

const COMPONENTIZE: Tool = Tool {
    program: "componentize-py",
    purpose: "which makes plugins of Python",
    install: "pip install componentize-py==0.25.1",
};

pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    let folder = project.folder();
    let program = COMPONENTIZE.find(folder)?;
    write_wit(folder)?;
    let component = "build/component.wasm";
    let mut command = Command::new(program);
    command.current_dir(folder).args(["--wit-path", "build/wit", "--world", WORLD]);
    // Without `--stub-wasi` the clock and random numbers work.
    command.args(["componentize", "plugin", "--output", component]);
    run(&mut command)?;
    read(&folder.join(component))
}
