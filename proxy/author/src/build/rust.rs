//! Rust: cargo makes a core module that carries its contract, which the host loads as it is.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::read;
use crate::error::Error;
use crate::project::Project;
use crate::tool::{Tool, run};

const CARGO: Tool = Tool {
    program: "cargo",
    purpose: "which builds plugins in Rust",
    install: "curl -sSf https://sh.rustup.rs | sh",
};
const RUSTC: Tool = Tool { program: "rustc", ..CARGO };
const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn build(project: &Project) -> Result<Vec<u8>, Error> {
    let folder = project.folder();
    let cargo = CARGO.find(folder)?;
    target_is_there(project)?;
    let mut command = Command::new(cargo);
    let arguments = ["build", "--release", "--target", TARGET, "--lib"];
    command.current_dir(folder).args(arguments).arg("--message-format=json-render-diagnostics");
    // It says what it does, since the first time it does much.
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(Error::file(folder))?;
    if !output.status.success() {
        let command = format!("cargo {}", arguments.join(" "));
        return Err(Error::Tool { command, said: String::new() });
    }
    let module = String::from_utf8_lossy(&output.stdout).lines().rev().find_map(artifact);
    let module = module.ok_or_else(|| {
        let reason =
            "cargo made no .wasm file; Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`";
        Error::invalid(&folder.join("Cargo.toml"), reason)
    })?;
    read(&module)
}

/// The module, if this message of cargo's tells of one. The last such message is the plugin's own.
fn artifact(line: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let files = message.get("filenames")?.as_array()?;
    let mut files = files.iter().filter_map(serde_json::Value::as_str);
    files.find(|file| file.ends_with(".wasm")).map(PathBuf::from)
}

fn target_is_there(project: &Project) -> Result<(), Error> {
    let rustc = RUSTC.find(project.folder())?;
    let mut command = Command::new(rustc);
    command.current_dir(project.folder()).args(["--print", "target-libdir", "--target", TARGET]);
    let libraries = run(&mut command)?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&libraries).trim());
    if libraries.is_dir() {
        return Ok(());
    }
    Err(Error::Missing {
        what: format!("the Rust target {TARGET}"),
        install: format!("rustup target add {TARGET}"),
    })
}
