//! Cache-Status (RFC 9211): what the cache did with a request, in its own words.

use std::fmt::Write;
use std::time::Duration;

/// Why a request went to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The cache was not to be used.
    Bypass,
    /// Its method.
    Method,
    /// Nothing is kept of its URL.
    UriMiss,
    /// Something is, but not this variant.
    VaryMiss,
    /// What is kept is stale.
    Stale,
    /// It is fresh, but the request wants more.
    Request,
}

impl Forward {
    /// As a parameter of the field.
    pub fn parameter(self) -> &'static str {
        match self {
            Forward::Bypass => "fwd=bypass",
            Forward::Method => "fwd=method",
            Forward::UriMiss => "fwd=uri-miss",
            Forward::VaryMiss => "fwd=vary-miss",
            Forward::Stale => "fwd=stale",
            Forward::Request => "fwd=request",
        }
    }
}

/// What the cache did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Gave what it had, which is fresh for so long still, or stale for so long.
    Hit(Result<Duration, Duration>),
    /// Asked an instance.
    Forwarded {
        /// Why.
        why: Forward,
        /// How the instance answered, where what is given is not its answer.
        status: Option<u16>,
        /// Its answer is kept.
        stored: bool,
        /// It waited for another request's answer.
        collapsed: bool,
    },
}

impl Told {
    /// What it comes to, in one parameter of the field.
    pub fn parameter(&self) -> &'static str {
        match self {
            Told::Hit(_) => "hit",
            Told::Forwarded { why, .. } => why.parameter(),
        }
    }

    /// The field's value.
    pub fn text(&self) -> String {
        let mut text = String::from("hither");
        // Writing to a string does not fail.
        let _ = match self {
            Told::Hit(Ok(rest)) => write!(text, "; hit; ttl={}", rest.as_secs()),
            // Rounded so that what is stale is never told as fresh.
            Told::Hit(Err(since)) => write!(text, "; hit; ttl=-{}", since.as_secs().max(1)),
            Told::Forwarded { why, status, stored, collapsed } => {
                let _ = write!(text, "; {}", why.parameter());
                if let Some(status) = status {
                    let _ = write!(text, "; fwd-status={status}");
                }
                text.push_str(if *stored { "; stored" } else { "" });
                text.push_str(if *collapsed { "; collapsed" } else { "" });
                Ok(())
            }
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9211_2_what_is_told() {
        let seconds = Duration::from_secs;
        assert_eq!(Told::Hit(Ok(seconds(9))).text(), "hither; hit; ttl=9");
        assert_eq!(Told::Hit(Err(seconds(3))).text(), "hither; hit; ttl=-3");
        assert_eq!(Told::Hit(Err(Duration::ZERO)).text(), "hither; hit; ttl=-1");
        let stored =
            Told::Forwarded { why: Forward::UriMiss, status: None, stored: true, collapsed: true };
        assert_eq!(stored.text(), "hither; fwd=uri-miss; stored; collapsed");
        let checked = Told::Forwarded {
            why: Forward::Stale,
            status: Some(304),
            stored: false,
            collapsed: false,
        };
        assert_eq!(checked.text(), "hither; fwd=stale; fwd-status=304");
    }
}
