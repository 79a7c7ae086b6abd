//! The table of API keys, written as they are or as their SHA-256, so that a configuration can be read by
//! people who must not use the keys.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

const PREFIX: &str = "sha256:";

/// Keys, and what each of them gives.
#[derive(Debug)]
pub(crate) struct Table<T> {
    plain: BTreeMap<String, T>,
    /// By digest in lower-case hexadecimal, with its prefix.
    hashed: BTreeMap<String, T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { plain: BTreeMap::new(), hashed: BTreeMap::new() }
    }
}

impl<T> Table<T> {
    /// Adds a key as the operator wrote it.
    pub(crate) fn insert(&mut self, written: &str, gives: T) -> Result<(), String> {
        let Some(digest) = written.strip_prefix(PREFIX) else {
            if !(1..=super::LONGEST_KEY).contains(&written.len()) {
                return Err(format!("a key has 1 to {} bytes", super::LONGEST_KEY));
            }
            self.plain.insert(written.to_owned(), gives);
            return Ok(());
        };
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("`{written}` is no SHA-256: 64 hexadecimal digits"));
        }
        self.hashed.insert(written.to_ascii_lowercase(), gives);
        Ok(())
    }

    /// What a key that a client shows gives, and the name under which it is counted.
    pub(crate) fn find(&self, shown: &[u8]) -> Option<(&str, &T)> {
        if shown.len() > super::LONGEST_KEY {
            return None;
        }
        let plain = std::str::from_utf8(shown).ok().and_then(|key| self.plain.get_key_value(key));
        // Only where digests are listed is one computed.
        let hashed = || {
            let digest = (!self.hashed.is_empty()).then(|| digest(shown))?;
            self.hashed.get_key_value(&digest)
        };
        plain.or_else(hashed).map(|(name, gives)| (name.as_str(), gives))
    }
}

fn digest(key: &[u8]) -> String {
    let mut text = PREFIX.to_owned();
    for byte in Sha256::digest(key) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_as_they_are_and_by_their_digest() {
        let mut table = Table::default();
        table.insert("plain", 1).unwrap();
        // printf abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        table.insert(&format!("sha256:{}", abc.to_uppercase()), 2).unwrap();
        assert_eq!(table.find(b"plain"), Some(("plain", &1)));
        assert_eq!(table.find(b"abc").map(|(_, gives)| *gives), Some(2));
        for unknown in
            [&b""[..], b"Plain", b"\xff", format!("sha256:{abc}").as_bytes(), &[b'a'; 600]]
        {
            assert_eq!(table.find(unknown), None, "{unknown:?}");
        }
        assert!(table.insert("sha256:12", 3).is_err() && table.insert("", 3).is_err());
    }
}
