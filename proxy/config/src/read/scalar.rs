//! Single values: how a Rust type is read from one TOML value. Must not know keys.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::syntax::{kind, quoted};

/// A type that one TOML value can hold.
pub(crate) trait Scalar: Sized {
    /// Completes "expected …".
    const WHAT: &'static str;
    /// A valid value, as TOML.
    const EXAMPLE: &'static str;

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
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), label: None, help: None }
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
    let complaint = match value {
        DeValue::String(text) => return Ok(text),
        DeValue::Integer(number) => Complaint::wrong_kind::<T>(value)
            .help(format!("write it in double quotes: \"{}\"", number.as_str())),
        _ => Complaint::wrong_kind::<T>(value),
    };
    Err(complaint)
}

impl Scalar for bool {
    const WHAT: &'static str = "true or false";
    const EXAMPLE: &'static str = "true";

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
    const EXAMPLE: &'static str = "20";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        match value {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
                .ok()
                .and_then(|number| Self::try_from(number).ok())
                .ok_or_else(|| {
                    let shown = quoted(number.as_str());
                    Complaint::new(format!(
                        "{} is not between 0 and {}",
                        shown.trim_matches('"'),
                        Self::MAX
                    ))
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
