//! Limits that somebody else chooses by name and gives the keys for: a set of checks passes all of them or
//! is charged by none.
//!
//! Must not know who asks, or how an answer is written.

use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::headers::{policy, write_item};
use crate::key::{Key, KeySeed};
use crate::limiter::{DuplicateName, MAX_KEYS};
use crate::quota::{Decision, Quota, Rate};
use crate::table::{KeyedCharge, KeyedGcra};

/// One limit as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSpec {
    /// Unique among them. Goes into headers, as [`LimitSpec::name`](crate::LimitSpec::name) does.
    pub name: String,
    /// In the long run, for each key.
    pub rate: Rate,
    /// At once, for each key.
    pub burst: NonZeroU32,
    /// Counts and tells, but lets everything pass.
    pub shadow: bool,
}

/// What is to be charged.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// The name of the limit.
    pub limit: &'a str,
    /// What is counted apart.
    pub key: &'a [u8],
    /// Units.
    pub cost: u32,
}

/// A check named a limit that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no limit has the name {0:?}")]
pub struct UnknownName(pub String);

/// Limits by name. Immutable; a changed configuration makes another one that goes on with the same
/// counts.
#[derive(Debug)]
pub struct Named {
    limits: Box<[Limit]>,
    seed: KeySeed,
}

#[derive(Debug)]
struct Limit {
    spec: NamedSpec,
    quota: Quota,
    count: Arc<KeyedGcra>,
}

/// Checks whose limits were found.
type Resolved<'a> = SmallVec<[(&'a Limit, Key, u32); 2]>;

/// What the limits said to one set of checks, in the order of asking.
#[derive(Debug, Clone)]
pub struct Rulings<'a>(SmallVec<[Ruling<'a>; 2]>);

/// What one limit said.
#[derive(Debug, Clone, Copy)]
pub struct Ruling<'a> {
    /// The limit.
    pub spec: &'a NamedSpec,
    /// What it said.
    pub decision: Decision,
}

impl Named {
    /// Limits that have counted nothing yet.
    ///
    /// # Errors
    /// If two have the same name.
    pub fn new(specs: Vec<NamedSpec>, seed: KeySeed) -> Result<Self, DuplicateName> {
        Self::build(specs, seed, &[])
    }

    /// Other limits that go on with the counts of these wherever a name stays the same. Both can be in use
    /// at the same time.
    ///
    /// # Errors
    /// If two have the same name.
    pub fn reconfigured(&self, specs: Vec<NamedSpec>) -> Result<Self, DuplicateName> {
        Self::build(specs, self.seed, &self.limits)
    }

    fn build(
        specs: Vec<NamedSpec>,
        seed: KeySeed,
        before: &[Limit],
    ) -> Result<Self, DuplicateName> {
        let mut limits: Vec<Limit> = Vec::with_capacity(specs.len());
        for spec in specs {
            if limits.iter().any(|limit| limit.spec.name == spec.name) {
                return Err(DuplicateName(spec.name));
            }
            let known = before.iter().find(|limit| limit.spec.name == spec.name);
            let count = known.map(|limit| Arc::clone(&limit.count));
            let count = count.unwrap_or_else(|| Arc::new(KeyedGcra::new(MAX_KEYS)));
            limits.push(Limit { quota: Quota::new(spec.rate, spec.burst), spec, count });
        }
        Ok(Self { limits: limits.into(), seed })
    }

    /// Charges all checks at `now` (nanoseconds of any monotonic clock), or none. Limits in shadow never
    /// refuse; they are charged with what passes.
    ///
    /// # Errors
    /// A limit is unknown; nothing is charged.
    pub fn take(&self, checks: &[Check<'_>], now: u64) -> Result<Rulings<'_>, UnknownName> {
        let mut rulings = Rulings(SmallVec::new());
        let mut charged: SmallVec<[(&Limit, Key, KeyedCharge); 2]> = SmallVec::new();
        for (limit, key, cost) in self.resolve(checks)? {
            let decision = match limit.count.charge(&limit.quota, &key, now, cost) {
                Ok(charge) => {
                    charged.push((limit, key, charge));
                    charge.decision(&limit.quota, now)
                }
                Err(held) => held,
            };
            rulings.0.push(Ruling { spec: &limit.spec, decision });
            if !decision.allowed && !limit.spec.shadow {
                // Backwards: two checks may have charged the same key.
                let undo = |(limit, key, charge): (&Limit, Key, _)| limit.count.undo(&key, charge);
                charged.into_iter().rev().for_each(undo);
                break;
            }
        }
        Ok(rulings)
    }

    /// What each limit says of its check at `now`, without charging any.
    ///
    /// # Errors
    /// A limit is unknown.
    pub fn peek(&self, checks: &[Check<'_>], now: u64) -> Result<Rulings<'_>, UnknownName> {
        let asked = self.resolve(checks)?.into_iter().map(|(limit, key, cost)| Ruling {
            spec: &limit.spec,
            decision: limit.count.peek(&limit.quota, &key, now, cost),
        });
        Ok(Rulings(asked.collect()))
    }

    /// Enforced limits come before those in shadow, so that what is refused is not counted there.
    fn resolve<'a>(&'a self, checks: &[Check<'_>]) -> Result<Resolved<'a>, UnknownName> {
        let mut resolved = checks
            .iter()
            .map(|check| {
                let limit = self.limits.iter().find(|limit| limit.spec.name == check.limit);
                let limit = limit.ok_or_else(|| UnknownName(check.limit.to_owned()))?;
                Ok((limit, self.seed.bytes(check.key), check.cost))
            })
            .collect::<Result<Resolved<'_>, _>>()?;
        resolved.sort_by_key(|(limit, ..)| limit.spec.shadow);
        Ok(resolved)
    }
}

impl<'a> Rulings<'a> {
    /// The limit that refused, if one did.
    pub fn refusal(&self) -> Option<Ruling<'a>> {
        let refuses = |ruling: &&Ruling<'_>| !ruling.decision.allowed && !ruling.spec.shadow;
        self.0.iter().find(refuses).copied()
    }

    /// Everything that was asked. After a take the one that refused is the last.
    pub fn iter(&self) -> impl Iterator<Item = &Ruling<'a>> {
        self.0.iter()
    }
}

impl Ruling<'_> {
    /// The value of `RateLimit-Policy` of this limit alone.
    pub fn policy(&self) -> String {
        policy(std::iter::once((self.spec.name.as_str(), self.spec.rate)))
    }

    /// The value of `RateLimit` of this limit alone.
    pub fn rate_limit(&self) -> String {
        let mut value = String::new();
        // Writing to a string cannot fail.
        let _ = write_item(&self.spec.name, &self.decision, &mut value);
        value
    }
}
