//! The text of a configuration and where it came from. Must not know what it means.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file above this is refused unread: ten thousand instances take about one MiB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A configuration as text, with the name that errors show and the folder that relative paths
/// start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    folder: PathBuf,
    text: String,
}

/// Why a configuration file could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No such file.
    #[error("there is no configuration at {path}: write one, or name another with --config FILE")]
    Missing {
        /// As it was asked for.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// As it was asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// Larger than any configuration should be.
    #[error("{path} is larger than {} MiB, which no configuration needs", MAX_BYTES >> 20)]
    TooLarge {
        /// As it was asked for.
        path: PathBuf,
    },
    /// Not text.
    #[error("{path} is not UTF-8 text: line {line} holds a byte that cannot be there")]
    NotText {
        /// As it was asked for.
        path: PathBuf,
        /// The first line that is not text, counted from 1.
        line: usize,
    },
}

impl Source {
    /// A text that is at hand already. `folder` is where its relative paths start.
    pub fn new(
        name: impl Into<String>,
        folder: impl Into<PathBuf>,
        text: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), folder: folder.into(), text: text.into() }
    }

    /// Reads a file of at most 16 MiB.
    ///
    /// # Errors
    /// When it is missing, unreadable, too large or not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let path = path.as_ref();
        let fail = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => ReadError::Missing { path: path.to_owned() },
            _ => ReadError::Unreadable { path: path.to_owned(), error },
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(fail)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(ReadError::TooLarge { path: path.to_owned() });
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let before = &error.as_bytes()[..good];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            ReadError::NotText { path: path.to_owned(), line }
        })?;
        // Absolute, so that a plan means the same whatever the process does to its own folder.
        let whole = std::path::absolute(path).map_err(fail)?;
        let folder = whole.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
        Ok(Self { name: path.display().to_string(), folder, text })
    }

    /// What errors call this text: usually its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where relative paths start.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The TOML itself.
    pub fn text(&self) -> &str {
        &self.text
    }
}
