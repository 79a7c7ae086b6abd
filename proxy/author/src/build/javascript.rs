//! JavaScript: QuickJS and the sources in one component, made by componentize-qjs.

use std::process::Command;

use super::read;
use crate::contract::{WORLD, write_wit};
use crate::error::Error;
use crate::project::Project;
use crate::tool::{Tool, run};

const COMPONENTIZE: Tool = Tool {
    program: "componentize-qjs",
    purpose: "which makes plugins of JavaScript",
    install: "npm install --global componentize-qjs@0.4.5",
};

pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    let folder = project.folder();
    let program = COMPONENTIZE.find(folder)?;
    write_wit(folder)?;
    let component = "build/component.wasm";
    let mut command = Command::new(program);
    command.current_dir(folder).args(["--wit", "build/wit", "--world", WORLD]);
    // Without `--sync` it uses parts of the component model that the host leaves out; without
    // `--stub-wasi` the clock and random numbers work.
    command.args(["--js", "plugin.js", "--sync", "--output", component]);
    run(&mut command)?;
    read(&folder.join(component))
}
