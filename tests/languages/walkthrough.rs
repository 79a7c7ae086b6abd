//! `plugin-sdk/README.md` leads from nothing to a plugin that was swapped in: each of its commands is run
//! here, in its order, and prints what is shown.

use crate::project::HITHER;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The ports of the text, which may be taken on this machine.
const PORTS: [&str; 3] = ["8080", "9900", "9001"];

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk/README.md");
    let mut text = fs::read_to_string(path).expect("plugin-sdk/README.md");
    let free: Vec<TcpListener> = PORTS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).into();
    for (port, free) in PORTS.iter().zip(&free) {
        let free = free.local_addr().unwrap().port();
        text = text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{free}"));
    }
    text
}

/// The fenced blocks of one language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let rest: Vec<&str> = text.split(&fence).skip(1).collect();
    rest.into_iter().filter_map(|rest| rest.split("```").next()).collect()
}

/// A folder with a link to the binary, so that the commands are those of the text.
fn programs(folder: &Path) -> PathBuf {
    let programs = folder.join("programs");
    fs::create_dir(&programs).unwrap();
    std::os::unix::fs::symlink(HITHER, programs.join("hither")).unwrap();
    programs
}

#[test]
fn every_command_of_the_walkthrough_does_what_is_shown() {
    let text = readme();
    let (_, text) = text.split_once("## From nothing").expect("the walkthrough");
    let text = text.split("\n## ").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let toml = blocks(text, "toml");
    assert_eq!(toml.len(), 1, "one configuration is shown");
    fs::write(folder.path().join("hither.toml"), toml[0]).unwrap();

    let lines: Vec<&str> = blocks(text, "console").into_iter().flat_map(str::lines).collect();
    let (commands, shown): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.starts_with("$ "));
    assert!(commands.len() > 8 && shown.len() > 3, "{commands:#?}\n{shown:#?}");
    let commands: Vec<&str> = commands.iter().map(|line| &line[2..]).collect();
    let script = format!(
        "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\nset -x\n{}\n",
        commands.join("\n")
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", programs(folder.path()).display());
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let ended = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .stderr(log)
        .output()
        .expect("bash");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(ended.status.success(), "{said}\n{log}");
    let mut rest = said.lines().map(str::trim_end);
    for line in shown {
        assert!(
            rest.any(|said| said == line),
            "{line:?} is not printed, or not there:\n{said}\n{log}"
        );
    }
}
