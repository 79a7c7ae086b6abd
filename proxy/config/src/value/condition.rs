//! What a request may be told apart by where a plugin is attached: its path, its method, a field.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// No path that is worth a condition is longer.
const LONGEST_PATH: usize = 1024;
/// The longest registered method has 17 letters (RFC 9110 section 16.1).
const LONGEST_METHOD: usize = 32;
const LONGEST_FIELD: usize = 128;

/// One path, or all that begin with what stands before a final `*`. Compared with paths in one
/// spelling: dot segments and needless percent-encoding removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPattern {
    /// This path.
    Exact(String),
    /// Every path that begins so.
    Beginning(String),
}

/// A method (RFC 9110 section 9.1), in capital letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MethodName(pub(crate) String);

/// The name of any field (RFC 9110 section 5.1), in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnyFieldName(pub(crate) String);

impl PathPattern {
    fn parse(text: &str) -> Result<Self, Complaint> {
        let complaint = Complaint::not_a::<Self>(text);
        if !text.starts_with('/') {
            return Err(complaint.label("it begins with a slash"));
        }
        if text.contains(['?', '#']) {
            return Err(complaint.label("a path ends before its ? or #"));
        }
        let beginning = text.strip_suffix('*');
        let plain = beginning.unwrap_or(text);
        if plain.contains('*') {
            return Err(complaint.help("a * stands at the end, for everything that may follow"));
        }
        if text.len() > LONGEST_PATH || !plain.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(complaint.help("ASCII without spaces, at most 1024 characters"));
        }
        let segments = plain.strip_suffix('/').unwrap_or(plain);
        let odd = |segment: &str| matches!(segment, "" | "." | "..");
        if !segments.is_empty() && segments.split('/').skip(1).any(odd) {
            return Err(complaint.label("empty, . and .. segments are never matched"));
        }
        Ok(match beginning {
            Some(beginning) => Self::Beginning(beginning.to_owned()),
            None => Self::Exact(text.to_owned()),
        })
    }
}

impl Scalar for PathPattern {
    const WHAT: &'static str = "a path, or the beginning of paths with a * after it";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^/[^?#* ]*\\*?$", "maxLength": LONGEST_PATH })
    }

    fn written(&self) -> Value {
        json!(match self {
            Self::Exact(path) => path.clone(),
            Self::Beginning(beginning) => format!("{beginning}*"),
        })
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(path) => formatter.write_str(path),
            Self::Beginning(beginning) => write!(formatter, "{beginning}*"),
        }
    }
}

impl Scalar for MethodName {
    const WHAT: &'static str = "a method";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let letters = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-';
        let sound = (1..=LONGEST_METHOD).contains(&text.len()) && text.bytes().all(letters);
        let complaint = Complaint::not_a::<Self>(text);
        if !sound {
            return Err(complaint.help("GET, POST and the like"));
        }
        // RFC 9110 section 9.1: methods are case-sensitive, and all that are registered are so.
        match text.to_ascii_uppercase() {
            upper if upper != text => Err(complaint.label(format!("did you mean \"{upper}\"?"))),
            upper => Ok(Self(upper)),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Z-]{1,32}$" })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

impl Scalar for AnyFieldName {
    const WHAT: &'static str = "a header's name";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'+^`|~*".contains(&byte);
        if !(1..=LONGEST_FIELD).contains(&text.len()) || !text.bytes().all(sound) {
            let complaint = Complaint::not_a::<Self>(text);
            return Err(complaint.help("letters, digits and hyphens, at most 128 in all"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[!#$%&'*+.^_`|~A-Za-z0-9-]{1,128}$" })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::PathPattern;

    #[test]
    fn a_star_stands_at_the_end_or_nowhere() {
        let parse = |text| PathPattern::parse(text).ok();
        assert_eq!(parse("/health"), Some(PathPattern::Exact("/health".to_owned())));
        assert_eq!(parse("/"), Some(PathPattern::Exact("/".to_owned())));
        assert_eq!(parse("/api/*"), Some(PathPattern::Beginning("/api/".to_owned())));
        assert_eq!(parse("/*"), Some(PathPattern::Beginning("/".to_owned())));
        for bad in ["", "api/*", "/*/x", "/a**", "//", "/a//b", "/a/../b*", "/a?b", "/a b", "/ü"] {
            assert_eq!(parse(bad), None, "{bad:?} was taken");
        }
    }
}
