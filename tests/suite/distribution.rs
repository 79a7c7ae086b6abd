//! Plugins and components that are kept elsewhere: pushed to a registry, fetched from it and over https, and
//! what cannot be fetched changes nothing.

use crate::support::{HITHER, LISTENER, SOON, instance, shipped};
use hither_harness::{Ended, Hither, OriginProcess, Program, Registry, SecureServer};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const REPOSITORY: &str = "team/headers";
/// `alice:word`, as `docker login` stores it.
const ALICE: &str = "YWxpY2U6d29yZA==";

/// A folder with the shipped plugin `headers`, from which it is pushed.
fn bench() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("headers.wasm"), shipped("headers")).unwrap();
    folder
}

async fn hither(folder: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(HITHER);
    // Where `docker login` would leave its file; nobody else's is read.
    command.args(arguments).current_dir(folder).env("DOCKER_CONFIG", folder);
    let program = Program::start(&arguments.join(" "), command);
    let status = program.wait_exit(SOON * 3).await;
    let (stdout, stderr) = (program.stdout().tail(usize::MAX), program.stderr().tail(usize::MAX));
    Ended { status, stdout, stderr }
}

/// Pushes the plugin and returns what an edge calls it.
async fn push(folder: &Path, registry: &Registry) -> String {
    let image = format!("{}/{REPOSITORY}:1.0", registry.address());
    let ended = hither(folder, &["plugin", "push", "headers.wasm", &image, "--json"]).await;
    assert!(ended.status.success(), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    told["reference"].as_str().unwrap().to_owned()
}

/// An edge whose plugin `headers` is kept there.
fn config(origin: &OriginProcess, file: &str, more: &str) -> String {
    format!(
        "[edge]\nplugin_cache = \"cache\"\n{LISTENER}[service.web]\nplugins = [\"headers\"]\n{}{more}\n\
         [plugin.headers]\nfile = \"{file}\"\n[plugin.headers.config]\nremove = [\"server\"]\n\
         [plugin.headers.config.set]\nx-kept = \"elsewhere\"\n",
        instance("one", origin.address(), "")
    )
}

fn edge(config: String, folder: &Path) -> hither_harness::Builder {
    Hither::builder(HITHER).config(config).variable("DOCKER_CONFIG", &folder.display().to_string())
}

#[tokio::test]
async fn what_is_pushed_serves_on_an_edge() {
    let (folder, registry, origin) =
        (bench(), Registry::start().await, OriginProcess::start(HITHER, "ams").await);
    let reference = push(folder.path(), &registry).await;
    let prefix = format!("oci://{}/{REPOSITORY}:1.0@sha256:", registry.address());
    assert!(reference.starts_with(&prefix), "{reference}");
    let edge = edge(config(&origin, &reference, ""), folder.path()).start().await;
    assert_eq!(edge.get("/").await.expect_status(200).header("x-kept"), Some("elsewhere"));

    // Nobody is asked for what is known: not by a reload that changes something else, ...
    let asked = registry.received();
    edge.write_config(&config(&origin, &reference, "[service.web.queue]\ntimeout = \"9s\"\n"));
    edge.reload().await.expect_status(200);
    // ... and not by another process with the same folder.
    let ended = edge.command(&["check", "--config", "hither.toml"]).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(registry.received(), asked);
}

#[tokio::test]
async fn an_artifact_has_the_layout_that_others_read_and_always_the_same_name() {
    let (folder, registry) = (bench(), Registry::start().await);
    let first = push(folder.path(), &registry).await;
    assert_eq!(push(folder.path(), &registry).await, first);

    // CNCF, "Wasm OCI Artifact layout".
    let manifest = registry.manifest(REPOSITORY, "1.0").unwrap();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.title"], "headers");
    let digest = manifest["config"]["digest"].as_str().unwrap();
    let config: Value =
        serde_json::from_slice(&registry.blob(REPOSITORY, digest).unwrap()).unwrap();
    assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
    let exports = config["component"]["exports"].to_string();
    assert!(exports.contains("hither:plugin/response-filter@0.1.0"), "{exports}");
}

#[tokio::test]
async fn what_is_no_plugin_is_not_pushed() {
    let (folder, registry) = (bench(), Registry::start().await);
    std::fs::write(folder.path().join("text.wasm"), "hello").unwrap();
    let image = format!("{}/text", registry.address());
    for arguments in [
        ["plugin", "push", "text.wasm", &image],
        ["plugin", "push", "missing.wasm", &image],
        ["plugin", "push", "headers.wasm", "headers"],
    ] {
        let ended = hither(folder.path(), &arguments).await;
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    }
    assert_eq!(registry.received(), 0);
}

/// The trouble of others: a fetch that fails takes another plugin with it (envoyproxy/gateway#7886).
#[tokio::test]
async fn a_plugin_that_cannot_be_fetched_changes_nothing() {
    let (folder, registry, origin) =
        (bench(), Registry::start().await, OriginProcess::start(HITHER, "ams").await);
    let reference = push(folder.path(), &registry).await;
    let edge = edge(config(&origin, &reference, ""), folder.path()).start().await;
    let before = edge.status().await["snapshot"].clone();
    let missing = reference.replace(&reference[reference.len() - 64..], &"0".repeat(64));
    let more = |file: &str| format!("[plugin.other]\nfile = \"{file}\"\n");

    for (file, why) in [
        (missing.clone(), "answers 404: {\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}"),
        (missing.replace(&registry.address().to_string(), "127.0.0.1:1"), "cannot be reached"),
        (missing.replace(&registry.address().to_string(), "nobody.invalid"), "cannot be reached"),
    ] {
        edge.write_config(&config(&origin, &reference, &more(&file)));
        let refused = edge.reload().await.expect_status(422).text();
        let told: Value = serde_json::from_str(&refused).unwrap();
        let problem = &told["report"]["problems"][0];
        assert_eq!(problem["place"], "plugin.other.file", "{refused}");
        let message = problem["message"].as_str().unwrap();
        assert!(
            message.starts_with("it cannot be fetched: ") && message.contains(why),
            "{message}"
        );
        assert_eq!(edge.get("/").await.expect_status(200).header("x-kept"), Some("elsewhere"));
    }
    assert_eq!(edge.status().await["snapshot"], before, "nothing was swapped");
}

#[tokio::test]
async fn other_bytes_than_those_that_were_named_are_refused() {
    let (folder, registry, origin) =
        (bench(), Registry::start().await, OriginProcess::start(HITHER, "ams").await);
    let reference = push(folder.path(), &registry).await;
    let mut other = shipped("headers");
    other.push(0);
    registry.replace_blobs(&other);
    let failed = edge(config(&origin, &reference, ""), folder.path()).try_start().await;
    let failed = failed.err().unwrap().to_string();
    // The layer's size is in the manifest, and this is one byte more.
    assert!(failed.contains("answers with more than"), "{failed}");
    registry.replace_blobs(b"short");
    let failed = edge(config(&origin, &reference, ""), folder.path()).try_start().await;
    let failed = failed.err().unwrap().to_string();
    assert!(failed.contains("has other bytes: their SHA-256 is"), "{failed}");
    assert!(failed.contains("plugin.headers.file"), "{failed}");
}

#[tokio::test]
async fn a_registry_that_never_ends_its_answer_is_left() {
    let (folder, registry, origin) =
        (bench(), Registry::start().await, OriginProcess::start(HITHER, "ams").await);
    let reference = push(folder.path(), &registry).await;
    let mut endless = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    endless.resize(endless.len() + (8 << 20), b' ');
    registry.always_say(Some(&endless));
    let failed = edge(config(&origin, &reference, ""), folder.path()).try_start().await;
    let failed = failed.err().unwrap().to_string();
    assert!(failed.contains("answers with more than 4194304 bytes"), "{failed}");
}

#[tokio::test]
async fn credentials_are_those_of_docker_login() {
    let (folder, registry, origin) =
        (bench(), Registry::start().await, OriginProcess::start(HITHER, "ams").await);
    registry.demand(ALICE);
    let image = format!("{}/{REPOSITORY}:1.0", registry.address());
    let ended = hither(folder.path(), &["plugin", "push", "headers.wasm", &image]).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.stderr.contains("/token"), "{ended:?}");

    let login = format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{ALICE}\"}}}}}}", registry.address());
    std::fs::write(folder.path().join("config.json"), login).unwrap();
    let reference = push(folder.path(), &registry).await;
    let edge = edge(config(&origin, &reference, ""), folder.path()).start().await;
    assert_eq!(edge.get("/").await.expect_status(200).header("x-kept"), Some("elsewhere"));
    let log = edge.log_lines().join("\n");
    assert!(!log.contains(ALICE) && !log.contains("a-token-of-the-test"), "{log}");
}

#[tokio::test]
async fn a_plugin_is_fetched_over_https() {
    let (folder, origin) = (bench(), OriginProcess::start(HITHER, "ams").await);
    let wasm = shipped("headers");
    let inspected = hither(folder.path(), &["plugin", "inspect", "headers.wasm", "--json"]).await;
    let sheet: Value = serde_json::from_str(&inspected.stdout).unwrap();
    let digest = sheet["sha256"].as_str().unwrap();
    let there = |path: &str| (path.to_owned(), SecureServer::whole(&wasm));
    let plain = origin.address();
    let moved = format!("HTTP/1.1 302 x\r\nlocation: http://{plain}/\r\ncontent-length: 0\r\n\r\n");
    let server =
        SecureServer::start([there("/headers.wasm"), ("/moved".into(), moved.into())]).await;
    let named = |path: &str, digest: &str| {
        config(&origin, &server.url(path), "").replace(
            "[plugin.headers.config]",
            &format!("sha256 = \"{digest}\"\n[plugin.headers.config]"),
        )
    };
    let trusting = |config: String| {
        edge(config, folder.path()).variable("SSL_CERT_FILE", &server.root().display().to_string())
    };

    let edge_of_it = trusting(named("/headers.wasm", digest)).start().await;
    let answer = edge_of_it.get("/").await.expect_status(200);
    assert_eq!(answer.header("x-kept"), Some("elsewhere"));

    for (refused, why) in [
        (trusting(named("/headers.wasm", &"0".repeat(64))), "has other bytes"),
        (trusting(named("/other.wasm", digest)), "answers 404"),
        (trusting(named("/moved", digest)), "cannot be reached"),
        (edge(named("/headers.wasm", digest), folder.path()), "cannot be reached"),
    ] {
        let failed = refused.try_start().await.err().unwrap().to_string();
        assert!(failed.contains(why), "{why}: {failed}");
    }
}

#[tokio::test]
async fn a_component_that_answers_is_fetched_as_well() {
    let (folder, registry) = (tempfile::tempdir().unwrap(), Registry::start().await);
    let compiled = std::fs::read(hither_guests::guest("answers")).unwrap();
    std::fs::write(folder.path().join("answers.wasm"), compiled).unwrap();
    let image = format!("{}/team/answers", registry.address());
    let ended = hither(folder.path(), &["plugin", "push", "answers.wasm", &image, "--json"]).await;
    assert!(ended.status.success(), "{ended:?}");
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let reference = told["reference"].as_str().unwrap();
    let config = format!(
        "[edge]\nplugin_cache = \"cache\"\n{LISTENER}[service.hello]\ncomponent = \"{reference}\"\n"
    );
    let edge = edge(config, folder.path()).start().await;
    assert_eq!(edge.get("/").await.expect_status(200).text(), "build-000000000000000000");
}
