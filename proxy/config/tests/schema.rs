//! The schema agrees with the reader on whole files: what loads is valid, what has a wrong key or
//! type is not.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::Path;

fn valid(path: &Path) -> bool {
    let text = fs::read_to_string(path).expect("a file that can be read");
    let file: serde_json::Value = toml::from_str(&text).expect("a file that is TOML");
    let validator = jsonschema::validator_for(&hither_config::schema()).expect("a valid schema");
    validator.is_valid(&file)
}

#[test]
fn files_that_load_are_valid() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["tests/golden/good-everything.toml", "tests/golden/good-minimal.toml"] {
        assert!(valid(&here.join(file)), "{file} loads but the schema refuses it");
    }
    for entry in fs::read_dir(here.join("../../examples")).expect("the examples") {
        let path = entry.expect("an example").path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            assert!(valid(&path), "{} loads but the schema refuses it", path.display());
        }
    }
}

#[test]
fn wrong_keys_and_types_are_not_valid() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in ["unknown-keys", "wrong-types", "values", "missing", "shapes", "many"] {
        let path = here.join(file).with_extension("toml");
        assert!(!valid(&path), "{file} is refused by the reader but not by the schema");
    }
}
