//! Single values: how a Rust type is read from one TOML value. Must not know keys.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::syntax::{kind, quoted};

/// A type that one TOML value can hold.
pub(crate) trait Scalar: Sized {
    /// Completes "expected …".
    const WHAT: &'static str;

    /// Reads one value.
    fn read(value: &DeValue<'_>) -> Result<Self, Complaint>;
    /// The JSON Schema of what [`Scalar::read`] takes.
    fn schema() -> Value;
    /// As it would be written, for defaults and bounds; JSON and TOML agree on these.
    fn written(&self) -> Value;
}

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) message: String,
    pub(crate) label: Option<String>,
    pub(crate) help: Option<String>,
    /// The kind is right, but there is too much or too little of it; whoever has bounds adds them.
    pub(crate) is_beyond: bool,
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), label: None, help: None, is_beyond: false }
    }

    /// Outside its bounds, on the lower or the upper side.
    pub(crate) fn beyond(shown: impl std::fmt::Display, is_low: bool) -> Self {
        let side = if is_low { "low" } else { "high" };
        let mut complaint = Self::new(format!("{shown} is too {side}"));
        complaint.is_beyond = true;
        complaint
    }

    /// For the words under the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// "expected A, found B".
    pub(crate) fn wrong_kind<T: Scalar>(value: &DeValue<'_>) -> Self {
        Self::new(format!("expected {}, found {}", T::WHAT, kind(value)))
    }

    /// `"x" is not A`.
    pub(crate) fn not_a<T: Scalar>(text: &str) -> Self {
        Self::new(format!("{} is not {}", quoted(text), T::WHAT))
    }
}

/// The text of a value that must be one.
pub(crate) fn text<'v, T: Scalar>(value: &'v DeValue<'_>) -> Result<&'v str, Complaint> {
    match value {
        DeValue::String(text) => Ok(text),
        _ => Err(Complaint::wrong_kind::<T>(value)),
    }
}

impl Scalar for bool {
    const WHAT: &'static str = "true or false";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        match value {
            DeValue::Boolean(value) => Ok(*value),
            DeValue::String(_) => {
                Err(Complaint::wrong_kind::<Self>(value).help("true and false have no quotes"))
            }
            _ => Err(Complaint::wrong_kind::<Self>(value)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "boolean" })
    }

    fn written(&self) -> Value {
        json!(self)
    }
}

impl Scalar for u32 {
    const WHAT: &'static str = "a whole number";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        match value {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .ok()
                .and_then(|number| Self::try_from(number).ok())
                .ok_or_else(|| {
                    let shown = quoted(number.as_str());
                    Complaint::beyond(shown.trim_matches('"'), shown.contains('-'))
                }),
            DeValue::String(_) => {
                Err(Complaint::wrong_kind::<Self>(value).help("numbers have no quotes"))
            }
            _ => Err(Complaint::wrong_kind::<Self>(value)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0, "maximum": Self::MAX })
    }

    fn written(&self) -> Value {
        json!(self)
    }
}
