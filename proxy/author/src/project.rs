//! `plugin.toml`: what a project says of itself. It reads nothing else of the project.

use std::fs;
use std::path::{Path, PathBuf};

use hither_plugin_host::Capability;

use crate::error::Error;
use crate::language::Language;

/// The file that makes a folder a plugin's project.
pub(crate) const MANIFEST: &str = "plugin.toml";

const LONGEST_NAME: usize = 64;

/// As written. What a shipped plugin tells people (`hooks`, `inputs`, `schema`) is allowed to stand
/// there, too; the component itself is asked for it.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    language: Option<Language>,
    #[serde(default)]
    grants: Vec<String>,
    #[serde(default, rename = "hooks")]
    _hooks: Vec<String>,
    #[serde(default, rename = "inputs")]
    _inputs: Vec<String>,
    #[serde(default, rename = "schema")]
    _schema: Option<String>,
}

/// A plugin's project.
#[derive(Debug, Clone)]
pub struct Project {
    folder: PathBuf,
    name: String,
    language: Language,
    grants: Vec<Capability>,
}

impl Project {
    /// Reads the project in this folder.
    ///
    /// # Errors
    /// When the folder has no `plugin.toml`, or what stands there cannot be used.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                let way = "`hither plugin new NAME --lang rust` makes a project";
                Error::invalid(&path, format!("is not there; {way}"))
            }
            _ => Error::File { path: path.clone(), error },
        })?;
        let raw: Raw =
            toml::from_str(&text).map_err(|error| Error::invalid(&path, error.to_string()))?;
        check_name(&raw.name).map_err(|reason| Error::invalid(&path, reason))?;
        // Shipped plugins do not say it, since they are all in Rust.
        let language = raw.language.unwrap_or(Language::Rust);
        let grants = raw.grants.iter().map(|grant| grant.parse()).collect::<Result<_, _>>();
        let grants = grants.map_err(|error: hither_plugin_host::UnknownCapability| {
            Error::invalid(&path, format!("grants: {error}"))
        })?;
        Ok(Self { folder: folder.to_owned(), name: raw.name, language, grants })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// What it is granted where it is tried: on the bench and in its tests.
    pub fn grants(&self) -> &[Capability] {
        &self.grants
    }

    /// Where the component is put.
    pub fn component(&self) -> PathBuf {
        self.folder.join(format!("{}.wasm", self.name))
    }
}

/// A name that is a file's name, a crate's name and a name in the configuration.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= LONGEST_NAME
        && name.chars().all(plain);
    if good {
        return Ok(());
    }
    Err(format!(
        "{name:?} cannot be a plugin's name; lower-case letters, digits and `-`, a letter first, as in \
         \"my-plugin\""
    ))
}
