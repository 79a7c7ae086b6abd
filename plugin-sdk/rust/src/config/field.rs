//! Names of header fields.

use std::fmt;
use std::ops::Deref;

use serde::Deserialize;

/// Fields that frame a message or belong to one connection, which the proxy writes: a plugin that edits one
/// fails in every call.
const HOSTS: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The name of a header that a plugin may set or remove, in lower case. In JSON Schema:
/// ``{ "type": "string", "pattern": "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }``.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct FieldName(String);

impl Deref for FieldName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FieldName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // RFC 9110 section 5.1: a token.
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&byte);
        let name = text.to_ascii_lowercase();
        if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
            return Err(format!("\"{text}\" is no name of a header, as in \"x-user\""));
        }
        if HOSTS.contains(&&*name) {
            return Err(format!("`{text}` is written by the proxy and cannot be changed"));
        }
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens_that_are_not_the_proxys() {
        let read = |text: &str| FieldName::try_from(text.to_owned());
        assert_eq!(read("X-User").as_deref(), Ok("x-user"));
        for bad in ["", "x user", "x:user", "ü", "Host", "content-length"] {
            assert!(read(bad).is_err(), "{bad:?} was taken");
        }
    }
}
