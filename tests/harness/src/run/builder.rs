//! From a configuration text to a running proxy.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tempfile::TempDir;

use super::hither::{Bound, CONFIG, Hither, place, ready};
use super::program::Program;
use crate::eventually::within;

/// A debug build that compiles several plugins on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What is to be started; see [`Hither::builder`].
#[derive(Debug)]
pub struct Builder {
    binary: PathBuf,
    config: String,
    folder: TempDir,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    deadline: Duration,
}

/// A proxy that ended or did not become ready.
#[derive(Debug)]
pub struct NotStarted {
    /// How it ended; `None` if it was killed for not being ready in time.
    pub status: Option<ExitStatus>,
    /// What it wrote to stderr.
    pub stderr: String,
    /// What it wrote to stdout.
    pub stdout: String,
    /// The last state that was waited for.
    pub reason: String,
}

impl Builder {
    pub(crate) fn new(binary: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            config: String::new(),
            folder: tempfile::Builder::new().prefix("hither-test-").tempdir().unwrap(),
            arguments: Vec::new(),
            environment: Vec::new(),
            deadline: START,
        }
    }

    /// The configuration; ports may be 0. Where the text has no `[admin]` or `[log]` table, one is added at its
    /// end: an admin address with port 0; the log and the access log as JSON to stderr and stdout.
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = text.into();
        self
    }

    /// A file beside the configuration, such as a plugin; folders in the name are made.
    #[must_use]
    pub fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        place(self.folder.path(), name, bytes.as_ref());
        self
    }

    /// A further command-line argument, after `run --config FILE`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// A variable of the process's environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// How long to wait for it to be ready, instead of 60 s.
    #[must_use]
    pub fn ready_within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts it and waits until it serves.
    ///
    /// # Panics
    /// If it does not, with what it wrote.
    pub async fn start(self) -> Hither {
        match self.try_start().await {
            Ok(hither) => hither,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`Builder::start`], for a start that is expected to fail.
    ///
    /// # Errors
    /// It ended, or was not ready in time.
    pub async fn try_start(self) -> Result<Hither, NotStarted> {
        let config = complete(&self.config);
        place(self.folder.path(), CONFIG, config.as_bytes());
        let mut command = Command::new(&self.binary);
        command
            .arg("run")
            .arg("--config")
            .arg(self.folder.path().join(CONFIG))
            .args(&self.arguments);
        command.current_dir(self.folder.path());
        command.env_remove("HITHER_REGION").env_remove("FLY_REGION").env_remove("RUST_LOG");
        command.envs(self.environment);
        let program = Program::start("hither", command);
        let wait = within(self.deadline, "hither to be ready", || async {
            if let Some(status) = program.exited() {
                return Ok(Err(status));
            }
            ready(&program, listeners(&config)).await.map(Ok)
        });
        let outcome: Result<Result<Bound, ExitStatus>, String> = wait.await;
        match outcome {
            Ok(Ok(bound)) => Ok(Hither::new(program, self.folder, self.binary, bound)),
            Ok(Err(status)) => {
                program.wait_exit(self.deadline).await;
                Err(NotStarted::new(&program, Some(status), format!("it ended: {status}")))
            }
            Err(reason) => Err(NotStarted::new(&program, None, reason)),
        }
    }
}

impl NotStarted {
    fn new(program: &Program, status: Option<ExitStatus>, reason: String) -> Self {
        let (stderr, stdout) =
            (program.stderr().tail(usize::MAX), program.stdout().tail(usize::MAX));
        Self { status, stderr, stdout, reason }
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stderr, stdout, reason, .. } = self;
        write!(out, "hither did not start: {reason}\n--- stderr\n{stderr}--- stdout\n{stdout}---")
    }
}

/// Adds what every test needs. At the end, so that lines and carets of messages stay as the test wrote them.
pub(crate) fn complete(text: &str) -> String {
    let has = |table: &str| text.lines().any(|line| line.trim_start().starts_with(table));
    let mut config = text.to_owned();
    if !has("[admin]") {
        config.push_str("\n[admin]\naddress = \"127.0.0.1:0\"\n");
    }
    if !has("[log]") {
        config.push_str("\n[log]\nformat = \"json\"\naccess = \"-\"\n");
    }
    config
}

fn listeners(config: &str) -> usize {
    config.lines().filter(|line| line.trim_start().starts_with("[[listener]]")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_tables_are_added_and_only_at_the_end() {
        let text = "[[listener]]\naddress = \"127.0.0.1:0\"\n[log]\naccess = \"off\"\n";
        let config = complete(text);
        assert!(config.starts_with(text) && config.contains("[admin]"), "{config}");
        assert_eq!(config.matches("[log]").count(), 1);
        assert_eq!(listeners(&config), 1);
    }

    #[tokio::test]
    async fn a_program_that_ends_is_told_with_its_status_and_words() {
        let outcome = Builder::new(Path::new("/bin/false")).try_start().await;
        let failure = outcome.map(|_| ()).unwrap_err();
        assert_eq!(failure.status.and_then(|status| status.code()), Some(1), "{failure}");
    }
}
