//! What is asked of a rollout: which kind, how long, how much. Read from the words of the command line and of
//! the admin API alike.

use std::fmt;
use std::time::Duration;

/// Long enough for a day's changing traffic, and nobody forgets one for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const SHORTEST: Duration = Duration::from_secs(1);
/// In which some thousand requests come by even where few do.
const CANARY: Duration = Duration::from_secs(5 * 60);

/// A rollout as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RolloutPlan {
    pub(crate) kind: Kind,
    pub(crate) lasts: Duration,
}

/// What the new revision does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It sees copies, and its verdicts are compared, never used.
    Shadow,
    /// It decides this share of the requests.
    Canary(Percent),
}

/// From 1 to 99 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent(u8);

impl Percent {
    /// Whether a number of 100 is within the share.
    pub(crate) fn takes(self, number: u8) -> bool {
        number < self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Percent, String> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let number = digits.parse::<u8>().ok().filter(|number| (1..=99).contains(number));
        number.map(Percent).ok_or_else(|| {
            format!("`{text}` is no share of a canary; write a whole number from 1% to 99%")
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl Kind {
    /// The word for it, everywhere.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Shadow => "shadow",
            Kind::Canary(_) => "canary",
        }
    }

    pub(crate) fn share(self) -> Option<Percent> {
        match self {
            Kind::Shadow => None,
            Kind::Canary(percent) => Some(percent),
        }
    }
}

impl RolloutPlan {
    /// From the parameters `shadow`, `canary` and `for`; none where there are none of them.
    ///
    /// # Errors
    /// They say nothing that can be done, and an example that does.
    pub(crate) fn read(
        shadow: Option<&str>,
        canary: Option<&str>,
        lasts: Option<&str>,
    ) -> Result<Option<RolloutPlan>, String> {
        match (shadow, canary, lasts) {
            (None, None, None) => Ok(None),
            (Some(lasts), None, None) => {
                Ok(Some(RolloutPlan { kind: Kind::Shadow, lasts: duration(lasts)? }))
            }
            (None, Some(share), lasts) => Ok(Some(RolloutPlan {
                kind: Kind::Canary(Percent::parse(share)?),
                lasts: lasts.map_or(Ok(CANARY), duration)?,
            })),
            (Some(_), Some(_), _) => Err("either a shadow or a canary, not both".to_owned()),
            (Some(_), None, Some(_)) => {
                Err("a shadow says itself how long it lasts: shadow=1m".to_owned())
            }
            (None, None, Some(_)) => Err("only a canary lasts: canary=5%, for=5m".to_owned()),
        }
    }
}

/// # Errors
/// It is none, or none of a rollout.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let read = hither_config::parse_duration(text);
    read.filter(|lasts| (SHORTEST..=LONGEST).contains(lasts)).ok_or_else(|| {
        format!("`{text}` is no time for a rollout; write 30s, 5m or 2h, from 1s to 24h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollout_is_read_from_its_words() {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let canary =
            |percent, lasts| Ok(Some(RolloutPlan { kind: Kind::Canary(Percent(percent)), lasts }));
        let read = RolloutPlan::read;
        assert_eq!(read(None, None, None), Ok(None));
        let shadow = RolloutPlan { kind: Kind::Shadow, lasts: minutes(1) };
        assert_eq!(read(Some("1m"), None, None), Ok(Some(shadow)));
        assert_eq!(read(None, Some("5%"), None), canary(5, minutes(5)));
        assert_eq!(read(None, Some("50"), Some("1m")), canary(50, minutes(1)));
        for (shadow, canary, lasts) in [
            (Some("1m"), Some("5%"), None),
            (Some("1m"), None, Some("1m")),
            (None, None, Some("1m")),
            (Some("1"), None, None),
            (Some("0s"), None, None),
            (Some("25h"), None, None),
            (None, Some("0%"), None),
            (None, Some("100%"), None),
            (None, Some("5.5%"), None),
            (None, Some("-5%"), None),
            (None, Some("5%"), Some("soon")),
        ] {
            assert!(read(shadow, canary, lasts).is_err(), "{shadow:?} {canary:?} {lasts:?}");
        }
    }
}
