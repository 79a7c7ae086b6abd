//! Parts of a request that a health check sends: its path and its field values.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// No server needs a longer one to say that it is well.
const LONGEST: usize = 1024;

/// A path with an optional query, as a request line has it (RFC 9112 section 3.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestPath(pub(crate) String);

/// The value of a field (RFC 9110 section 5.5), without what no server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldValue(pub(crate) String);

impl Scalar for RequestPath {
    const WHAT: &'static str = "a path";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let complaint = Complaint::not_a::<Self>(text);
        if !text.starts_with('/') {
            return Err(complaint.label("it begins with a slash"));
        }
        let allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if text.len() > LONGEST || !text.bytes().all(allowed) {
            return Err(complaint.help("ASCII without spaces and #, at most 1024 characters"));
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^/[!-\"$-~]*$", "maxLength": LONGEST })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

impl Scalar for FieldValue {
    const WHAT: &'static str = "a header's value";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        let good = (1..=LONGEST).contains(&text.len())
            && text.bytes().all(visible)
            && text.trim_matches(' ').len() == text.len();
        match good {
            true => Ok(Self(text.to_owned())),
            false => Err(Complaint::not_a::<Self>(text)
                .help("1 to 1024 characters of ASCII, without spaces around them")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[!-~]([ -~]*[!-~])?$", "maxLength": LONGEST })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}
