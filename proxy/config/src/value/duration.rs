//! Durations, written with their unit: `"250us"`, `"1.5s"`, `"1m30s"`.

use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar};

const UNITS: [(&str, u64); 5] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

const UNITS_IN_WORDS: &str = "the units are us, ms, s, m and h, as in \"250us\" or \"1m30s\"";

impl Scalar for Duration {
    const WHAT: &'static str = "a duration with its unit";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let (complaint, written) = match value {
            DeValue::String(text) => match parse_duration(text) {
                Some(duration) => return Ok(duration),
                None => (Complaint::not_a::<Self>(text), text.as_ref()),
            },
            DeValue::Integer(number) => (Complaint::wrong_kind::<Self>(value), number.as_str()),
            DeValue::Float(number) => (Complaint::wrong_kind::<Self>(value), number.as_str()),
            _ => (Complaint::wrong_kind::<Self>(value), ""),
        };
        let complaint = complaint.help(UNITS_IN_WORDS);
        Err(match meant(written) {
            Some(meant) => complaint.label(format!("did you mean \"{meant}\"?")),
            None => complaint,
        })
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": r"^([0-9]+(\.[0-9]{1,9})?(us|ms|s|m|h))+$" })
    }

    fn written(&self) -> Value {
        json!(show(*self))
    }
}

/// Reads a duration as configuration has it, such as `1m30s`; none when it is none.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut nanos: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let whole: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.find(|char: char| !char.is_ascii_digit())?;
            fraction = &after[..digits];
            rest = &after[digits..];
            if fraction.is_empty() || fraction.len() > 9 {
                return None;
            }
        }
        let letters = rest.find(|char: char| !char.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &rest[..letters])?;
        rest = &rest[letters..];
        nanos = nanos.checked_add(whole.checked_mul(*unit)?)?;
        if !fraction.is_empty() {
            let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
            let part = fraction.parse::<u128>().ok()? * u128::from(*unit) / scale;
            nanos = nanos.checked_add(u64::try_from(part).ok()?)?;
        }
    }
    (!text.is_empty()).then(|| Duration::from_nanos(nanos))
}

/// What a number without a unit, or with one in words, was likely meant to be.
fn meant(text: &str) -> Option<String> {
    const WORDS: [(&str, &str); 8] = [
        ("", "s"),
        ("sec", "s"),
        ("second", "s"),
        ("min", "m"),
        ("minute", "m"),
        ("hour", "h"),
        ("msec", "ms"),
        ("millisecond", "ms"),
    ];
    let text = text.trim().to_lowercase();
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let word = text[end..].trim();
    let singular = word.strip_suffix('s').unwrap_or(word);
    let words = WORDS.iter().find(|(name, _)| *name == singular && word != "s");
    let unit = words
        .map(|(_, unit)| *unit)
        .or_else(|| UNITS.iter().find(|(name, _)| *name == word).map(|(name, _)| *name))?;
    let meant = format!("{}{unit}", &text[..end]);
    parse_duration(&meant).map(|_| meant)
}

/// In the largest unit that gives a whole number.
fn show(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let fitting = UNITS.iter().rev().find(|(_, unit)| nanos.is_multiple_of(u128::from(*unit)));
    match fitting {
        _ if nanos == 0 => "0s".to_owned(),
        Some((name, unit)) => format!("{}{name}", nanos / u128::from(*unit)),
        None => format!("{}s", duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_units_only() {
        assert_eq!(parse_duration("10s"), Some(Duration::from_secs(10)));
        assert_eq!(parse_duration("0.4ms"), Some(Duration::from_micros(400)));
        assert_eq!(parse_duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        assert_eq!(meant("30 seconds").as_deref(), Some("30s"));
        assert_eq!(meant("1.5").as_deref(), Some("1.5s"));
        assert_eq!(meant("5 MS").as_deref(), Some("5ms"));
        assert_eq!(meant("two minutes"), None);
        for bad in ["", "s", "10", "10 s", "-1s", "1.s", ".5s", "1x", "10S", "1e3s", "１s"] {
            assert_eq!(parse_duration(bad), None, "{bad:?} was taken");
        }
        assert_eq!(parse_duration("99999999999999999999h"), None);
        assert_eq!(parse_duration("9999999999h"), None);
    }

    #[test]
    fn durations_are_shown_as_they_would_be_written() {
        for text in ["30s", "5ms", "1m", "90s", "250us", "24h", "0s"] {
            assert_eq!(parse_duration(text).map(show).as_deref(), Some(text));
        }
    }
}
