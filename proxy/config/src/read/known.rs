//! The keys of a table once all were asked for: which are missing, which are not ours, and what a
//! right one looks like.

use std::borrow::Cow;

use toml::de::DeTable;

use super::closest;
use crate::findings::{Finding, Findings, Spot};
use crate::schema::Home;
use crate::syntax::quoted;

/// A key and how it is written.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) key: &'static str,
    pub(super) form: Form,
    pub(super) doc: &'static str,
    pub(super) required: bool,
}

/// How a key's value is written, with an example where the form alone is none.
#[derive(Debug)]
pub(super) enum Form {
    /// `key = example`
    Value(Cow<'static, str>),
    /// `key = [example]`
    List(&'static str),
    /// `key = { example }`
    Inline(&'static str),
    /// `[key]`
    Table,
    /// `[[key]]`
    Tables,
    /// `[key.example]`
    Named(&'static str),
}

impl Known {
    /// The key as it would be right, in the table at `place`.
    pub(super) fn example(&self, place: &str) -> String {
        let key = self.key;
        let path = crate::findings::join(&without_indexes(place), key);
        match &self.form {
            Form::Value(example) => format!("{key} = {example}"),
            Form::List(example) => format!("{key} = [{example}]"),
            Form::Inline(example) => format!("{key} = {{ {example} }}"),
            Form::Table => format!("[{path}]"),
            Form::Tables => format!("[[{path}]]"),
            Form::Named(example) => format!("[{path}.{example}]"),
        }
    }
}

/// `service.web.instance[3]` as a header has it.
fn without_indexes(place: &str) -> String {
    let mut path = String::with_capacity(place.len());
    let mut inside = false;
    for char in place.chars() {
        match char {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => {}
            char => path.push(char),
        }
    }
    path
}

/// Files what is missing and what is unknown. A missing key that an unknown one was surely meant to
/// be is told once.
pub(super) fn check_keys(
    table: &DeTable<'_>,
    spot: &Spot,
    known: &[Known],
    findings: &mut Findings,
) {
    let mut meant = Vec::new();
    for key in table.keys() {
        let text = key.get_ref().as_ref();
        if known.iter().any(|known| known.key == text) {
            continue;
        }
        let near = closest(text, known.iter().map(|known| known.key));
        let near = near.and_then(|near| known.iter().find(|known| known.key == near));
        meant.extend(near.map(|near| near.key));
        let home = crate::schema::home_of(findings.document, text);
        findings.push(unknown(text, &spot.inside(text, key.span()), spot, near, known, home));
    }
    for known in known.iter().filter(|known| known.required) {
        if !table.contains_key(known.key) && !meant.contains(&known.key) {
            let finding = Finding::at(spot, format!("`{}` is missing", known.key))
                .help(known.doc)
                .example(known.example(&spot.place))
                .absent();
            findings.push(finding);
        }
    }
}

fn unknown(
    text: &str,
    spot: &Spot,
    table: &Spot,
    near: Option<&Known>,
    known: &[Known],
    home: Option<&Home>,
) -> Finding {
    let whole = match table.place.as_str() {
        "" => "at the top of the file".to_owned(),
        place => format!("in `{place}`"),
    };
    let mut keys: Vec<_> = known.iter().map(|known| known.key).collect();
    keys.sort_unstable();
    let finding = Finding::at(spot, format!("there is no key {} {whole}", quoted(text)))
        .help(format!("the keys here are {}", keys.join(", ")));
    if let Some(near) = near {
        let label = format!("did you mean `{}`?", near.key);
        return finding.label(label).example(near.example(&table.place));
    }
    match home {
        Some(home) => finding
            .label(format!("this belongs in {}", home.header))
            .example(format!("{}\n{}", home.header, home.example)),
        None => finding.example(whole_table(table, known)),
    }
}

/// The smallest table of this kind that is right.
fn whole_table(table: &Spot, known: &[Known]) -> String {
    let required: Vec<_> = known.iter().filter(|known| known.required).collect();
    let shown = match required.is_empty() {
        true => known.iter().take(1).collect(),
        false => required,
    };
    let path = without_indexes(&table.place);
    let mut lines = Vec::new();
    match table.place.as_str() {
        "" => {}
        place if place.ends_with(']') => lines.push(format!("[[{path}]]")),
        _ => lines.push(format!("[{path}]")),
    }
    lines.extend(shown.into_iter().map(|known| known.example(&table.place)));
    lines.join("\n")
}
