//! Rates, written `"100/s"`, `"30/m"` or `"500/h"`.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};

/// Above a million a second a limit is none, and its arithmetic loses precision.
const MOST: u32 = 1_000_000;

const UNITS: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3600)];

/// So many in so much time; one every [`Rate::interval`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub amount: NonZeroU32,
    /// In what time: a second, a minute or an hour.
    pub per: Duration,
}

impl Rate {
    /// So many each second; 1 for none.
    pub(crate) const fn per_second_of(amount: u32) -> Self {
        let amount = match NonZeroU32::new(amount) {
            Some(amount) => amount,
            None => NonZeroU32::MIN,
        };
        Self { amount, per: Duration::from_secs(1) }
    }

    /// The time one unit takes to come back; at least a microsecond.
    pub fn interval(self) -> Duration {
        self.per / self.amount.get()
    }

    /// Whole units per second, at least 1: the default burst.
    pub fn per_second(self) -> NonZeroU32 {
        let seconds = u32::try_from(self.per.as_secs()).unwrap_or(u32::MAX).max(1);
        NonZeroU32::new(self.amount.get() / seconds).unwrap_or(NonZeroU32::MIN)
    }

    fn parse(text: &str) -> Option<Self> {
        let (amount, unit) = text.split_once('/')?;
        if !amount.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let amount: NonZeroU32 = amount.parse().ok()?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        (amount.get() <= MOST).then_some(Self { amount, per: Duration::from_secs(*seconds) })
    }
}

impl Scalar for Rate {
    const WHAT: &'static str = "a rate";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        const HELP: &str = "a whole number from 1 to 1000000, then /s, /m or /h";
        if let DeValue::Integer(number) = value {
            let meant = format!("did you mean \"{}/s\"?", number.as_str());
            return Err(Complaint::wrong_kind::<Self>(value).label(meant).help(HELP));
        }
        let text = text::<Self>(value)?;
        Self::parse(text).ok_or_else(|| {
            let complaint = Complaint::not_a::<Self>(text).help(HELP);
            match Self::parse(&format!("{text}/s")) {
                Some(_) => complaint.label(format!("did you mean \"{text}/s\"?")),
                None => complaint,
            }
        })
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^0*[1-9][0-9]*/[smh]$" })
    }

    fn written(&self) -> Value {
        json!(self.to_string())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, seconds)| *seconds == self.per.as_secs());
        write!(formatter, "{}/{}", self.amount, unit.map_or("s", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_their_unit() {
        let rate = Rate::parse("30/m").expect("30/m is a rate");
        assert_eq!(rate.interval(), Duration::from_secs(2));
        assert_eq!(rate.per_second().get(), 1);
        assert_eq!(rate.written(), json!("30/m"));
        assert_eq!(Rate::parse("100/s").map(|rate| rate.per_second().get()), Some(100));
        for bad in ["", "/s", "0/s", "100", "100/d", "-1/s", "+1/s", "1.5/s", "2000000/s", "1/"] {
            assert_eq!(Rate::parse(bad), None, "{bad:?} was taken");
        }
    }
}
