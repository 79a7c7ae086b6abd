//! What the README shows is what there is.

use crate::support::{HITHER, LISTENER, instance, shipped};
use hither_harness::{OriginProcess, Program, Request};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("proxy/ lies in the root").to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// The fenced blocks of one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_plugin_of_the_readme_is_the_template() {
    let template = root().join("plugin-sdk/templates/rust/src/lib.rs");
    let template = std::fs::read_to_string(template).expect("the template");
    assert_eq!(blocks(&readme(), "rust"), [template]);
}

/// A recipe whose target's line is lost becomes a part of the one above it.
#[test]
fn make_has_a_rule_for_each_target_and_the_tests_do_not_measure() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("Makefile");
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY:"));
    let targets: Vec<&str> = phony.expect("its targets").split_whitespace().collect();
    assert!(targets.contains(&"bench") && targets.contains(&"test"), "{targets:?}");
    for target in targets {
        let rule = format!("\n{target}:");
        assert!(makefile.contains(&rule), "`make {target}` has no rule");
    }
    let test = makefile.split("\ntest:").nth(1).and_then(|rest| rest.split("\n\n").next());
    assert!(!test.expect("the rule of test").contains("tests/load"));
}

#[test]
fn every_path_that_the_readme_links_to_is_there() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links: Vec<&str> = links.filter(|link| !link.contains("://")).collect();
    assert!(links.len() > 5, "{links:?}");
    for link in links {
        assert!(root().join(link).exists(), "{link} is not there");
    }
}

#[tokio::test]
async fn the_plugin_of_the_readme_is_swapped_in_and_back() {
    let origin = OriginProcess::start(HITHER, "ams").await;
    let plugin = "[plugin.headers]\nfile = \"headers.wasm\"\n[plugin.headers.config.set]\nx-frame-options = \"DENY\"\n";
    let config = format!(
        "[edge]\nregion = \"ams\"\n{LISTENER}[service.web]\nplugins = [\"headers\"]\n{}\n{plugin}",
        instance("a", origin.address(), "rtt = \"1ms\"")
    );
    let edge = hither_harness::Hither::builder(HITHER)
        .config(config)
        .file("headers.wasm", shipped("headers"))
        .start()
        .await;
    assert_eq!(edge.get("/").await.header("x-frame-options"), Some("DENY"));
    edge.swap("headers", shipped("hello")).await.expect_status(200);
    let after = edge.get("/").await;
    assert_eq!(after.header("x-hello"), Some("from ams"));
    assert_eq!(after.header("x-frame-options"), None);
    let admin = edge.admin().to_string();
    let ended = edge.command(&["reload", "--back", "--admin", &admin]).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(edge.get("/").await.header("x-frame-options"), Some("DENY"));
}

#[tokio::test]
async fn a_mistaken_configuration_is_told_as_the_readme_shows() {
    let shown = readme();
    let shown = blocks(&shown, "console");
    let shown = shown.iter().find(|block| block.contains("hither check")).expect("the example");
    let expected: Vec<&str> = shown.lines().skip(1).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let bad = "[[listener]]\naddress = \"127.0.0.1:8080\"\n\n[service.web.concurrency]\nsoft_limit = 20\n\
               hard_limt = 25\n\n[[service.web.instance]]\nid = \"a\"\naddress = \"127.0.0.1:9001\"\n";
    std::fs::write(folder.path().join("hither.toml"), bad).expect("written");
    let ended = Program::run(HITHER, folder.path(), &["check"], Duration::from_secs(20)).await;
    assert_eq!(ended.status.code(), Some(3));
    assert_eq!(ended.stderr.lines().collect::<Vec<_>>(), expected);
}

/// A line with single blanks and without what a plugin took, which differs from run to run.
fn timeless(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let call = words.iter().any(|word| ["routing", "request-filter"].contains(word));
    let time = words.iter().position(|word| *word == "ms").filter(|_| call);
    let kept = words.iter().enumerate().filter(|(at, _)| time.is_none_or(|ms| at + 1 != ms));
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}

/// In any order: where instances are equally far down, chance decides.
fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(timeless).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn the_quickstart_is_explained_as_the_readme_shows() {
    let shown = readme();
    let shown = blocks(&shown, "console");
    let shown = shown.iter().find(|block| block.contains("hither explain")).expect("the example");
    let (command, expected) = shown.split_once('\n').expect("a command and its output");
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    };
    let example = std::fs::read(root().join("examples/quickstart.toml")).expect("the quickstart");
    put("examples/quickstart.toml", &example);
    for plugin in ["tenant-router", "headers"] {
        put(&format!("target/plugins/{plugin}.wasm"), &shipped(plugin));
    }
    let command = command.replace("'x-tenant: acme'", "x-tenant:acme");
    let arguments: Vec<&str> = command.split_whitespace().skip(2).collect();
    let ended = Program::run(HITHER, folder.path(), &arguments, Duration::from_secs(60)).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(sorted(&ended.stdout), sorted(expected), "{}", ended.stdout);
}

#[tokio::test]
async fn the_tenant_of_the_readme_is_sent_to_its_region() {
    let origins = OriginProcess::start_all(HITHER, &["ams", "sin"]).await;
    let tables = [
        instance("a", origins[0].address(), "region = \"ams\"\nrtt = \"1ms\""),
        instance("b", origins[1].address(), "region = \"sin\"\nrtt = \"150ms\""),
    ]
    .concat();
    let plugin = "[plugin.tenant-router]\nfile = \"t.wasm\"\n[plugin.tenant-router.config]\nheader = \"x-tenant\"\n\
                  [plugin.tenant-router.config.tenants]\nglobex = { require = { region = \"sin\" } }\n";
    let edge = hither_harness::Hither::builder(HITHER)
        .config(format!(
            "[edge]\nregion = \"ams\"\n{LISTENER}[service.web]\nplugins = [\"tenant-router\"]\n{tables}{plugin}"
        ))
        .file("t.wasm", shipped("tenant-router"))
        .start()
        .await;
    assert_eq!(edge.get("/").await.header("x-origin-region"), Some("ams"));
    let request = Request::get("/").header("x-tenant", "globex");
    assert_eq!(edge.send(&request).await.header("x-origin-region"), Some("sin"));
}

#[tokio::test]
async fn the_cache_of_the_readme_does_what_is_shown() {
    let text = readme();
    let (_, part) = text.split_once("\n## What is kept\n").expect("its section");
    let toml = blocks(part, "toml").remove(0);
    let origin = OriginProcess::start(HITHER, "ams").await;
    let instance = instance("a", origin.address(), "");
    let config = format!("{LISTENER}[service.web]\n{instance}{toml}");
    let edge = hither_harness::Hither::builder(HITHER).config(config).start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let block = blocks(part, "console").remove(0);
    crate::plugin_readmes::does_what_is_shown(folder.path(), &edge, &block).await;
}
