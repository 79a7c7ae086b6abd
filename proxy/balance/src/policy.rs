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
    /// How long the soft limit of a new or recovered instance takes to rise from 1 to
    /// `soft_limit`. `None`: it is there at once.
    pub slow_start: Option<Duration>,
    /// When failures of its requests put an instance out of traffic.
    pub ejection: Ejection,
}

/// When an instance whose requests fail gets nothing new for a while, although its checks pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ejection {
    /// Failures in a row that eject an instance. 0: none do, and failures count for nothing.
    pub failures: u32,
    /// How long the first ejection lasts; the n-th lasts n times as long.
    pub base: Duration,
    /// The longest that an ejection lasts.
    pub most: Duration,
    /// The percentage of a service's instances that may be ejected at a time. One may be in any
    /// case, if there are others; the last eligible one never is.
    pub share: u8,
    /// How long a failure counts as load, see [`Policy::failure_load`].
    pub memory: Duration,
    /// For each such span of time without an ejection, one ejection is forgotten.
    pub forget: Duration,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            failures: 5,
            base: Duration::from_secs(30),
            most: Duration::from_secs(300),
            share: 10,
            memory: Duration::from_secs(10),
            forget: Duration::from_secs(60),
        }
    }
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
            slow_start: None,
            ejection: Ejection::default(),
        }
    }
}

impl Policy {
    /// What a failure counts for in the ranking, in requests in flight: a quarter of the soft
    /// limit. Each success takes one off again.
    ///
    /// So who fails one request in a hundred is not moved by it, and who fails more than one in
    /// a few is soon the last to be chosen, however idle its quick failures leave it.
    pub fn failure_load(&self) -> u32 {
        (self.soft_limit / 4).max(1)
    }

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

/// What makes an instance count as more loaded than its requests say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Handicap {
    /// Added for recent failures.
    pub(crate) failures: u32,
    /// The soft limit that a slow start has reached; 0 for the policy's.
    pub(crate) soft: u32,
}

impl Handicap {
    pub(crate) const NONE: Self = Self { failures: 0, soft: 0 };
}

/// The load of an instance that gets nothing: full, ejected, unhealthy, draining, gone.
pub(crate) const NO_ROOM: u64 = u64::MAX;

impl Limits {
    /// What instances are ranked by: requests in flight, scaled up to the policy's soft limit
    /// where a slow start has set a smaller one, and what recent failures add. It never makes an
    /// instance full that is not.
    pub(crate) fn load(self, word: u64, handicap: Handicap) -> u64 {
        if word >= self.hard {
            return NO_ROOM;
        }
        if handicap == Handicap::NONE {
            return word;
        }
        let scaled = match u64::from(handicap.soft) {
            0 => word,
            soft => word * self.soft / soft,
        };
        (scaled + u64::from(handicap.failures)).min(self.hard - 1)
    }

    /// The soft limit of one instance.
    pub(crate) fn soft_of(self, handicap: Handicap) -> u64 {
        match u64::from(handicap.soft) {
            0 => self.soft,
            soft => soft.min(self.soft),
        }
    }

    /// The band of a load.
    pub(crate) fn band(self, load: u64) -> Band {
        if load < self.soft {
            Band::Open
        } else if load < self.hard {
            Band::Busy
        } else {
            Band::Full
        }
    }
}
