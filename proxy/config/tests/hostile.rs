//! Whatever a file holds: no panic, no empty report, and places that lie inside the file.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use hither_config::{Environment, Source, load};
use proptest::prelude::*;

fn whole() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/good-everything.toml");
    fs::read_to_string(path).expect("the golden file that has every key")
}

fn check(text: &str) {
    let environment = Environment::new("edge", NonZeroUsize::MIN, |_| None);
    let source = Source::new("hostile.toml", "/etc/hither", text);
    let lines = text.split('\n').count();
    if let Err(report) = load(&source, &environment) {
        assert!(!report.problems().is_empty(), "a report without problems for {text:?}");
        for problem in report.problems() {
            assert!(problem.line.is_none_or(|line| (1..=lines).contains(&line)), "{problem:?}");
        }
        let plain = report.to_string();
        let obeyed = |char: char| char.is_control() && char != '\n';
        assert!(!plain.contains(obeyed), "a terminal would obey {plain:?}");
        let colored = report.colored().to_string();
        assert!(colored.len() > plain.len());
    }
    let schema = r#"{"type": "object", "required": ["x"], "additionalProperties": false}"#;
    if let Err(report) = source.check_plugin_config("headers", schema) {
        assert!(!report.to_string().is_empty());
    }
    let report = source.problem(&["plugin", "headers", "file"], "it is not there", None);
    assert_eq!(report.problems().len(), 1);
}

/// Pieces of files, so that texts come close to being right.
fn fragment() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "[[listener]]\n",
        "[listener]\n",
        "[service.web]\n",
        "[[service.web.instance]]\n",
        "[plugin.headers]\n",
        "[service.web.plugin.headers.config]\n",
        "address",
        "hosts",
        "id",
        "config",
        "=",
        " = ",
        "\"",
        "'",
        "\"\"\"",
        "\"127.0.0.1:80\"",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        "\n",
        "\r\n",
        "#",
        "9",
        "-",
        "1e999",
        "0x",
        "inf",
        "nan",
        "1979-05-27",
        "true",
        "\\",
        "\\u0000",
        "é",
        "\u{202e}",
        "\u{0}",
        "\t",
        "[a.b]\n",
        "a.b = 1\n",
        "[a]\n",
        "[[a]]\n",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,300}") {
        check(&text);
    }

    #[test]
    fn fragments_of_files_never_panic(text in fragment()) {
        check(&text);
    }

    #[test]
    fn a_changed_file_never_panics(
        from in 0.0..1.0_f64,
        cut in 0..200_usize,
        put in fragment(),
    ) {
        let whole = whole();
        let boundary = |mut at: usize| {
            at = at.min(whole.len());
            while !whole.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary((whole.len() as f64 * from) as usize);
        let end = boundary(start + cut).max(start);
        check(&format!("{}{put}{}", &whole[..start], &whole[end..]));
    }

    #[test]
    fn a_swapped_value_never_panics(line in 0..80_usize, value in fragment()) {
        let whole = whole();
        let changed: Vec<_> = whole
            .lines()
            .enumerate()
            .map(|(at, text)| match text.split_once('=') {
                Some((key, _)) if at == line => format!("{key}= {value}"),
                _ => text.to_owned(),
            })
            .collect();
        check(&changed.join("\n"));
    }
}

#[test]
fn deep_wide_and_long_files_are_refused_in_time() {
    let deep = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let tables: String = (0..20_000).map(|at| format!("[t{at}]\nx = {at}\n")).collect();
    let dotted = format!("{} = 1", vec!["a"; 20_000].join("."));
    let slips = "x = = =\n".repeat(20_000);
    let line = format!("name = \"{}\"", "x".repeat(1_000_000));
    let keys: String = (0..20_000).map(|at| format!("soft_limit_{at} = 1\n")).collect();
    let keys = format!("[service.web.concurrency]\n{keys}");
    for text in [deep, tables, dotted, slips, line, keys] {
        check(&text);
    }
}

#[test]
fn nothing_in_a_file_or_a_schema_steers_the_terminal() {
    // A C1 control and a right-to-left override, which TOML allows inside texts, on a line that an
    // example repeats.
    let file =
        "\"\u{9b}31m\u{202e}\" = 1\n\"\u{9b}31m\u{202e}\" = 1\n[plugin.headers.config]\nx = 1\n";
    check(file);
    let environment = Environment::new("edge", NonZeroUsize::MIN, |_| None);
    let source = Source::new("hither.toml", "/", file);
    let report = load(&source, &environment).expect_err("a key written twice");
    let schema =
        "{\"properties\": {\"x\": {\"type\": \"null\", \"description\": \"\\u009b2J\\u202e\"}}}";
    let of_plugin = Source::new("hither.toml", "/", "[plugin.headers.config]\nx = 1\n")
        .check_plugin_config("headers", schema)
        .expect_err("x is no null");
    for text in [report.to_string(), of_plugin.to_string()] {
        assert!(!text.contains(['\u{9b}', '\u{202e}']), "{text:?}");
        assert!(text.contains('\u{fffd}'), "the characters are shown as signs: {text:?}");
    }
}
