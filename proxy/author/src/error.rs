//! What can go wrong for an author, in words that say what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A program that the build needs is not there.
    #[error("{what} is not there; install it with\n\n    {install}\n")]
    Missing {
        /// The program, and what it is for.
        what: String,
        /// The command that installs it.
        install: String,
    },
    /// A program of the build failed.
    #[error("`{command}` failed{}", indented(.said))]
    Tool {
        /// As it was called.
        command: String,
        /// What it said.
        said: String,
    },
    /// What it says cannot be used.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with a valid example.
        reason: String,
    },
    /// Something is wrong with what was asked for.
    #[error("{0}")]
    Usage(String),
    /// The bindings or the component could not be made.
    #[error("{what}: {reason}")]
    Component {
        /// What was being made.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// The plugin cannot be loaded or configured.
    #[error("{}: {reason}", path.display())]
    Plugin {
        /// Its file.
        path: PathBuf,
        /// The host's words.
        reason: String,
    },
}

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::File { path, error }
    }

    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn plugin(path: &Path, reason: impl ToString) -> Self {
        Self::Plugin { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn component(what: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Component { what, reason: format!("{reason:#}") }
    }
}

fn indented(said: &str) -> String {
    let said = said.trim();
    if said.is_empty() { String::new() } else { format!(":\n\n{said}\n") }
}
