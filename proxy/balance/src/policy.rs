//! What the operator wishes for one service: limits, scope, spread, queue.
//!
//! Must not know instances, threads or where the wishes were written.

use std::time::Duration;

/// Waiting places that a service has at least, when `max_waiting` is left to the default.
const LEAST_WAITING: u64 = 128;

/// The most waiting places that the default may grow to. A waiter costs some 200 bytes here and a
/// connection in the proxy, so a service of a million instances must not reserve millions of them.
const MOST_WAITING_BY_DEFAULT: u64 = 1 << 17;

/// How one service's traffic is balanced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Requests in flight from which an instance is busy: it gets more only if nothing eligible
    /// is open.
    pub soft_limit: u32,
    /// Requests in flight from which an instance is full and gets nothing. `None`: never full.
    pub hard_limit: Option<u32>,
    /// Whether busy instances nearby come before open ones of another region.
    pub scope: Scope,
    /// How finely closeness is told apart.
    pub spread: Spread,
    /// Requests that may wait when everything eligible is full. `None`: the sum of the hard
    /// limits, at least 128.
    pub max_waiting: Option<usize>,
    /// How long a queue may stay non-empty before newcomers are refused at once until it has been
    /// empty.
    pub shed_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            soft_limit: 20,
            hard_limit: None,
            scope: Scope::Global,
            spread: Spread::Class,
            max_waiting: None,
            shed_after: Duration::from_secs(30),
        }
    }
}

impl Policy {
    /// The limits in the form that the data path compares with.
    pub(crate) fn limits(&self) -> Limits {
        let hard = u64::from(self.hard_limit.unwrap_or(u32::MAX));
        Limits { soft: u64::from(self.soft_limit).min(hard), hard }
    }

    /// How many may wait, for a service of `instances`.
    pub(crate) fn places(&self, instances: usize) -> usize {
        self.max_waiting.unwrap_or_else(|| {
            let sum = self.limits().hard.saturating_mul(instances as u64);
            sum.clamp(LEAST_WAITING, MOST_WAITING_BY_DEFAULT) as usize
        })
    }
}

/// Where the soft limit is looked at before traffic goes further away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// Everything open, near or far, comes before anything busy (the seed's example).
    #[default]
    Global,
    /// A region is left only when all of it is full.
    Region,
}

/// How instances of nearly the same round trip are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// Evenly inside a round-trip class.
    #[default]
    Class,
    /// Pure round-trip order; only exactly equal round trips share.
    Strict,
}

/// How full an instance is. The order is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// Below the soft limit.
    Open,
    /// At or above the soft limit, below the hard limit.
    Busy,
    /// At or above the hard limit.
    Full,
}

impl Band {
    /// The word that metrics, status and plugins use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Busy => "busy",
            Self::Full => "full",
        }
    }
}

/// A policy's limits, with `soft <= hard` and both comparable with an instance's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) soft: u64,
    pub(crate) hard: u64,
}

impl Limits {
    pub(crate) fn band(self, in_flight: u32) -> Band {
        let in_flight = u64::from(in_flight);
        if in_flight < self.soft {
            Band::Open
        } else if in_flight < self.hard {
            Band::Busy
        } else {
            Band::Full
        }
    }
}
