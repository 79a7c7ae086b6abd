//! A plugin's own schema decides over its configuration, and the caret stands in our file.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use hither_config::{Report, Source};
use serde_json::json;

const FILE: &str = r#"
[service.web]
plugins = ["tenant-router"]

[service.api]
plugins = ["tenant-router"]
[service.api.plugin.tenant-router.config]
header = 5
tenants = { acme = { require = { tier = ["gold"] } } }

[service.other]

[plugin.tenant-router]
file = "tenant-router.wasm"
[plugin.tenant-router.config]
haeder = "x-tenant"
"a/b~c" = 1
"#;

fn schema() -> String {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["header"],
        "properties": {
            "header": { "type": "string", "description": "Which header names the tenant.", "examples": ["x-tenant"] },
            "tenants": { "additionalProperties": { "properties": {
                "require": { "additionalProperties": { "type": "string" } } } } },
        }
    })
    .to_string()
}

fn check(text: &str, plugin: &str, schema: &str) -> Result<(), Report> {
    Source::new("hither.toml", "/", text).check_plugin_config(plugin, schema)
}

#[test]
fn every_configuration_of_a_plugin_is_checked_with_its_place() {
    let report = check(FILE, "tenant-router", &schema()).expect_err("three bad configurations");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugin_config.err");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&golden, format!("{report}\n")).expect("the report can be written");
    }
    let expected = fs::read_to_string(&golden).expect("the golden report");
    assert_eq!(format!("{report}\n"), expected, "\n{report}");
}

#[test]
fn a_plugin_that_is_used_without_configuration_is_checked_as_empty() {
    let text = "[service.web]\nplugins = [\"a\"]\n[plugin.a]\nfile = \"a.wasm\"\n";
    let report = check(text, "a", &schema()).expect_err("header is required");
    let problem = &report.problems()[0];
    assert_eq!((problem.line, problem.message.as_str()), (Some(3), "`header` is missing"));
    assert_eq!(problem.place, "plugin.a.config");
    let unused = text.replace("plugins", "# plugins");
    check(&unused, "a", &schema()).expect("nobody needs it");
}

#[test]
fn a_good_configuration_and_an_empty_schema_pass() {
    let text =
        "[plugin.a]\nconfig = { header = \"x\", tenants = { b = { require = { c = \"d\" } } } }\n";
    check(text, "a", &schema()).expect("it fits");
    check(FILE, "tenant-router", "").expect("anything goes");
    check(FILE, "stranger", &schema()).expect("it has no configuration here");
}

#[test]
fn a_bad_schema_is_the_plugins_fault_and_told_at_its_file() {
    let huge = format!("{{\"description\": \"{}\"}}", "x".repeat(1 << 20));
    let remote = r#"{"$ref": "https://example.com/schema.json"}"#;
    let local = r#"{"$ref": "file:///etc/passwd"}"#;
    let pattern = r#"{"properties": {"header": {"pattern": "((((a{1,99}){1,99}){1,99}){1,99})"}}}"#;
    for schema in ["{", "[]", "7", &huge, remote, local, pattern, r#"{"type": "strnig"}"#] {
        let report = check(FILE, "tenant-router", schema).expect_err("no schema");
        let problem = &report.problems()[0];
        assert_eq!(problem.line, Some(14), "{problem:?}");
        assert_eq!(problem.place, "plugin.tenant-router.file");
        assert!(problem.help.as_ref().is_some_and(|help| help.len() < 400), "{problem:?}");
    }
}

#[test]
fn a_hostile_schema_takes_no_time_and_no_stack() {
    let endless = r##"{"$ref": "#"}"##;
    let mutual = r##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}"##;
    let deep = format!("{}{}", r#"{"not":"#.repeat(100), "true".to_owned() + &"}".repeat(100));
    let backtracking = r#"{"properties": {"header": {"pattern": "^(a+)+$"}}}"#;
    let text = format!("[plugin.a.config]\nheader = \"{}!\"\n", "a".repeat(5_000));
    for schema in [endless, mutual, &deep, backtracking] {
        let outcome = check(&text, "a", schema);
        println!("{schema:.60}: {outcome:?}");
    }
}

#[test]
fn a_problem_found_elsewhere_gets_its_place() {
    let source = Source::new("hither.toml", "/", FILE);
    let file =
        source.problem(&["plugin", "tenant-router", "file"], "no such file", Some("build it"));
    assert_eq!(file.problems()[0].line, Some(14));
    let table = source.problem(&["service", "other", "hosts"], "no host", None);
    assert_eq!((table.problems()[0].line, table.problems()[0].column), (Some(11), Some(1)));
    let both = table.and(file);
    let lines: Vec<_> = both.problems().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [Some(11), Some(14)]);
}
