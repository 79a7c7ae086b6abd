//! Plugins for the tests, compiled from source: those that misbehave lie in `examples/`, and any other
//! package of this workspace can be built as well. It knows cargo and no plugin.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "plugin";

/// Compiles one of this crate's examples and returns the `.wasm` file: a core module that carries its
/// contract.
///
/// # Panics
/// When it does not compile, with what cargo said.
pub fn guest(example: &str) -> PathBuf {
    let arguments = ["-p", env!("CARGO_PKG_NAME"), "--features", "wasm", "--examples"];
    cargo("guests", &arguments);
    built(&format!("examples/{example}.wasm"))
}

/// Compiles a plugin package of this workspace, such as `tenant-router`, and returns its `.wasm` file.
///
/// # Panics
/// When it does not compile, with what cargo said.
pub fn package(name: &str) -> PathBuf {
    cargo(name, &["-p", name, "--lib"]);
    built(&format!("{}.wasm", name.replace('-', "_")))
}

#[expect(
    clippy::panic,
    reason = "only tests call this, and a test without its plugin cannot go on"
)]
fn built(file: &str) -> PathBuf {
    let path = target_dir().join(TARGET).join(PROFILE).join(file);
    if !path.is_file() {
        panic!("cargo built everything, but {} is not there", path.display());
    }
    path
}

/// Runs `cargo build`, in a target folder of its own: the one of the tests is locked while they are
/// built. Where nextest runs each test as a process, the first one of a run builds for all.
#[expect(
    clippy::panic,
    reason = "only tests call this, and a test without its plugin cannot go on"
)]
fn cargo(what: &str, arguments: &[&str]) {
    let stamp = env::var("NEXTEST_RUN_ID")
        .ok()
        .map(|run| target_dir().join("stamps").join(format!("{run}-{what}")));
    if stamp.as_ref().is_some_and(|stamp| stamp.exists()) {
        return;
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let output = Command::new(cargo)
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", PROFILE, "--target", TARGET])
        .args(arguments)
        .arg("--target-dir")
        .arg(target_dir())
        // Flags of the tests' own build, such as coverage, are not for plugins.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output();
    match output {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            panic!("{what} does not compile:\n{}", String::from_utf8_lossy(&output.stderr))
        }
        Err(error) => panic!("cargo cannot be run: {error}"),
    }
    if let Some(stamp) = stamp {
        // Without the stamp the next test only asks cargo again.
        let _ = stamp.parent().map(fs::create_dir_all);
        let _ = fs::write(stamp, "");
    }
}

fn workspace() -> &'static Path {
    // This crate lies two folders below the root.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), |dir| workspace().join(dir))
        .join("wasm")
}
