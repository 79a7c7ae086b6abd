//! How long an instance works on a request, written `"100ms"`, `"5ms to 20ms"`, `"exponential
//! 100ms"`, `"lognormal 80ms p99 500ms"`, or as a mixture: `"95% 20ms, 5% exponential 1s"`.

use std::time::Duration;

use serde_json::{Value, json};
use toml::de::DeValue;

use crate::read::{Complaint, Scalar, text};
use crate::value::Share;

/// Longer than a simulation is worth watching.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// More parts than a histogram needs.
const MOST_PARTS: usize = 100;

const HELP: &str = "a time, \"A to B\", \"exponential MEAN\", \"lognormal MEDIAN p99 TIME\", or \
                    several with their shares, which make 100%";

/// A distribution; never without parts, and their shares make 100 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTime {
    /// Each draw is from one of them.
    pub parts: Vec<ServiceTimePart>,
}

/// A part of a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceTimePart {
    /// How often a draw is from it.
    pub share: Share,
    /// What is drawn.
    pub shape: ServiceTimeShape,
}

/// A distribution of one piece. No time is longer than a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTimeShape {
    /// Always the same.
    Constant(Duration),
    /// Any time from the first to the second, which is not smaller.
    Between(Duration, Duration),
    /// Exponential, by its mean.
    Exponential(Duration),
    /// Log-normal.
    LogNormal {
        /// Never zero.
        median: Duration,
        /// Not below the median.
        p99: Duration,
    },
}

impl ServiceTime {
    /// Always the same.
    pub(crate) fn constant(time: Duration) -> Self {
        let shape = ServiceTimeShape::Constant(time);
        Self { parts: vec![ServiceTimePart { share: Share::percent(100), shape }] }
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        if let [only] = parts.as_slice()
            && !only.contains('%')
        {
            let part = ServiceTimePart { share: Share::percent(100), shape: shape(only)? };
            return Some(Self { parts: vec![part] });
        }
        if parts.len() > MOST_PARTS {
            return None;
        }
        let parts = parts.into_iter().map(part).collect::<Option<Vec<_>>>()?;
        let sum: u32 = parts.iter().map(|part| u32::from(part.share.as_percent())).sum();
        (sum == 100).then_some(Self { parts })
    }
}

fn part(text: &str) -> Option<ServiceTimePart> {
    let (share, rest) = text.split_once(' ')?;
    let share = Share::read(&DeValue::String(share.into())).ok()?;
    Some(ServiceTimePart { share, shape: shape(rest.trim())? })
}

fn shape(text: &str) -> Option<ServiceTimeShape> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    Some(match words.as_slice() {
        [time] => ServiceTimeShape::Constant(duration(time)?),
        [low, "to", high] => {
            let (low, high) = (duration(low)?, duration(high)?);
            (low <= high).then_some(ServiceTimeShape::Between(low, high))?
        }
        ["exponential", mean] => ServiceTimeShape::Exponential(duration(mean)?),
        ["lognormal", median, "p99", p99] => {
            let (median, p99) = (duration(median)?, duration(p99)?);
            let fits = !median.is_zero() && median <= p99;
            fits.then_some(ServiceTimeShape::LogNormal { median, p99 })?
        }
        _ => return None,
    })
}

fn duration(text: &str) -> Option<Duration> {
    let time = Duration::read(&DeValue::String(text.into())).ok()?;
    (time <= LONGEST).then_some(time)
}

impl Scalar for ServiceTime {
    const WHAT: &'static str = "a time or a distribution of times";

    fn read(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let text = text::<Self>(value).map_err(|complaint| complaint.help(HELP))?;
        Self::parse(text).ok_or_else(|| Complaint::not_a::<Self>(text).help(HELP))
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }

    fn written(&self) -> Value {
        let time = |time: &Duration| time.written().as_str().unwrap_or_default().to_owned();
        let shape = |shape: &ServiceTimeShape| match shape {
            ServiceTimeShape::Constant(always) => time(always),
            ServiceTimeShape::Between(low, high) => format!("{} to {}", time(low), time(high)),
            ServiceTimeShape::Exponential(mean) => format!("exponential {}", time(mean)),
            ServiceTimeShape::LogNormal { median, p99 } => {
                format!("lognormal {} p99 {}", time(median), time(p99))
            }
        };
        json!(match self.parts.as_slice() {
            [only] => shape(&only.shape),
            parts => {
                let parts = parts
                    .iter()
                    .map(|part| format!("{}% {}", part.share.as_percent(), shape(&part.shape)));
                parts.collect::<Vec<_>>().join(", ")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_written_as_they_are_read() {
        for text in [
            "100ms",
            "0s",
            "5ms to 20ms",
            "exponential 100ms",
            "lognormal 80ms p99 500ms",
            "90% 5ms to 20ms, 9% 1s, 1% exponential 3s",
        ] {
            let read = ServiceTime::parse(text).map(|time| time.written());
            assert_eq!(read, Some(json!(text)));
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for bad in [
            "",
            "100",
            "20ms to 5ms",
            "exponential",
            "lognormal 80ms",
            "lognormal 80ms p99 20ms",
            "lognormal 0s p99 20ms",
            "50% 1ms",
            "90% 1ms, 20% 2ms",
            "1ms, 2ms",
            "50h",
            "gamma 5ms",
            "100%",
            "50% 1ms, 50%",
        ] {
            assert_eq!(ServiceTime::parse(bad), None, "{bad:?} was taken");
        }
    }
}
