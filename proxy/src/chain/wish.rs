//! What routing plugins ask of the balancer, taken together.

use hither_plugin_host::Target;
use std::time::{Duration, Instant};

/// The narrowing of all routing plugins of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    /// Labels that the instance must bear: each plugin narrows further.
    pub(crate) require: Vec<(String, String)>,
    /// Labels tried first, in this order.
    pub(crate) prefer: Vec<(String, String)>,
    /// Same key, same instance while it is open; empty: none.
    pub(crate) affinity: Vec<u8>,
    /// For the whole attempt, queue included.
    timeout: Option<Duration>,
}

impl Wish {
    pub(crate) fn is_empty(&self) -> bool {
        self.require.is_empty() && self.prefer.is_empty() && self.affinity.is_empty()
    }

    /// Adds what one plugin asks. The shortest of several timeouts and the last affinity count.
    pub(super) fn narrow(&mut self, target: Target) {
        self.affinity = target.affinity.unwrap_or(std::mem::take(&mut self.affinity));
        self.require.extend(target.require);
        self.prefer.extend(target.prefer);
        self.timeout = match (self.timeout, target.timeout) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// What is left of the plugins' timeout for a request that began at `started`.
    pub(crate) fn time_left(&self, started: Instant) -> Option<Duration> {
        self.timeout.map(|timeout| timeout.saturating_sub(started.elapsed()))
    }
}

/// What of a well-formed target this version cannot do: better a failed call than a silent no-op.
pub(super) fn not_served(target: &Target, service: &str) -> Option<String> {
    let other = target.service.as_ref().filter(|other| *other != service)?;
    Some(format!("routing to service `{other}` is not granted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_narrow_each_other_and_the_shortest_timeout_counts() {
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let mut wish = Wish::default();
        let first = Target {
            require: vec![pair("tier", "gold")],
            timeout: Some(Duration::from_secs(2)),
            ..Target::default()
        };
        let second = Target {
            require: vec![pair("region", "ams")],
            prefer: vec![pair("version", "canary")],
            timeout: Some(Duration::from_secs(1)),
            ..Target::default()
        };
        wish.narrow(first);
        wish.narrow(second);
        assert_eq!(wish.require, [pair("tier", "gold"), pair("region", "ams")]);
        assert!(wish.time_left(Instant::now()).is_some_and(|left| left <= Duration::from_secs(1)));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let elsewhere = Target { service: Some("b".to_owned()), ..Target::default() };
        assert!(not_served(&elsewhere, "a").is_some_and(|why| why.contains("`b`")));
        assert!(not_served(&elsewhere, "b").is_none());
    }
}
