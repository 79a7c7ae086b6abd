//! The name of one request, from the client's answer to the instance's log.

use std::fmt;

/// A request id as text: 32 hexadecimal digits of our own, or what a trusted proxy gave.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RequestId(Text);

#[derive(Clone, PartialEq, Eq)]
enum Text {
    Own([u8; 32]),
    Given(Box<str>),
}

/// A longer id is replaced by one of our own.
const MAX_GIVEN: usize = 128;

impl RequestId {
    /// A new id. Not a secret: it only has to be unlike all others.
    pub(crate) fn random() -> RequestId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut value = fastrand::u128(..);
        let mut text = [0; 32];
        for digit in &mut text {
            *digit = DIGITS[(value & 15) as usize];
            value >>= 4;
        }
        RequestId(Text::Own(text))
    }

    /// An id that a trusted proxy in front of us gave, when it is fit for a log.
    pub(crate) fn given(value: &[u8]) -> Option<RequestId> {
        let text = std::str::from_utf8(value).ok()?;
        let fit = !text.is_empty()
            && text.len() <= MAX_GIVEN
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&b));
        fit.then(|| RequestId(Text::Given(text.into())))
    }

    pub(crate) fn as_str(&self) -> &str {
        match &self.0 {
            Text::Own(digits) => std::str::from_utf8(digits).unwrap_or_default(),
            Text::Given(text) => text,
        }
    }

    /// A number that names the exchange in plugins.
    pub(crate) fn exchange(&self) -> u64 {
        use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
        BuildHasherDefault::<DefaultHasher>::default().hash_one(self.as_str())
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
