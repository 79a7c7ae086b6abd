//! A scenario's title: a line that terminals and pictures show.

use serde_json::{Value, json};
use toml::de::DeValue;
use unicode_width::UnicodeWidthChar;

use crate::read::{Complaint, Scalar, text};

/// More does not fit a line.
const LONGEST: usize = 80;

/// 1 to 80 characters that all can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Title(pub(super) String);

impl Scalar for Title {
    const WHAT: &'static str = "a title";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let seen = |char: char| !char.is_control() && char.width().unwrap_or(0) > 0;
        let good = !text.trim().is_empty() && text.chars().count() <= LONGEST;
        match good && text.chars().all(seen) {
            true => Ok(Self(text.to_owned())),
            false => Err(Complaint::not_a::<Self>(text)
                .help("a title is a line of 1 to 80 characters that can be seen")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": LONGEST })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}
