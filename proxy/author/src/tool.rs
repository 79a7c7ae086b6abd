//! Programs of other toolchains: where they are found, how they are called, and what to say when one is
//! not there.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// The most that is shown of what a failed program said; its end says why.
const MOST_SAID: usize = 16 << 10;

/// A program that a build needs.
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    /// What it is for, after its name.
    pub(crate) purpose: &'static str,
    /// The command that installs it.
    pub(crate) install: &'static str,
}

impl Tool {
    /// The program: the project's own (`node_modules`, `.venv`) before the machine's.
    pub(crate) fn find(&self, project: &Path) -> Result<PathBuf, Error> {
        let own = ["node_modules/.bin", ".venv/bin"].map(|place| project.join(place));
        let venv = env::var_os("VIRTUAL_ENV").map(|venv| PathBuf::from(venv).join("bin"));
        let path = env::var_os("PATH").unwrap_or_default();
        let places = own.into_iter().chain(venv).chain(env::split_paths(&path));
        let found = places.map(|place| place.join(self.program)).find(|path| is_program(path));
        // Programs are run in other folders than this one.
        found.and_then(|path| std::path::absolute(path).ok()).ok_or_else(|| self.missing())
    }

    pub(crate) fn missing(&self) -> Error {
        Error::Missing {
            what: format!("`{}`, {},", self.program, self.purpose),
            install: self.install.to_owned(),
        }
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Runs a program to its end and gives what it wrote to standard output.
pub(crate) fn run(command: &mut Command) -> Result<Vec<u8>, Error> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| Error::Tool { command: shown.clone(), said: error.to_string() })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stdout));
    let begin = said.floor_char_boundary(said.len().saturating_sub(MOST_SAID));
    Err(Error::Tool { command: shown, said: said.split_off(begin) })
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
