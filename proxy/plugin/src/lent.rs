//! What the operator lends to one revision beside its configurations. It knows no guest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// What one revision may use that other plugins may not.
#[derive(Debug, Default)]
pub struct Lent {
    /// By the names that the plugin calls them.
    pub secrets: BTreeMap<String, Secret>,
    /// Names of limiters that it may charge.
    pub limiters: BTreeSet<String>,
    /// Names of services that it may call.
    pub services: BTreeSet<String>,
}

/// A secret: never printed, and never in a guest's memory. Not kept as such either, only what signing and
/// comparing need.
pub struct Secret {
    keyed: Hmac<Sha256>,
    /// Made equal in length, so that comparing tells nothing of it.
    compared: [u8; 32],
}

impl Secret {
    /// These bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self { keyed: keyed(bytes), compared: finish(keyed(COMPARED), bytes) }
    }

    /// RFC 2104 with SHA-256.
    pub(crate) fn hmac_sha256(&self, data: &[u8]) -> [u8; 32] {
        finish(self.keyed.clone(), data)
    }

    /// Whether this is it, in a time that tells neither where they differ nor how long it is.
    pub(crate) fn is(&self, candidate: &[u8]) -> bool {
        let candidate = finish(keyed(COMPARED), candidate);
        let differing = |sum, (a, b): (&u8, &u8)| sum | (a ^ b);
        self.compared.iter().zip(&candidate).fold(0, differing) == 0
    }
}

const COMPARED: &[u8] = b"compared";
/// Of SHA-256.
const BLOCK: usize = 64;

/// RFC 2104 section 2: a key longer than a block is hashed, a shorter one followed by zeros.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = [0; BLOCK];
    let hashed: [u8; 32];
    let key = match key.len() <= BLOCK {
        true => key,
        false => {
            hashed = Sha256::digest(key).into();
            &hashed
        }
    };
    block[..key.len()].copy_from_slice(key);
    Hmac::new(&block.into())
}

fn finish(mut mac: Hmac<Sha256>, data: &[u8]) -> [u8; 32] {
    mac.update(data);
    mac.finalize().into_bytes().into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 sections 4.3 and 4.7: a short key, and one longer than a block.
    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        let signed =
            |key: &[u8], data: &[u8]| crate::compile::hex(&Secret::new(key).hmac_sha256(data));
        assert_eq!(
            signed(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            signed(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn only_the_whole_secret_is_equal() {
        let secret = Secret::new(b"Jefe");
        assert!(secret.is(b"Jefe"));
        for wrong in [b"".as_slice(), b"Jef", b"Jefe\0", b"jefe", &[0; 100]] {
            assert!(!secret.is(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn it_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2")), "Secret");
    }
}
