//! The paths a service answers for.

use std::fmt;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// Longer prefixes than this are no one's.
const LONGEST: usize = 1024;

/// Whole segments: `/api` covers `/api` and `/api/x`, not `/apix`. Stored without a final slash,
/// except for `/`, which covers everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The prefix that covers everything.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// As text, beginning with a slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, Complaint> {
        let complaint = Complaint::not_a::<Self>(text);
        if !text.starts_with('/') {
            let shown = text.len() < 40 && text.bytes().all(allowed);
            return Err(match shown {
                true => complaint.label(format!("did you mean \"/{text}\"?")),
                false => complaint.label("it begins with a slash"),
            });
        }
        if text.contains(['?', '#']) {
            return Err(complaint.label("a path ends before its ? or #"));
        }
        if text.contains('*') {
            return Err(complaint.help("every path that begins so is covered: leave the * out"));
        }
        if text.len() > LONGEST || !text.bytes().all(allowed) {
            return Err(complaint.help("ASCII without spaces, at most 1024 characters"));
        }
        let trimmed = text.strip_suffix('/').unwrap_or(text);
        let odd = |segment: &str| matches!(segment, "" | "." | "..");
        if trimmed.split('/').skip(1).any(odd) {
            return Err(complaint.label("empty, . and .. segments are never matched"));
        }
        Ok(if trimmed.is_empty() { Self::root() } else { Self(trimmed.to_owned()) })
    }
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'}')
}

impl Scalar for PathPrefix {
    const WHAT: &'static str = "the beginning of a path";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::parse(text::<Self>(value)?)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^/[^?#* ]*$" })
    }

    fn written(&self) -> Value {
        json!(self.0)
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::PathPrefix;

    #[test]
    fn prefixes_are_whole_segments() {
        let parse = |text| PathPrefix::parse(text).ok().map(|prefix| prefix.as_str().to_owned());
        assert_eq!(parse("/").as_deref(), Some("/"));
        assert_eq!(parse("/api/").as_deref(), Some("/api"));
        assert_eq!(parse("/a/b%20c").as_deref(), Some("/a/b%20c"));
        for bad in
            ["", "api", "//", "/a//b", "/a/../b", "/a?b", "/a#b", "/a*", "/a b", "/ü", "/a\n"]
        {
            assert_eq!(parse(bad), None, "{bad:?} was taken");
        }
    }
}
