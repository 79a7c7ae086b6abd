//! Parts of a request: what a health check sends, and the name of a field that is looked for.

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

/// The name of a field (RFC 9110 section 5.1) that operators may choose: in lower case, and none that
/// frames a message or that others rely on, which all begin without `x-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldName(pub(crate) String);

/// Names that `x-` begins and proxies rely on.
const TAKEN: [&str; 4] =
    ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id"];

/// No name is longer.
const LONGEST_NAME: usize = 64;

impl Scalar for FieldName {
    const WHAT: &'static str = "a header's name";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let complaint = Complaint::not_a::<Self>(text);
        let name = text.to_ascii_lowercase();
        let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !sound || name.len() > LONGEST_NAME || !name.starts_with("x-") || name.len() == 2 {
            return Err(
                complaint.help("x- and then letters, digits and hyphens, at most 64 in all")
            );
        }
        if TAKEN.contains(&name.as_str()) {
            return Err(complaint.label("this one has a meaning of its own"));
        }
        Ok(Self(name))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[Xx]-[A-Za-z0-9-]{1,62}$" })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

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
