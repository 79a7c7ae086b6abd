//! Texts that name something outside: files, environment variables, the access log's goal, labels of
//! instances.

use std::path::PathBuf;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// `"-"`.
    Stdout,
    /// A file, opened for appending.
    File(PathBuf),
    /// `"off"`.
    Off,
}

/// A path as written; relative ones start at the configuration's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilePath(pub(crate) PathBuf);

/// The name of an environment variable, as POSIX wants names that all shells can set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableName(pub(crate) String);

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableValue(pub(crate) String);

/// A label's value: plugins and services ask for instances by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelValue(pub(crate) String);

impl Scalar for AccessLog {
    const WHAT: &'static str = "\"-\", \"off\" or a file";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        if let DeValue::Boolean(wanted) = value {
            let meant = if *wanted { "-" } else { "off" };
            let complaint = Complaint::wrong_kind::<Self>(value);
            return Err(complaint.label(format!("did you mean \"{meant}\"?")));
        }
        match text::<Self>(value)? {
            "-" => Ok(Self::Stdout),
            "off" => Ok(Self::Off),
            _ => FilePath::read(value).map(|path| Self::File(path.0)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn written(&self) -> Value {
        match self {
            Self::Stdout => json!("-"),
            Self::File(path) => json!(path.display().to_string()),
            Self::Off => json!("off"),
        }
    }
}

impl Scalar for FilePath {
    const WHAT: &'static str = "a path";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        if text.is_empty() || text.contains('\0') {
            return Err(Complaint::not_a::<Self>(text));
        }
        if text.contains("://") {
            return Err(Complaint::not_a::<Self>(text).help("files only, no URLs"));
        }
        if text.starts_with("~/") {
            let help = "~ is the shell's: write the folder out";
            return Err(Complaint::not_a::<Self>(text).help(help));
        }
        Ok(Self(PathBuf::from(text)))
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }

    fn written(&self) -> Value {
        json!(self.0.display().to_string())
    }
}

impl VariableName {
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        if let Some(bare) = text.strip_prefix('$') {
            let label = format!("did you mean \"{bare}\"?");
            return Err(Complaint::not_a::<Self>(text).label(label));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts = text.starts_with(|first: char| !first.is_ascii_digit());
        match starts && text.len() <= 128 && text.bytes().all(plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(Complaint::not_a::<Self>(text)
                .help("letters, digits and underscores, no digit first, 128 at most")),
        }
    }
}

impl Scalar for VariableName {
    const WHAT: &'static str = "the name of an environment variable";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,127}$" })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

impl Scalar for VariableValue {
    const WHAT: &'static str = "the value of an environment variable";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        match text.len() <= 4096 && !text.contains('\0') {
            true => Ok(Self(text.to_owned())),
            false => Err(Complaint::not_a::<Self>(text).help("at most 4096 bytes, and no NUL")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "maxLength": 4096 })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

impl Scalar for LabelValue {
    const WHAT: &'static str = "a label's value";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let good = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
        match good {
            true => Ok(Self(text.to_owned())),
            false => Err(Complaint::not_a::<Self>(text)
                .help("1 to 128 bytes of text without control characters")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}
