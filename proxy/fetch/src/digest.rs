//! What bytes are called here.

use std::fmt;

use sha2::Digest;

/// A SHA-256, shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// As OCI writes it: `sha256:` and 64 lower-case digits (image specification, descriptor). Others that
    /// it allows, such as sha512, are `None`.
    pub(crate) fn parse_oci(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn oci(&self) -> String {
        format!("sha256:{self}")
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sha256_in_lower_case_is_read() {
        let digest = Sha256::of(b"");
        assert_eq!(Sha256::parse_oci(&digest.oci()), Some(digest));
        assert_eq!(Sha256::parse_oci(&digest.oci().to_uppercase()), None);
        assert_eq!(Sha256::parse_oci(&digest.oci()[..70]), None);
        assert_eq!(Sha256::parse_oci(&digest.oci().replace("sha256", "sha512")), None);
        assert_eq!(Sha256::parse_oci(&format!("sha256:{}", "é".repeat(32))), None);
    }
}
