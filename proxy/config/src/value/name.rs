//! Names of services, plugins, instances, limits, regions and labels. They become metric labels and
//! parts of admin paths, so few characters and few of them.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// Longest name, in bytes.
const LONGEST: usize = 64;

/// 1 to 64 characters of `a-z 0-9 . _ -`, beginning with a letter or digit. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that a text is; none if it is not one, such as a part of an admin path.
    pub fn new(text: &str) -> Option<Self> {
        valid(text).then(|| Self(text.into()))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        if valid(text) {
            return Ok(Self(text.into()));
        }
        let complaint = Complaint::not_a::<Self>(text)
            .help("names become metric labels: 1 to 64 of a-z, 0-9, dot, underscore and hyphen");
        Err(match nearest(text) {
            Some(name) => complaint.label(format!("did you mean \"{name}\"?")),
            None => complaint,
        })
    }

    /// The name nearest to any text; `fallback` (a valid name) where nothing of it can stay.
    pub(crate) fn from_any(text: &str, fallback: &str) -> Self {
        Self(nearest(text).unwrap_or_else(|| fallback.to_owned()).into())
    }
}

fn valid(text: &str) -> bool {
    text.len() <= LONGEST
        && text.bytes().next().is_some_and(first_byte)
        && text.bytes().all(|byte| first_byte(byte) || matches!(byte, b'.' | b'_' | b'-'))
}

fn first_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn nearest(text: &str) -> Option<String> {
    let mut name: String = text
        .chars()
        .take(LONGEST)
        .map(|char| char.to_ascii_lowercase())
        .map(|char| match char {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => char,
            _ => '-',
        })
        .collect();
    name = name.trim_matches(['-', '.', '_']).to_owned();
    valid(&name).then_some(name)
}

impl Scalar for Name {
    const WHAT: &'static str = "a name";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        if let DeValue::Integer(number) = value {
            let meant = format!("did you mean \"{}\"?", number.as_str());
            return Err(Complaint::wrong_kind::<Self>(value).label(meant));
        }
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" })
    }

    fn written(&self) -> Value {
        json!(self.as_str())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn any_text_has_a_nearest_name() {
        assert_eq!(Name::from_any("AMS-Edge_1.Local", "edge"), "ams-edge_1.local");
        assert_eq!(Name::from_any("Zürich 2", "edge"), "z-rich-2");
        assert_eq!(Name::from_any("---", "edge"), "edge");
        assert_eq!(Name::from_any("", "edge"), "edge");
        assert_eq!(Name::from_any(&"x".repeat(900), "edge").len(), 64);
    }
}
