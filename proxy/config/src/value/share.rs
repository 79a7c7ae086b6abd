//! Shares of a whole, written `"10%"`.

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// Whole percents, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u8);

impl Share {
    /// So many percent; more than 100 are 100.
    pub const fn percent(percent: u8) -> Self {
        Self(if percent > 100 { 100 } else { percent })
    }

    /// In percent, at most 100.
    pub const fn as_percent(self) -> u8 {
        self.0
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('%')?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().filter(|percent| *percent <= 100).map(Self)
    }
}

impl Scalar for Share {
    const WHAT: &'static str = "a share";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        const HELP: &str = "a whole number from 0 to 100, then %";
        if let DeValue::Integer(number) = value {
            let complaint = Complaint::wrong_kind::<Self>(value).help(HELP);
            return Err(match Self::parse(&format!("{}%", number.as_str())) {
                Some(share) => complaint.label(format!("did you mean \"{}%\"?", share.0)),
                None => complaint,
            });
        }
        let text = text::<Self>(value)?;
        Self::parse(text).ok_or_else(|| Complaint::not_a::<Self>(text).help(HELP))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^0*(100|[0-9]{1,2})%$" })
    }

    fn written(&self) -> Value {
        json!(format!("{}%", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_percents() {
        assert_eq!(Share::parse("10%").map(Share::as_percent), Some(10));
        assert_eq!(Share::parse("100%").map(Share::as_percent), Some(100));
        assert_eq!(Share::percent(250).as_percent(), 100);
        for bad in ["", "%", "10", "101%", "-1%", "+1%", "2.5%", "10 %", "999%"] {
            assert_eq!(Share::parse(bad), None, "{bad:?} was taken");
        }
    }
}
