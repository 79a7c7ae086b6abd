//! The README of each shipped plugin: its configuration is loaded as it stands there, and each of its commands is
//! run, before and after, and prints what is shown.

use crate::support::{HITHER, LISTENER, instance, shipped};
use hither_harness::{Hither, OriginProcess, RawOrigin};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What issuers of tokens publish, in tests.
const JWKS: &str = include_str!("../../plugins/jwt-core/tests/fixtures/jwks.json");

fn readme(plugin: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(plugin);
    std::fs::read_to_string(folder.join("README.md")).expect("the plugin's README.md")
}

/// The first fenced block of one language.
fn block<'a>(text: &'a str, language: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("```{language}\n")).expect("such a block");
    rest.split("```").next().expect("its end")
}

/// The blocks of commands after the word that begins a paragraph.
fn commands<'a>(text: &'a str, word: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("\n{word}")).unwrap_or_else(|| panic!("no {word}"));
    block(rest, "console")
}

/// Two instances, the first of them closer; they differ in their labels.
async fn origins() -> (Vec<OriginProcess>, String) {
    let origins = OriginProcess::start_all(HITHER, &["ams", "sin"]).await;
    let labels = ["tier = \"standard\", version = \"1\"", "tier = \"gold\", version = \"2\""];
    let mut tables = String::new();
    for (place, (origin, labels)) in origins.iter().zip(labels).enumerate() {
        let (rtt, region) = (1 + 149 * place, origin.region());
        let more = format!("region = \"{region}\"\nrtt = \"{rtt}ms\"\nlabels = {{ {labels} }}");
        let _ = write!(tables, "{}", instance(&format!("{region}-1"), origin.address(), &more));
    }
    (origins, tables)
}

/// An edge with the plugin of this README, or without.
async fn edge(plugin: &str, text: &str, instances: &str, with: bool) -> Hither {
    let toml = block(text, "toml");
    let table = toml.split("[plugin.").nth(1).and_then(|rest| rest.split(']').next());
    let table = table.expect("a plugin");
    let file = toml.split("file = \"").nth(1).and_then(|rest| rest.split('"').next());
    // What is tested is not the time, and the machine may be busy.
    let toml = toml.replacen("\nfile = ", "\ntime = \"500ms\"\nfile = ", 1);
    let plugins = if with { format!("plugins = [\"{table}\"]") } else { String::new() };
    Hither::builder(HITHER)
        .config(format!(
            "[edge]\nregion = \"ams\"\n{LISTENER}[service.web]\n{plugins}\n{instances}{toml}"
        ))
        .file(file.expect("its file"), shipped(plugin))
        .variable("MAINTENANCE_DOOR", "open-sesame")
        .variable("JWT_SIGNING", "correct horse battery staple")
        .start()
        .await
}

/// Runs a block as one script and compares what is printed, command by command.
pub(crate) async fn does_what_is_shown(folder: &Path, edge: &Hither, block: &str) {
    let (listener, admin) = (edge.address(0).to_string(), edge.admin().to_string());
    let block = block.replace("127.0.0.1:8080", &listener).replace("127.0.0.1:9900", &admin);
    let lines: Vec<&str> = block.lines().collect();
    let (commands, shown): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.starts_with("$ "));
    assert!(!commands.is_empty() && !shown.is_empty(), "{block}");
    let script: String = commands.iter().fold(String::new(), |mut script, command| {
        let _ = writeln!(script, "{}", &command[2..]);
        script
    });
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(folder).stdin(Stdio::null());
    // Beside this thread, on which the issuer of tokens answers.
    let ended = tokio::task::spawn_blocking(move || command.output());
    let ended = ended.await.expect("its end").expect("bash");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let said: Vec<&str> = said.lines().map(str::trim_end).collect();
    assert_eq!(said, shown, "{script}\n{}", String::from_utf8_lossy(&ended.stderr));
}

/// Answers everything with the keys that an issuer publishes.
async fn issuer() -> RawOrigin {
    let length = JWKS.len();
    RawOrigin::answering(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{JWKS}")).await
}

async fn keeps_its_word(plugin: &str) {
    let issuer = issuer().await;
    let text = readme(plugin).replace("127.0.0.1:9100", &issuer.address().to_string());
    let (_origins, instances) = origins().await;
    let folder = tempfile::tempdir().expect("a folder");
    for (word, with) in [("Before", false), ("After", true)] {
        // Without the plugin its table is there and used by nobody.
        let edge = edge(plugin, &text, &instances, with).await;
        does_what_is_shown(folder.path(), &edge, commands(&text, word)).await;
    }
}

macro_rules! readmes {
    ($($test:ident $plugin:literal;)+) => {
        const TESTED: &[&str] = &[$($plugin),+];
        $(
            #[tokio::test]
            async fn $test() {
                keeps_its_word($plugin).await;
            }
        )+
    };
}

readmes! {
    tenant_router_does_what_its_readme_shows "tenant-router";
    headers_does_what_its_readme_shows "headers";
    cache_rules_does_what_its_readme_shows "cache-rules";
    ab_split_does_what_its_readme_shows "ab-split";
    jwt_does_what_its_readme_shows "jwt";
    jwt_jwks_does_what_its_readme_shows "jwt-jwks";
    maintenance_does_what_its_readme_shows "maintenance";
    quota_does_what_its_readme_shows "quota";
    rewrite_does_what_its_readme_shows "rewrite";
}

/// The plugins that `make plugins` builds, but for the template.
fn made() -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let makefile = std::fs::read_to_string(root.join("Makefile")).expect("Makefile");
    let made = makefile.lines().find_map(|line| line.strip_prefix("PLUGINS := "));
    made.expect("its plugins").split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_shipped_plugin_is_built_documented_and_tested() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let main = std::fs::read_to_string(root.join("README.md")).expect("README.md");
    for plugin in made() {
        assert!(main.contains(&format!("(plugins/{plugin}/README.md)")), "{plugin} is not listed");
        assert!(TESTED.contains(&&*plugin), "{plugin} is not tested");
        let folder = root.join("plugins").join(&plugin);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect(name);
        assert!(read("plugin.toml").contains(&format!("\nname = \"{plugin}\"\n")), "{plugin}");
        // Each key of the schema is in the README's words.
        let schema: serde_json::Value = serde_json::from_str(&read("schema.json")).expect("JSON");
        // What two plugins have in common is told by one of them.
        let common = if plugin == "jwt-jwks" { readme("jwt") } else { String::new() };
        let text = read("README.md") + &common;
        for key in schema["properties"].as_object().expect("an object").keys() {
            assert!(text.contains(key.as_str()), "{plugin}: {key} is not documented");
        }
    }
    let folders = std::fs::read_dir(root.join("plugins")).expect("plugins");
    for folder in folders {
        let folder = folder.expect("an entry").path();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let is_plugin = folder.join("plugin.toml").exists();
        assert_eq!(is_plugin, made().contains(&name), "{name}");
    }
}
