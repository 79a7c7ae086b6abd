//! What a client is told: `RateLimit-Policy`, `RateLimit` and `Retry-After`.
//!
//! Source: draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4, and RFC 9110 section 10.2.3;
//! the syntax is that of structured fields (RFC 9651). Must not know how limits are counted.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::limiter::{Limiter, Outcome};
use crate::quota::{Decision, Rate};

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

impl Limiter {
    /// Writes the value of `RateLimit`: what is left under each enforced limit, or, if one of
    /// them refused the request, under that one alone. Writes nothing if none was asked.
    ///
    /// # Errors
    /// Only those of `out`.
    pub fn write_rate_limit(&self, outcome: &Outcome, out: &mut impl Write) -> fmt::Result {
        if let Some(refusal) = self.refusal(outcome) {
            return write_item(&refusal.spec.name, &refusal.decision, out);
        }
        let mut first = true;
        for verdict in self.verdicts(outcome).filter(|verdict| !verdict.spec.shadow) {
            if !std::mem::take(&mut first) {
                out.write_str(", ")?;
            }
            write_item(&verdict.spec.name, &verdict.decision, out)?;
        }
        Ok(())
    }
}

impl Decision {
    /// The value of `Retry-After`: whole seconds, at least one.
    pub fn retry_after_seconds(&self) -> u64 {
        ceil_seconds(self.retry_after()).max(1)
    }

    /// The effective window of `RateLimit`: seconds in which a client that uses no more than what
    /// remains keeps to the rate. For a refused request it is the time of `Retry-After`, before
    /// whose end it must not be (draft, section 6).
    fn window_seconds(&self) -> u64 {
        if !self.allowed {
            return self.retry_after_seconds();
        }
        let units = u32::try_from(self.remaining()).unwrap_or(u32::MAX);
        ceil_seconds(self.quota().interval().saturating_mul(units)).max(1)
    }
}

/// The value of `RateLimit-Policy` for these limits: the rate as it was written, in units per
/// whole seconds.
pub(crate) fn policy<'a>(limits: impl Iterator<Item = (&'a str, Rate)>) -> String {
    let mut value = String::new();
    for (name, rate) in limits {
        if !value.is_empty() {
            value.push_str(", ");
        }
        let window = ceil_seconds(rate.per).clamp(1, LARGEST);
        let per = rate.per.as_nanos().max(1);
        let quota = u128::from(rate.units.get()) * u128::from(window) * 1_000_000_000 / per;
        let quota = quota.min(u128::from(LARGEST));
        // Writing to a string cannot fail.
        let _ = write_name(name, &mut value);
        let _ = write!(value, ";q={quota};w={window}");
    }
    value
}

pub(crate) fn write_item(name: &str, decision: &Decision, out: &mut impl Write) -> fmt::Result {
    // A refused request may cost more than what remains; for it there is nothing left.
    let remaining = if decision.allowed { decision.remaining().min(LARGEST) } else { 0 };
    write_name(name, out)?;
    write!(out, ";r={remaining};t={}", decision.window_seconds().min(LARGEST))
}

/// A structured field's string: visible ASCII and spaces, with quotes and backslashes escaped.
fn write_name(name: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for char in name.chars().filter(|char| matches!(char, ' '..='~')) {
        if matches!(char, '"' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(char)?;
    }
    out.write_char('"')
}

fn ceil_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}
