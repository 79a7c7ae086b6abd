//! Steps of traffic, written `"300/s for 20s"`, `"300/s to 700/s over 1m"` or `"500 at once"`.

use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};
use crate::syntax::quoted;

/// Requests per second that no simulation of a million requests can hold for long.
const MOST_PER_SECOND: f64 = 1_000_000.0;
/// The longest that a step lasts.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
const MOST_AT_ONCE: u32 = 1_000_000;

const UNITS: [(&str, f64); 3] = [("/s", 1.0), ("/m", 60.0), ("/h", 3600.0)];

const HELP: &str = "a step is a rate for a time, a rate that changes to another over a time, or a \
                    number at once";

/// A piece of traffic. Rates are requests per second, finite and not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArrivalStep {
    /// A rate that changes in a straight line; a constant one ends as it begins.
    Line {
        /// At the beginning.
        from: f64,
        /// At the end.
        to: f64,
        /// How long it takes; never zero.
        over: Duration,
    },
    /// So many at once.
    Burst(u32),
}

impl ArrivalStep {
    /// Steps divided by commas, as on a command line.
    ///
    /// # Errors
    /// What is wrong with the first step that is not one, in a sentence.
    pub fn list(text: &str) -> Result<Vec<Self>, String> {
        let step = |text: &str| {
            let text = text.trim();
            Self::parse(text).ok_or_else(|| {
                format!("{} is not a step of traffic, as \"300/s for 20s\"; {HELP}", quoted(text))
            })
        };
        text.split(',').map(step).collect()
    }

    /// How many requests it has on average.
    pub fn requests(self) -> f64 {
        match self {
            Self::Line { from, to, over } => (from + to) / 2.0 * over.as_secs_f64(),
            Self::Burst(count) => f64::from(count),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words.as_slice() {
            [rate, "for", time] => {
                let rate = per_second(rate)?;
                Some(Self::Line { from: rate, to: rate, over: duration(time)? })
            }
            [from, "to", to, "over", time] => Some(Self::Line {
                from: per_second(from)?,
                to: per_second(to)?,
                over: duration(time)?,
            }),
            [count, "at", "once"] if digits(count) => {
                let count = count.parse().ok()?;
                (1..=MOST_AT_ONCE).contains(&count).then_some(Self::Burst(count))
            }
            _ => None,
        }
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn per_second(text: &str) -> Option<f64> {
    let (unit, seconds) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    if !digits(whole) || !digits(part) {
        return None;
    }
    let rate = number.parse::<f64>().ok()? / seconds;
    (rate <= MOST_PER_SECOND).then_some(rate)
}

fn duration(text: &str) -> Option<Duration> {
    let time = Duration::read(&DeValue::String(text.into())).ok()?;
    (!time.is_zero() && time <= LONGEST).then_some(time)
}

impl Scalar for ArrivalStep {
    const WHAT: &'static str = "a step of traffic";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value).map_err(|complaint| complaint.help(HELP))?;
        Self::parse(text).ok_or_else(|| {
            let complaint = Complaint::not_a::<Self>(text).help(HELP);
            let meant = [format!("{text} for 60s"), format!("{text} at once"), text.to_lowercase()];
            match meant.iter().find(|meant| Self::parse(meant).is_some()) {
                Some(meant) => complaint.label(format!("did you mean {}?", quoted(meant))),
                None => complaint,
            }
        })
    }

    fn schema() -> Value {
        let rate = r"[0-9]+(\.[0-9]+)?/[smh]";
        let pattern = format!("^({rate} (to {rate} over|for) [0-9a-z.]+|[0-9]+ at once)$");
        json!({ "type": "string", "pattern": pattern })
    }

    fn written(&self) -> Value {
        json!(match self {
            Self::Line { from, to, over } if from == to => {
                format!("{from}/s for {}", shown(*over))
            }
            Self::Line { from, to, over } => format!("{from}/s to {to}/s over {}", shown(*over)),
            Self::Burst(count) => format!("{count} at once"),
        })
    }
}

/// As it would be written, without the quotes.
fn shown(time: Duration) -> String {
    time.written().as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_as_they_are_spoken() {
        let over = Duration::from_secs(20);
        let flat = ArrivalStep::Line { from: 300.0, to: 300.0, over };
        let ramp = ArrivalStep::Line { from: 0.5, to: 2.0, over };
        assert_eq!(ArrivalStep::parse("300/s for 20s"), Some(flat));
        assert_eq!(ArrivalStep::parse("30/m to 7200/h over 20s"), Some(ramp));
        assert_eq!(ArrivalStep::parse("500 at once"), Some(ArrivalStep::Burst(500)));
        let list = ArrivalStep::list("300/s for 20s, 500 at once");
        assert_eq!(list, Ok(vec![flat, ArrivalStep::Burst(500)]));
        assert_eq!(ramp.requests(), 25.0);
        for bad in [
            "",
            "300/s",
            "300 for 20s",
            "300/s for",
            "300/s for 0s",
            "-1/s for 1s",
            "1e9/s for 1s",
            "NaN/s for 1s",
            "inf/s for 1s",
            "./s for 1s",
            "0 at once",
            "-5 at once",
            "1.5 at once",
            "9999999 at once",
            "1/s to 2/s",
            "1/s for 99999h",
            "2000000/s for 1s",
        ] {
            assert_eq!(ArrivalStep::parse(bad), None, "{bad:?} was taken");
            assert!(ArrivalStep::list(bad).is_err());
        }
    }

    #[test]
    fn steps_are_written_as_they_are_read() {
        for text in ["300/s for 20s", "0.5/s to 2/s over 1m", "500 at once"] {
            let step = ArrivalStep::parse(text).map(|step| step.written());
            assert_eq!(step, Some(json!(text)));
        }
    }
}
