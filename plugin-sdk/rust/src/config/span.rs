//! Durations, written with their unit: `"250ms"`, `"1.5s"`, `"1m30s"`.

use std::ops::Deref;
use std::time::Duration;

use serde::Deserialize;

const UNITS: [(&str, u64); 5] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// A duration as an operator writes it. In JSON Schema:
/// `{ "type": "string", "pattern": "^([0-9]+(\\.[0-9]{1,9})?(us|ms|s|m|h))+$" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// In whole milliseconds, as `now_ms` counts.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Deref for Span {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "\"{text}\" is no duration; the units are us, ms, s, m and h, as in \"250ms\" or \"1m30s\""
            )
        };
        parse(&text).map(Self).ok_or_else(wrong)
    }
}

fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let whole = take(&mut rest, |byte| byte.is_ascii_digit())?;
        let fraction = match rest.strip_prefix('.') {
            Some(after) => {
                rest = after;
                take(&mut rest, |byte| byte.is_ascii_digit()).filter(|digits| digits.len() <= 9)?
            }
            None => "0",
        };
        let letters = take(&mut rest, |byte| byte.is_ascii_alphabetic())?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == letters)?;
        let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
        let part = fraction.parse::<u128>().ok()? * u128::from(*unit) / scale;
        nanos = nanos.checked_add(whole.parse::<u64>().ok()?.checked_mul(*unit)?)?;
        nanos = nanos.checked_add(u64::try_from(part).ok()?)?;
    }
    (!text.is_empty()).then(|| Duration::from_nanos(nanos))
}

/// The beginning that is made of such bytes, if there is any.
fn take<'a>(rest: &mut &'a str, such: impl Fn(u8) -> bool) -> Option<&'a str> {
    let end = rest.bytes().position(|byte| !such(byte)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    (!taken.is_empty()).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_units_only() {
        for (text, millis) in
            [("10s", 10_000), ("0.4s", 400), ("1m30s", 90_000), ("0s", 0), ("24h", 86_400_000)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "s", "10", "10 s", "-1s", "1.s", ".5s", "1x", "10S", "1e3s", "１s"] {
            assert_eq!(parse(bad), None, "{bad:?} was taken");
        }
        assert_eq!(parse("9999999999h"), None);
        let said = Span::try_from("5 minutes".to_owned()).unwrap_err();
        assert!(said.contains("\"5 minutes\" is no duration"), "{said}");
    }
}
