//! Sizes, written with their unit: `"512B"`, `"64KiB"`, `"1MiB"`.

use serde::Deserialize;

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
];

/// A number of bytes as an operator writes it. In JSON Schema:
/// `{ "type": "string", "pattern": "^[0-9]+(B|KB|KiB|MB|MiB|GB|GiB)$" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = UNITS.iter().find_map(|(unit, bytes)| {
            let number = text.strip_suffix(unit)?;
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let number = number.parse::<u64>().ok().filter(|_| digits)?;
            number.checked_mul(*bytes)
        });
        let wrong = || {
            format!(
                "\"{text}\" is no size; the units are B, KiB, MiB and GiB (or KB, MB and GB), as in \"64KiB\""
            )
        };
        parsed.map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_units_only() {
        let read = |text: &str| Size::try_from(text.to_owned()).ok();
        for (text, bytes) in
            [("0B", 0), ("512B", 512), ("64KiB", 65_536), ("2MB", 2_000_000), ("1GiB", 1 << 30)]
        {
            assert_eq!(read(text), Some(Size(bytes)), "{text}");
        }
        for bad in ["", "B", "64", "64kb", "-1B", "1.5MiB", "64 KiB", "99999999999999GiB"] {
            assert_eq!(read(bad), None, "{bad:?} was taken");
        }
    }
}
