//! Every file in `golden/`: a good one loads, a bad one gives exactly the report beside it.
//! `BLESS=1 cargo test -p hither-config` writes the reports anew; read the diff before committing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use hither_config::{Environment, Report, Source, load};

fn environment() -> Environment {
    Environment::new("test-edge", NonZeroUsize::MIN, |name| {
        (name == "HOME").then(|| "/home/tester".to_owned())
    })
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .toml in {}", folder.display());
    files
}

/// Under a short name, so that reports do not depend on where the repository lies.
fn source(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a golden file is text");
    let name = path.file_name().expect("a golden file has a name").to_string_lossy();
    Source::new(name, "/etc/hither", text)
}

fn report(path: &Path) -> Option<Report> {
    load(&source(path), &environment()).err()
}

#[test]
fn every_bad_file_gives_its_report_and_every_good_one_loads() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files("tests/golden") {
        let golden = path.with_extension("err");
        let actual = report(&path).map(|report| format!("{report}\n")).unwrap_or_default();
        if bless && (golden.exists() || !actual.is_empty()) {
            fs::write(&golden, &actual).expect("the report can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if actual != expected {
            wrong.push(format!("{}:\n{actual}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "these reports differ from their .err files:\n{}", wrong.join("\n"));
}

#[test]
fn every_problem_says_what_would_be_right() {
    for path in files("tests/golden") {
        let report = report(&path);
        for problem in report.iter().flat_map(Report::problems) {
            assert!(problem.example.is_some(), "{}: no example: {problem:?}", path.display());
            assert!(
                problem.help.is_some()
                    || problem.label.is_some()
                    || problem.message.contains("found"),
                "{}: no reason: {problem:?}",
                path.display()
            );
        }
    }
}

#[test]
fn every_example_loads() {
    for path in files("../../examples") {
        if let Some(report) = report(&path) {
            panic!("{report}");
        }
    }
}
