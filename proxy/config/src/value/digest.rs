//! The SHA-256 of a file.

use std::fmt;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// 32 bytes, written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The raw bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let nibble = |at: usize| char::from(pair[at]).to_digit(16).map(|digit| digit as u8);
            *byte = nibble(0)? << 4 | nibble(1)?;
        }
        Some(Self(bytes))
    }
}

impl Scalar for Digest {
    const WHAT: &'static str = "a SHA-256 digest";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value)?;
        Self::parse(text).ok_or_else(|| {
            Complaint::not_a::<Self>(text)
                .label(format!("{} characters, not 64 hexadecimal digits", text.chars().count()))
                .help("`sha256sum FILE` prints it")
        })
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shown_as_it_was_written() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::parse(text).map(|digest| digest.to_string()).as_deref(), Some(text));
        assert_eq!(Digest::parse("é".repeat(32).as_str()), None);
        assert_eq!(Digest::parse(&text[1..]), None);
    }
}
