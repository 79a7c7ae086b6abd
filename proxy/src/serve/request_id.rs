//! The name of one request, from the client's answer to the instance's log.

use arrayvec::ArrayString;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// A request id as text: 32 hexadecimal digits of our own, or what a trusted proxy gave.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestId {
    text: Text,
    exchange: u64,
}

#[derive(Clone, PartialEq, Eq)]
enum Text {
    Own(ArrayString<OWN_DIGITS>),
    Given(Box<str>),
}

/// Digits of 128 bits.
const OWN_DIGITS: usize = 32;

/// A longer id is replaced by one of our own.
const MAX_GIVEN: usize = 128;

impl RequestId {
    /// A new id. Not a secret: it only has to be unlike all others.
    pub(crate) fn random() -> RequestId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let value = fastrand::u128(..);
        let (mut digits, mut rest) = ([0; OWN_DIGITS], value);
        for digit in &mut digits {
            *digit = DIGITS[(rest & 15) as usize];
            rest >>= 4;
        }
        // Digits are text: the empty one stands for what cannot be.
        let text = ArrayString::from_byte_string(&digits).unwrap_or_default();
        RequestId { text: Text::Own(text), exchange: value as u64 }
    }

    /// An id that a trusted proxy in front of us gave, when it is fit for a log.
    pub(crate) fn given(value: &[u8]) -> Option<RequestId> {
        let text = std::str::from_utf8(value).ok()?;
        let fit = !text.is_empty()
            && text.len() <= MAX_GIVEN
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&b));
        // By a hash without a key: one id is one exchange, however many requests bear it.
        let exchange = || BuildHasherDefault::<DefaultHasher>::default().hash_one(text);
        fit.then(|| RequestId { text: Text::Given(text.into()), exchange: exchange() })
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.text {
            Text::Own(text) => text,
            Text::Given(text) => text,
        }
    }

    /// A number that names the exchange in plugins.
    pub(crate) fn exchange(&self) -> u64 {
        self.exchange
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unlike_each_other_and_only_fit_ones_are_taken_over() {
        let (a, b) = (RequestId::random(), RequestId::random());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 32);
        assert_eq!(
            RequestId::given(b"abc-1").map(|id| id.as_str().to_owned()),
            Some("abc-1".into())
        );
        for bad in [&b""[..], b"a b", b"a\"b", b"a\nb", &[b'x'; 200], b"\xff"] {
            assert_eq!(RequestId::given(bad), None);
        }
    }
}
