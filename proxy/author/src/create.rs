//! A new project: a small plugin that builds as it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::kit;
use crate::language::Language;
use crate::project::{self, MANIFEST};

/// A question to the plugin, and the answer that every template gives to it.
const FIXTURES: [(&str, &str); 4] = [
    ("tests/region.http", include_str!("../../../plugin-sdk/templates/shared/tests/region.http")),
    ("tests/region.json", include_str!("../../../plugin-sdk/templates/shared/tests/region.json")),
    (
        "tests/anywhere.http",
        include_str!("../../../plugin-sdk/templates/shared/tests/anywhere.http"),
    ),
    (
        "tests/anywhere.json",
        include_str!("../../../plugin-sdk/templates/shared/tests/anywhere.json"),
    ),
];

/// Makes the folder `parent/name` with a plugin of that name, and gives its path.
///
/// # Errors
/// When the name cannot be one, something else lies there already, or a file cannot be written.
pub fn create(parent: &Path, name: &str, language: Language) -> Result<PathBuf, Error> {
    project::check_name(name).map_err(Error::Usage)?;
    let folder = parent.join(name);
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::Usage(format!("{} is there already", folder.display())));
    }
    let manifest = format!("name = \"{name}\"\nlanguage = \"{language}\"\ngrants = []\n");
    write(&folder, MANIFEST, &manifest)?;
    write(&folder, ".gitignore", format!("/{name}.wasm\n{}", language.leavings()))?;
    for (place, text) in language.template().iter().chain(&FIXTURES) {
        write(&folder, place, text.replace("{{name}}", name))?;
    }
    if language == Language::Rust {
        let manifest = kit::dependencies()?;
        let path = folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        write(&folder, "Cargo.toml", text + &manifest)?;
        kit::write_kit(&folder)?;
    }
    Ok(folder)
}

/// Writes a file and the folders above it.
pub(crate) fn write(folder: &Path, place: &str, text: impl AsRef<[u8]>) -> Result<(), Error> {
    let path = folder.join(place);
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).map_err(Error::file(above))?;
    }
    fs::write(&path, text).map_err(Error::file(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_of_each_language_has_its_name_in_it_and_nothing_left_to_fill_in() {
        let parent = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            let name = format!("my-{language}");
            let folder = create(parent.path(), &name, language).unwrap();
            let project = crate::Project::read(&folder).unwrap();
            assert_eq!((project.name(), project.language()), (name.as_str(), language));
            let texts = language.template().iter().map(|(place, _)| folder.join(place));
            let texts: Vec<_> = texts.map(|path| fs::read_to_string(path).unwrap()).collect();
            assert!(texts.iter().any(|text| text.contains(&name)), "{language}");
            assert!(!texts.iter().any(|text| text.contains("{{name")), "{language}");
        }
    }

    #[test]
    fn nothing_is_written_over() {
        let parent = tempfile::tempdir().unwrap();
        create(parent.path(), "mine", Language::C).unwrap();
        let error = create(parent.path(), "mine", Language::Go).unwrap_err();
        assert!(error.to_string().contains("is there already"), "{error}");
        assert!(!parent.path().join("mine/plugin.go").exists());
    }

    #[test]
    fn a_name_that_is_a_path_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["", "../x", "a/b", "A", "1a", "a b", "a\n"] {
            let error = create(parent.path(), name, Language::C).unwrap_err();
            assert!(error.to_string().contains("my-plugin"), "{error}");
        }
    }

    /// What the kit's manifests inherit stands in the project's, with the versions of this repository.
    #[test]
    fn a_rust_project_has_all_that_its_kit_inherits() {
        let parent = tempfile::tempdir().unwrap();
        let folder = create(parent.path(), "mine", Language::Rust).unwrap();
        let read = |place: &str| -> toml::Table {
            toml::from_str(&fs::read_to_string(folder.join(place)).unwrap()).unwrap()
        };
        let project = read("Cargo.toml");
        let given = &project["workspace"]["dependencies"];
        let macros = "hither/plugin-sdk/rust/macros";
        assert_eq!(given["hither-plugin-macros"]["path"].as_str(), Some(macros));
        for manifest in ["hither/plugin-sdk/rust/Cargo.toml", &format!("{macros}/Cargo.toml")] {
            let text = fs::read_to_string(folder.join(manifest)).unwrap();
            let inherited =
                |line: &str| line.contains("workspace = true") && !line.starts_with("workspace");
            for line in
                text.lines().filter(|line| line.contains(".workspace = true") || inherited(line))
            {
                let name = line.split([' ', '.']).next().unwrap();
                let package = project["workspace"]["package"].get(name).is_some();
                assert!(package || given.get(name).is_some(), "{manifest} inherits {name}");
            }
        }
    }
}
