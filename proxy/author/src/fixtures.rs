//! Golden files: `tests/NAME.http` is a request, `tests/NAME.response.http` what the service answers (200
//! without anything where there is none), `tests/NAME.json` what the plugin says of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answer::Answers;
use crate::error::Error;
use crate::message::{RequestFile, ResponseFile};
use crate::project::Project;
use crate::workbench::Workbench;

const RESPONSE: &str = ".response.http";
const REQUEST: &str = ".http";

/// One fixture and what came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The fixture's name.
    pub name: String,
    /// Whether it held.
    pub verdict: Verdict,
}

/// What came of a fixture.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The plugin says what the file says.
    Same,
    /// The file was written, or was different and was written anew.
    Written,
    /// The plugin says something else.
    Different {
        /// As the file says.
        expected: Answers,
        /// As the plugin says.
        found: Answers,
    },
    /// There is no file to compare with.
    New(Answers),
}

impl Verdict {
    /// Whether the plugin is as it should be.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Same | Self::Written)
    }
}

/// Asks a project's component everything that its fixtures ask. `bless`: write down what it says instead
/// of comparing.
///
/// # Errors
/// When there is nothing to ask, the component is not built, or a file cannot be used.
pub fn check(project: &Project, bless: bool) -> Result<Vec<Outcome>, Error> {
    let folder = project.folder().join("tests");
    let fixtures = requests(&folder)?;
    let component = project.component();
    if !component.is_file() {
        let reason = "is not there; `hither plugin build` makes it";
        return Err(Error::invalid(&component, reason));
    }
    let bench = Workbench::load(&component, true)?;
    granted(project, &bench)?;
    fixtures.into_iter().map(|name| one(&bench, &folder, name, bless)).collect()
}

/// What the plugin needs is what the project says that it is granted: else it loads here and nowhere else.
fn granted(project: &Project, bench: &Workbench) -> Result<(), Error> {
    let needed = &bench.sheet().grants;
    if needed.iter().all(|grant| project.grants().contains(grant)) {
        return Ok(());
    }
    let needed: Vec<_> = needed.iter().map(|grant| format!("\"{grant}\"")).collect();
    let path = project.folder().join(crate::project::MANIFEST);
    let needed = needed.join(", ");
    Err(Error::invalid(
        &path,
        format!("does not grant all that it needs; write `grants = [{needed}]`"),
    ))
}

fn requests(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file(folder))? {
        let file = entry.map_err(Error::file(folder))?.file_name();
        let name = file.to_string_lossy();
        if let Some(name) = name.strip_suffix(REQUEST).filter(|_| !name.ends_with(RESPONSE)) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(Error::invalid(folder, "has no request, such as example.http"));
    }
    Ok(names)
}

fn one(bench: &Workbench, folder: &Path, name: String, bless: bool) -> Result<Outcome, Error> {
    let file = |ending: &str| -> PathBuf { folder.join(format!("{name}{ending}")) };
    let request = RequestFile::read(&file(REQUEST))?;
    let response = match file(RESPONSE) {
        path if path.is_file() => ResponseFile::read(&path)?,
        _ => ResponseFile::plain(),
    };
    let found = bench.ask(&request, &response)?;
    let golden = file(".json");
    let expected = read(&golden)?;
    let verdict = match expected {
        Some(expected) if expected == found => Verdict::Same,
        _ if bless => {
            fs::write(&golden, found.to_string()).map_err(Error::file(&golden))?;
            Verdict::Written
        }
        Some(expected) => Verdict::Different { expected, found },
        None => Verdict::New(found),
    };
    Ok(Outcome { name, verdict })
}

fn read(path: &Path) -> Result<Option<Answers>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let answers = Answers::parse(&text);
    answers
        .map(Some)
        .map_err(|error| Error::invalid(path, format!("is not what `--bless` writes: {error}")))
}
