//! A secret that somebody else must show, or that a plugin signs with: read from a file or a variable,
//! compared without telling where it differs.

use std::fmt;
use std::io::Read;
use std::path::Path;

/// A token in a file is far shorter.
const MOST: u64 = 4096;

/// A secret. Never empty, never printed.
#[derive(PartialEq, Eq)]
pub(crate) struct Secret(Box<[u8]>);

impl Secret {
    /// None if there is nothing but blanks.
    pub(crate) fn new(text: &str) -> Option<Secret> {
        let text = text.trim();
        (!text.is_empty()).then(|| Secret(text.as_bytes().into()))
    }

    /// The secret in a file, without blanks around it.
    ///
    /// # Errors
    /// In words: the file cannot be read, is too long, or holds none.
    pub(crate) fn read(path: &Path) -> Result<Secret, String> {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MOST + 1).read_to_string(&mut text))
            .map_err(|error| error.to_string())?;
        if text.len() as u64 > MOST {
            return Err(format!("it is longer than {MOST} bytes"));
        }
        Secret::new(&text).ok_or_else(|| "it is empty".to_owned())
    }

    /// The secret in an environment variable of this process, without blanks around it.
    ///
    /// # Errors
    /// In words: there is no such variable, or it holds none.
    pub(crate) fn of_variable(name: &str) -> Result<Secret, String> {
        let text = std::env::var(name).map_err(|error| error.to_string())?;
        Secret::new(&text).ok_or_else(|| "it is empty".to_owned())
    }

    /// For the plugin host, which signs with it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is it, in the same time wherever they differ.
    pub(crate) fn is(&self, shown: &[u8]) -> bool {
        let differing = |sum, (x, y): (&u8, &u8)| sum | (x ^ y);
        self.0.len() == shown.len() && self.0.iter().zip(shown).fold(0, differing) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
