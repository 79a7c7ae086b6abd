//! What routing plugins ask of the balancer, taken together.

use hither_plugin_host::{Pair, Target};
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The narrowing of all routing plugins of one request: what they said, as they said it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    targets: SmallVec<[Arc<Target>; 2]>,
    /// Labels that the instance of the next attempt must bear as well, by whoever had it made.
    retry: Vec<Pair>,
}

impl Wish {
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty() && self.retry.is_empty()
    }

    /// The next attempt goes where these labels are.
    pub(crate) fn retry_where(&mut self, labels: Vec<Pair>) {
        self.retry = labels;
    }

    /// Adds what one plugin asks.
    pub(super) fn narrow(&mut self, target: Arc<Target>) {
        self.targets.push(target);
    }

    /// Labels that the instance must bear: each plugin narrows further.
    pub(crate) fn require(&self) -> impl Iterator<Item = &Pair> {
        self.targets.iter().flat_map(|target| &target.require).chain(&self.retry)
    }

    /// Labels tried first, in this order.
    pub(crate) fn prefer(&self) -> impl Iterator<Item = &Pair> {
        self.targets.iter().flat_map(|target| &target.prefer)
    }

    /// Same key, same instance while it is open; empty: none. The last plugin that gave one counts.
    pub(crate) fn affinity(&self) -> &[u8] {
        self.targets.iter().rev().find_map(|target| target.affinity.as_deref()).unwrap_or_default()
    }

    /// For the whole attempt, queue included: the shortest counts.
    fn timeout(&self) -> Option<Duration> {
        self.targets.iter().filter_map(|target| target.timeout).min()
    }

    /// What is left of the plugins' timeout for a request that began at `started`.
    pub(crate) fn time_left(&self, started: Instant) -> Option<Duration> {
        self.timeout().map(|timeout| timeout.saturating_sub(started.elapsed()))
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
            affinity: Some(b"first".to_vec()),
            timeout: Some(Duration::from_secs(2)),
            ..Target::default()
        };
        let second = Target {
            require: vec![pair("region", "ams")],
            prefer: vec![pair("version", "canary")],
            timeout: Some(Duration::from_secs(1)),
            ..Target::default()
        };
        wish.narrow(Arc::new(first));
        wish.narrow(Arc::new(second));
        assert!(wish.require().eq(&[pair("tier", "gold"), pair("region", "ams")]));
        assert_eq!(wish.affinity(), b"first", "the second gave none");
        assert!(wish.time_left(Instant::now()).is_some_and(|left| left <= Duration::from_secs(1)));
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let elsewhere = Target { service: Some("b".to_owned()), ..Target::default() };
        assert!(not_served(&elsewhere, "a").is_some_and(|why| why.contains("`b`")));
        assert!(not_served(&elsewhere, "b").is_none());
    }
}
