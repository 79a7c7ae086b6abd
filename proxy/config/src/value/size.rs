//! Sizes in bytes, written with their unit: `"32KiB"`.

use std::fmt;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

const UNITS_IN_WORDS: &str = "the units are B, KiB, MiB and GiB (or KB, MB and GB)";

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// So many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// As a number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|char: char| !char.is_ascii_digit())?;
        let number: u64 = text[..digits].parse().ok()?;
        let (_, unit) = UNITS.iter().find(|(name, _)| *name == &text[digits..])?;
        number.checked_mul(*unit).map(Self)
    }
}

/// What a number without a whole unit was likely meant to be.
fn meant(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text[end..].trim() {
        "" | "b" | "bytes" => "B",
        "k" | "kb" | "kib" => "KiB",
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return None,
    };
    let meant = format!("{}{unit}", &text[..end]);
    Size::parse(&meant).map(|_| meant)
}

impl Scalar for Size {
    const WHAT: &'static str = "a size with its unit";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        if let DeValue::Integer(number) = value {
            let meant = format!("did you mean \"{}B\"?", number.as_str());
            return Err(Complaint::wrong_kind::<Self>(value).label(meant).help(UNITS_IN_WORDS));
        }
        let text = text::<Self>(value)?;
        Self::parse(text).ok_or_else(|| {
            let complaint = Complaint::not_a::<Self>(text).help(UNITS_IN_WORDS);
            match meant(text) {
                Some(meant) => complaint.label(format!("did you mean \"{meant}\"?")),
                None => complaint,
            }
        })
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9]+(B|KB|KiB|MB|MiB|GB|GiB)$" })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binary = UNITS.iter().rev().filter(|(name, _)| name.contains('i'));
        let fitting = binary.copied().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = fitting.unwrap_or(UNITS[0]);
        write!(formatter, "{}{name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn sizes_are_read_with_units_only() {
        assert_eq!(Size::parse("32KiB"), Some(Size::new(32 * 1024)));
        assert_eq!(Size::parse("1MB"), Some(Size::new(1_000_000)));
        assert_eq!(Size::parse("0B"), Some(Size::new(0)));
        for bad in ["", "KiB", "10", "1 MiB", "1.5MiB", "1mib", "-1B", "1M", "99999999999GiB"] {
            assert_eq!(Size::parse(bad), None, "{bad:?} was taken");
        }
    }

    #[test]
    fn sizes_are_shown_as_they_would_be_written() {
        for text in ["0B", "100B", "32KiB", "1MiB", "4GiB"] {
            assert_eq!(Size::parse(text).map(|size| size.to_string()).as_deref(), Some(text));
        }
    }
}
