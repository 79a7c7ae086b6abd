//! Text to a tree with places, and the tree's syntax errors in words for a newcomer. Must not know
//! which keys there are.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::findings::{Finding, Findings, Spot};

/// Parses as much as can be, and files the syntax errors.
pub(crate) fn parse<'t>(text: &'t str, findings: &mut Findings) -> Spanned<DeTable<'t>> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let mut last_line = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let span = clamp(text, span);
        let lines = lines_of(text, &span);
        // One slip often breaks a line in several ways; the first is the one to mend.
        if last_line.as_ref() == Some(&lines.start) {
            continue;
        }
        last_line = Some(lines.start);
        let (message, help, example) = explain(error.message(), &text[lines.clone()]);
        let finding =
            Finding::at(&Spot { span, place: String::new() }, message).help(help).example(example);
        findings.push_syntax(finding, lines);
    }
    tree
}

/// A span that lies on character boundaries of `text`, whatever the parser said.
fn clamp(text: &str, span: Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// The whole lines that `span` touches, line ends included.
fn lines_of(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end..].find('\n').map_or(text.len() + 1, |at| span.end + at + 1);
    start..end.min(text.len().max(start + 1))
}

/// The parser's words, then what a newcomer can do about it.
fn explain(message: &str, line: &str) -> (String, &'static str, &'static str) {
    let message = format!("this is not TOML: {message}");
    if message.contains("duplicate key") {
        return (
            message,
            "a key or table is written once; a list of tables has double brackets",
            "[[listener]]",
        );
    }
    if message.contains("dotted key") {
        return (message, "that key already holds a value of its own", "[service.web]");
    }
    if line.trim_start().starts_with('[') {
        return (message, "a table's name stands in brackets, alone on its line", "[service.web]");
    }
    if line.matches('"').count() % 2 == 1 {
        return (message, "a text ends with the quote it began with", "name = \"ams-edge-1\"");
    }
    if line.contains('=') {
        return (
            message,
            "texts, durations, sizes and addresses stand in double quotes; numbers, true and \
             false do not",
            "timeout = \"10s\"",
        );
    }
    (message, "each line holds one key, an equals sign and a value", "soft_limit = 20")
}

/// What a value is called in an error.
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A file's text in an error: short, and with nothing a terminal would act on.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}
