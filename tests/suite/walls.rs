//! The walls of the house: who may name whom. Source files are read as text, so that a new file is seen at once.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// All files below a folder of the repository whose name ends so, with their path from the root.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let (root, mut found) = (root(), Vec::new());
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                let place = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((place, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no {ending} below {folder}");
    found
}

/// The lines that say a word as a path or an import, comments left out.
fn saying<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| line.contains(word)).collect()
}

/// Wants a crate to be named only below these places of `proxy/`.
fn only(word: &str, allowed: &[&str]) {
    for (place, text) in files("proxy", ".rs") {
        let lines = saying(&text, word);
        let may = allowed.iter().any(|allowed| place.starts_with(allowed));
        assert!(may || lines.is_empty(), "{place} says {word}: {lines:?}");
    }
}

#[test]
fn only_the_plugin_host_names_wasmtime() {
    // The log's filter keeps its lines out.
    only("wasmtime", &["proxy/plugin/", "proxy/src/telemetry/logging.rs"]);
}

#[test]
fn only_serve_and_the_peer_name_pingora() {
    only("pingora_", &["proxy/src/serve/", "proxy/src/upstream/peer.rs", "proxy/cache/"]);
}

#[test]
fn only_the_fetcher_asks_servers_for_code() {
    only("ureq", &["proxy/fetch/"]);
    only("hither_fetch", &["proxy/src/snapshot/code.rs", "proxy/src/cli/plugin/push.rs"]);
}

#[test]
fn only_telemetry_names_prometheus() {
    only("prometheus", &["proxy/src/telemetry/"]);
}

/// Others may carry the host's words; its plugins, and all that calls them, are the chain's alone, and components
/// that answer requests are `component`'s. The composition root makes the host of plugins.
#[test]
fn only_the_chain_and_components_call_the_plugin_host() {
    let words = ["Edits", "Hook", "Metric", "MetricKind", "MetricSink", "Reply"];
    for (place, text) in files("proxy/src", ".rs") {
        if ["proxy/src/chain/", "proxy/src/component/"].iter().any(|room| place.starts_with(room)) {
            continue;
        }
        for line in saying(&text, "hither_plugin_host") {
            let (_, names) = line.split_once("hither_plugin_host::").unwrap();
            let names = names.split(|c: char| !c.is_alphanumeric()).filter(|name| !name.is_empty());
            let root = place == "proxy/src/app.rs";
            for name in names.take_while(|name| name.starts_with(char::is_uppercase)) {
                // What follows on the line may name others, such as the result's error.
                let host = root && ["Host", "HostOptions"].contains(&name);
                let other = ["String"].contains(&name);
                assert!(
                    host || other || words.contains(&name),
                    "{place} names the plugin host's {name}"
                );
            }
        }
    }
}

#[test]
fn the_pure_crates_do_not_know_each_other_or_a_runtime() {
    let crates = [
        ("config", "hither-config"),
        ("balance", "hither-balance"),
        ("limit", "hither-limit"),
        ("fetch", "hither-fetch"),
        ("plugin", "hither-plugin-host"),
    ];
    for (folder, name) in crates {
        let manifest =
            fs::read_to_string(root().join(format!("proxy/{folder}/Cargo.toml"))).unwrap();
        let (_, rest) = manifest.split_once("[dependencies]").unwrap();
        let dependencies = rest.split("\n[").next().unwrap();
        let mut banned: Vec<&str> =
            crates.iter().map(|(_, other)| *other).filter(|other| *other != name).collect();
        banned.extend(["pingora", "hyper"]);
        if folder != "plugin" {
            banned.extend(["tokio", "wasmtime"]);
        }
        for other in banned {
            assert!(!dependencies.contains(other), "{name} depends on {other}");
        }
    }
}

#[test]
fn admin_never_reaches_into_serve() {
    for (place, text) in files("proxy/src/admin", ".rs") {
        // The stage of the process is the one word that they share.
        let lines = saying(&text, "serve::");
        let lines: Vec<_> = lines.iter().filter(|line| !line.contains("serve::Stage")).collect();
        assert!(lines.is_empty(), "{place}: {lines:?}");
    }
}

/// What is decided of a request is decided for whoever asks: the proxy or the admin API.
#[test]
fn decisions_and_explanations_do_not_know_the_proxy() {
    for room in ["proxy/src/decide", "proxy/src/explain"] {
        for (place, text) in files(room, ".rs") {
            let lines = [saying(&text, "serve::"), saying(&text, "admin::")].concat();
            assert!(lines.is_empty(), "{place}: {lines:?}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for folder in ["proxy", "plugin-sdk", "plugins", "tests"] {
        for (place, text) in files(folder, ".rs") {
            assert!(text.starts_with("//!"), "{place} does not open with //!");
        }
    }
}

#[test]
fn files_stay_small_and_main_smaller() {
    for (place, text) in files("proxy", ".rs") {
        let code = text.split("#[cfg(test)]").next().unwrap().lines().count();
        assert!(code <= 450, "{place} has {code} lines");
    }
    let main = fs::read_to_string(root().join("proxy/src/main.rs")).unwrap();
    assert!(main.lines().count() <= 40);
}
