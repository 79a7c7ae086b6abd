//! The counters of one rate limit. They do not know whose it is.

use prometheus::IntCounter;

/// What one limit decided, how often.
pub(crate) struct LimitCounters {
    pub(crate) name: Box<str>,
    allowed: IntCounter,
    refused: IntCounter,
    /// Would have refused, were it not in shadow.
    shadowed: IntCounter,
}

impl LimitCounters {
    /// `counter` gives the one of a decision.
    pub(super) fn new(name: &str, counter: impl Fn(&str) -> IntCounter) -> LimitCounters {
        LimitCounters {
            name: name.into(),
            allowed: counter("allowed"),
            refused: counter("refused"),
            shadowed: counter("shadowed"),
        }
    }

    /// It decided so.
    pub(crate) fn count(&self, allowed: bool, shadow: bool) {
        match (allowed, shadow) {
            (true, _) => self.allowed.inc(),
            (false, false) => self.refused.inc(),
            (false, true) => self.shadowed.inc(),
        }
    }
}
