//! Text to a tree with places. A syntax error does not hide the rest of the file: its lines are
//! taken out and the rest is read on. Must not know which keys there are.

mod slip;

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::findings::{Finding, Findings, Spot};

/// Errors after so many are not looked for: the file is hardly TOML.
const MOST_ERRORS: usize = 20;

/// Files the syntax errors and hands the tree of the rest to `read`: the text without the lines
/// that have errors, every other byte where it was. `None` if that leaves nothing to be read.
pub(crate) fn parse<R>(
    text: &str,
    findings: &mut Findings,
    read: impl FnOnce(&DeTable<'_>, &mut Findings) -> R,
) -> Option<R> {
    let mut mended = Cow::Borrowed(text);
    for _ in 0..MOST_ERRORS {
        let error = match DeTable::parse(&mended) {
            Ok(tree) => return Some(read(tree.get_ref(), findings)),
            Err(error) => error,
        };
        let slip = slip::explain(&mended, error.message(), error.span().unwrap_or(0..0));
        let spot = Spot { span: slip.span, place: String::new() };
        let finding = Finding::at(&spot, slip.message).help(slip.help).example(slip.example);
        findings.push_syntax(finding);
        let cured = slip.cure.apply(&mended);
        // A cure that changes nothing would be tried for ever.
        if cured == *mended {
            return None;
        }
        mended = Cow::Owned(cured);
    }
    None
}

/// The tree of a text without syntax errors; of any other, an empty one.
pub(crate) fn tree(text: &str) -> Spanned<DeTable<'_>> {
    DeTable::parse(text).unwrap_or_else(|_| Spanned::new(0..0, DeTable::new()))
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
