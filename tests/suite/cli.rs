//! The command line: exit codes and words.

use crate::support::{HITHER, LISTENER};
use hither_harness::{Ended, Hither, Program};
use std::time::Duration;
use tempfile::TempDir;

async fn hither(folder: &TempDir, arguments: &[&str]) -> Ended {
    Program::run(HITHER, folder.path(), arguments, Duration::from_secs(60)).await
}

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hither.toml"), config).unwrap();
    folder
}

const INSTANCE: &str = "[[service.web.instance]]\nid = \"one\"\naddress = \"127.0.0.1:1\"\n";

#[tokio::test]
async fn check_praises_a_good_file() {
    let folder = folder(&format!("{LISTENER}{INSTANCE}"));
    for arguments in [&["check"][..], &["check", "-c", "hither.toml"]] {
        let ended = hither(&folder, arguments).await;
        assert_eq!(
            (ended.status.code(), &ended.stdout[..]),
            (Some(0), "hither.toml: good\n"),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn check_shows_every_problem_with_a_caret_and_ends_with_3() {
    let folder = folder(&format!("{LISTENER}adress = \"x\"\n{INSTANCE}port = 80\n"));
    for verb in ["check", "run"] {
        let ended = hither(&folder, &[verb]).await;
        assert_eq!(ended.status.code(), Some(3), "{verb}: {ended:?}");
        for words in ["adress", "address", "port", "^", "hither.toml:3", "2 problems"] {
            assert!(ended.stderr.contains(words), "{verb}, {words}:\n{}", ended.stderr);
        }
        assert!(!ended.stderr.contains('\u{1b}'), "colours are for terminals:\n{}", ended.stderr);
    }
}

#[tokio::test]
async fn check_loads_the_plugins_too() {
    let plugin = "[plugin.p]\nfile = \"p.wasm\"\n";
    let folder = folder(&format!("{LISTENER}[service.web]\nplugins = [\"p\"]\n{INSTANCE}{plugin}"));
    let missing = hither(&folder, &["check"]).await;
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
    assert!(missing.stderr.contains("p.wasm cannot be read"), "{}", missing.stderr);
    std::fs::write(folder.path().join("p.wasm"), "no wasm").unwrap();
    let bad = hither(&folder, &["check"]).await;
    assert_eq!(bad.status.code(), Some(3), "{bad:?}");
    assert!(bad.stderr.contains("plugin"), "{}", bad.stderr);
}

#[tokio::test]
async fn a_file_that_is_not_there_ends_with_3_and_its_name() {
    let folder = tempfile::tempdir().unwrap();
    for verb in ["check", "run"] {
        let ended = hither(&folder, &[verb, "--config", "nowhere.toml"]).await;
        assert_eq!(ended.status.code(), Some(3), "{ended:?}");
        assert!(ended.stderr.contains("nowhere.toml"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["what"], &["run", "--what"], &["completions", "what"], &["origin"]]
    {
        let ended = hither(&folder, arguments).await;
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {ended:?}");
        let told = ended.stderr.contains("Usage") || ended.stderr.contains("error: ");
        assert!(told, "{arguments:?}: {}", ended.stderr);
    }
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"]] {
        assert_eq!(hither(&folder, arguments).await.status.code(), Some(0), "{arguments:?}");
    }
}

#[tokio::test]
async fn schema_is_a_json_schema_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ended = hither(&folder, &["schema"]).await;
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let schema: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"), "{schema:#}");
    for table in ["edge", "admin", "log", "listener", "service", "plugin", "origin"] {
        assert!(!schema["properties"][table].is_null(), "{table}");
    }
}

#[tokio::test]
async fn completions_name_the_verbs() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let ended = hither(&folder, &["completions", shell]).await;
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        for verb in ["run", "check", "reload", "status", "schema", "origin"] {
            assert!(ended.stdout.contains(verb), "{shell}, {verb}");
        }
    }
}

#[tokio::test]
async fn a_port_in_use_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = format!("[[listener]]\naddress = \"{address}\"\n{INSTANCE}");
    let failure = Hither::builder(HITHER).config(config).try_start().await.map(|_| ()).unwrap_err();
    assert_eq!(failure.status.and_then(|status| status.code()), Some(1), "{failure}");
    let words = format!("listener {address} cannot be bound: ");
    assert!(failure.stderr.contains(&words) && failure.stderr.contains("in use"), "{failure}");
    let config = format!("{LISTENER}{INSTANCE}[admin]\naddress = \"{address}\"\n");
    let failure = Hither::builder(HITHER).config(config).try_start().await.map(|_| ()).unwrap_err();
    assert_eq!(failure.status.and_then(|status| status.code()), Some(1), "{failure}");
    assert!(failure.stderr.contains("admin.address cannot be bound"), "{failure}");
}

#[tokio::test]
async fn a_reload_without_an_edge_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for verb in ["reload", "status"] {
        let ended = hither(&folder, &[verb, "--admin", &free]).await;
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(ended.stderr.contains("no edge answers at"), "{}", ended.stderr);
    }
}

/// As `hither schema | head -1` in a shell, whose reader is gone before the first word.
#[test]
fn whoever_has_seen_enough_of_what_is_shown_hears_no_complaint() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for verb in ["schema", "completions bash", "check --config examples/limits.toml"] {
        let mut command = std::process::Command::new(HITHER);
        command.current_dir(&root).args(verb.split(' '));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = command.stdout(writer).output().unwrap();
        assert!(ran.status.success(), "{verb}: {ran:?}");
        assert!(ran.stderr.is_empty(), "{verb}: {}", String::from_utf8_lossy(&ran.stderr));
    }
}
