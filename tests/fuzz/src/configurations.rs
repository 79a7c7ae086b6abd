//! The configuration of a plugin, and the plugin's schema that judges it: text and schema with a NUL
//! between them. Whatever they are, the report has words for it and its places lie in the file.

use std::num::NonZeroUsize;

use hither_config::{Environment, Report, Source, load};

const SCHEMA: &[u8] = br#"{"type": "object", "additionalProperties": false, "required": ["header"],
"properties": {"header": {"type": "string", "pattern": "^x-", "examples": ["x-tenant"]},
"tenants": {"additionalProperties": {"type": "object"}}}}"#;

/// A file that fits its schema, one that does not, and schemas that are none.
pub fn seeds() -> Vec<Vec<u8>> {
    let good = b"[[listener]]\naddress = \"127.0.0.1:80\"\n[service.web]\nplugins = [\"a\"]\n\
        [service.web.plugin.a]\nwhen = { path = \"/api/*\", methods = [\"GET\"], header = \"x-tenant\" }\n\
        [[service.web.instance]]\nid = \"i\"\naddress = \"127.0.0.1:81\"\n[plugin.a]\nfile = \"a.wasm\"\n\
        grants = [\"log\", \"store\"]\non_failure = \"skip\"\ntime = \"5ms\"\nmemory = \"32MiB\"\n\
        [plugin.a.config]\nheader = \"x-tenant\"\n[plugin.a.config.tenants.b]\nc = [1, 2.5, true]\n";
    let bad = b"[plugin.a]\nconfig = { haeder = 5, \"a/b~c\" = [[]] }\n[service.web]\nplugins = [\"a\"]\n";
    let schemas: [&[u8]; 4] = [
        SCHEMA,
        b"{\"$ref\": \"#\"}",
        b"[",
        b"{\"properties\": {\"header\": {\"pattern\": \"(a+)+$\"}}}",
    ];
    let texts: [&[u8]; 2] = [good, bad];
    let pairs = texts.iter().flat_map(|text| schemas.iter().map(move |schema| (*text, *schema)));
    pairs.map(|(text, schema)| [text, b"\0".as_slice(), schema].concat()).collect()
}

/// Reads the text, and has its plugin's configurations judged by the schema.
///
/// # Panics
/// When a report is empty or points outside of the text.
pub fn check(bytes: &[u8]) {
    let mut halves = bytes.splitn(2, |byte| *byte == 0).map(String::from_utf8_lossy);
    let text = halves.next().unwrap_or_default();
    let schema = halves.next().unwrap_or_default();
    let environment = Environment::new("edge", NonZeroUsize::MIN, |_| None);
    let source = Source::new("fuzzed.toml", "/", text.as_ref());
    let lines = text.split('\n').count();
    if let Err(report) = load(&source, &environment) {
        told(&report, lines);
    }
    if let Err(report) = source.check_plugin_config("a", &schema) {
        told(&report, lines);
    }
}

fn told(report: &Report, lines: usize) {
    assert!(!report.problems().is_empty());
    for problem in report.problems() {
        assert!(!problem.message.is_empty(), "{problem:?}");
        assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem:?}");
    }
    let obeyed = |char: char| char.is_control() && char != '\n';
    assert!(!report.to_string().contains(obeyed), "a terminal would obey it");
}
