//! Keys: what is counted together, as keyed hashes.
//!
//! The seed is random for each process, so nobody outside can choose addresses that fall into one
//! bucket. Must not know quotas or tables.

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip128::{Hasher128, SipHasher13};

/// Keeps bytes apart from addresses, and lists of values from both.
const BYTES: u64 = 1;
const LIST: u64 = 2;

/// What a request says where a key looks. The three are apart from each other, whatever is said: who leaves a
/// field out, or sends it twice so that nobody can know which one counts, has one bucket with all who do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Absent,
    /// Nothing that is one value.
    Unclear,
    /// This.
    One(&'a [u8]),
}

/// The secret that hashes are keyed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeySeed(u64, u64);

impl KeySeed {
    /// From 16 random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        let word = u128::from_le_bytes(random);
        Self(word as u64, (word >> 64) as u64)
    }

    /// The key of a client's address: a v4 address by itself, a v6 one by its /64, since that is
    /// what one subscriber is given. The parents are the /24 and the /48.
    pub fn client(&self, address: IpAddr) -> Key {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let own = u64::from(v4.to_bits());
                Key::new(self.hash(4, own), self.scatter(own >> 8))
            }
            IpAddr::V6(v6) => {
                let own = (v6.to_bits() >> 64) as u64;
                // The mark keeps a /48 apart from the numbers of v4 networks.
                Key::new(self.hash(6, own), self.scatter(own >> 16 | 1 << 63))
            }
        }
    }

    /// The key of any bytes. Its parent is one of a few that all such keys share by chance.
    pub fn bytes(&self, bytes: &[u8]) -> Key {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1 ^ BYTES);
        hasher.write(bytes);
        let hash = hasher.finish128().as_u128();
        Key::new(hash, (hash >> 64) as u64)
    }

    /// A list of values and, where a limit counts clients as well, an address: one key for all of them
    /// together. With an address its parent is that of the address, else one of a few by chance.
    pub fn list(&self, client: Option<IpAddr>) -> KeyList {
        let mut list =
            KeyList { hasher: SipHasher13::new_with_keys(self.0, self.1 ^ LIST), parent: None };
        if let Some(address) = client {
            let key = self.client(address);
            list.parent = Some(key.parent);
            list.hasher.write_u32(key.shard);
            list.hasher.write_u64(key.mark);
        }
        list
    }

    /// `kind` keeps equal numbers of different kinds apart.
    fn hash(&self, kind: u8, number: u64) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1 ^ u64::from(kind));
        hasher.write_u64(number);
        hasher.finish128().as_u128()
    }

    /// A quick keyed hash for parents: theirs is not an identity but a choice among a few buckets,
    /// and nobody outside can see which.
    fn scatter(&self, number: u64) -> u64 {
        let product = u128::from(number ^ self.1) * u128::from(self.0 | 1);
        (product >> 64) as u64 ^ product as u64
    }
}

impl fmt::Debug for KeySeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySeed(secret)")
    }
}

/// A list of values while it is hashed. Each value is written with its length, so that no two lists of one
/// limit are joined to the same bytes.
#[derive(Debug)]
pub struct KeyList {
    hasher: SipHasher13,
    parent: Option<u64>,
}

impl KeyList {
    /// The next value. A limit asks for its values in one order, so none needs a name.
    pub fn push(&mut self, value: Value<'_>) {
        match value {
            Value::Absent => self.hasher.write_u8(0),
            Value::Unclear => self.hasher.write_u8(1),
            Value::One(bytes) => {
                self.hasher.write_u8(2);
                self.hasher.write_u64(bytes.len() as u64);
                self.hasher.write(bytes);
            }
        }
    }

    /// The key of all of them.
    pub fn key(self) -> Key {
        let hash = self.hasher.finish128().as_u128();
        Key::new(hash, self.parent.unwrap_or((hash >> 64) as u64))
    }
}

/// A key's hash and its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub(crate) shard: u32,
    /// Never 0, which marks a free slot.
    pub(crate) mark: u64,
    pub(crate) parent: u64,
}

impl Key {
    /// A key from hashes that were made elsewhere with a secret of their own.
    pub fn new(hash: u128, parent: u64) -> Self {
        Self { shard: (hash >> 96) as u32, mark: (hash as u64).max(1), parent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> Key {
        KeySeed::new([7; 16]).client(address.parse().expect("an address"))
    }

    #[test]
    fn a_v4_address_counts_by_itself_and_its_parent_is_the_24() {
        assert_ne!(key("192.0.2.1").mark, key("192.0.2.2").mark);
        assert_eq!(key("192.0.2.1").parent, key("192.0.2.2").parent);
        assert_ne!(key("192.0.2.1").parent, key("192.0.3.1").parent);
    }

    #[test]
    fn a_v6_address_counts_by_its_64_and_its_parent_is_the_48() {
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1").mark, key("2001:db8:1:3::1").mark);
        assert_eq!(key("2001:db8:1:2::1").parent, key("2001:db8:1:3::1").parent);
        assert_ne!(key("2001:db8:1:2::1").parent, key("2001:db8:2:2::1").parent);
    }

    #[test]
    fn a_mapped_address_is_the_v4_address() {
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    }

    #[test]
    fn equal_bytes_are_one_key_and_others_are_not() {
        let seed = KeySeed::new([7; 16]);
        assert_eq!(seed.bytes(b"acme"), seed.bytes(b"acme"));
        assert_ne!(seed.bytes(b"acme").mark, seed.bytes(b"acme\0").mark);
        assert_ne!(seed.bytes(b"").mark, seed.bytes(b"\0").mark);
    }

    #[test]
    fn lists_are_joined_so_that_no_two_are_one() {
        let seed = KeySeed::new([7; 16]);
        let key = |client: Option<&str>, values: &[Value<'_>]| {
            let mut list = seed.list(client.map(|text| text.parse().expect("an address")));
            values.iter().for_each(|value| list.push(*value));
            list.key()
        };
        let one = |text: &'static str| Value::One(text.as_bytes());
        let lists = [
            key(None, &[one("ab"), one("c")]),
            key(None, &[one("a"), one("bc")]),
            key(None, &[one("abc"), one("")]),
            key(None, &[one("abc"), Value::Absent]),
            key(None, &[one("abc"), Value::Unclear]),
            key(None, &[Value::Absent, one("abc")]),
            key(None, &[Value::Absent, Value::Absent]),
            key(None, &[one("\0"), one("\u{1}")]),
            key(Some("192.0.2.1"), &[one("ab"), one("c")]),
            key(Some("192.0.2.2"), &[one("ab"), one("c")]),
        ];
        for (place, one) in lists.iter().enumerate() {
            assert!(lists[..place].iter().all(|other| other.mark != one.mark), "{place}");
        }
        let address = "192.0.2.1".parse().expect("an address");
        assert_eq!(key(Some("192.0.2.9"), &[one("a")]).parent, seed.client(address).parent);
        assert_eq!(key(Some("2001:db8::1"), &[]), key(Some("2001:db8::2"), &[]), "one /64");
    }

    #[test]
    fn another_seed_gives_other_hashes() {
        let address = "192.0.2.1".parse().expect("an address");
        assert_ne!(KeySeed::new([1; 16]).client(address), KeySeed::new([2; 16]).client(address));
    }

    #[test]
    fn the_seed_is_never_printed() {
        assert_eq!(format!("{:?}", KeySeed::new([7; 16])), "KeySeed(secret)");
    }
}
