//! The limits of one service: a request passes all of them or is charged by none.
//!
//! Must not know routes, plugins or how an answer is written.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::gcra::{Charge, Gcra};
use crate::headers::policy;
use crate::key::{Key, KeySeed, Value};
use crate::quota::{Decision, Quota, Rate};
use crate::table::{KeyedCharge, KeyedGcra};

/// Keys of one limit that may be active at the same time before parents decide: 24 MiB.
pub const MAX_KEYS: usize = 1 << 20;

/// One limit as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSpec {
    /// Unique within the service. Goes into headers, so characters other than visible ASCII are
    /// left out there.
    pub name: String,
    /// What is counted apart; empty: nothing, so that the whole service on this edge is counted together.
    pub key: Vec<KeyPart>,
    /// In the long run.
    pub rate: Rate,
    /// At once.
    pub burst: NonZeroU32,
    /// Counts and tells, but lets everything pass.
    pub shadow: bool,
}

/// A part of what is counted apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyPart {
    /// Each client: a v4 address, or a v6 /64.
    ClientAddress,
    /// Each value of a field; its name is in lower case.
    Header(Box<str>),
    /// Each value of a cookie.
    Cookie(Box<str>),
    /// Each path.
    Path,
    /// Each method.
    Method,
    /// Each name asked for over TLS (SNI).
    TlsSni,
}

impl fmt::Display for KeyPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientAddress => f.write_str("client.address"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Cookie(name) => write!(f, "cookie:{name}"),
            Self::Path => f.write_str("path"),
            Self::Method => f.write_str("method"),
            Self::TlsSni => f.write_str("tls.sni"),
        }
    }
}

/// A request, as far as it is counted by. Values are asked for only where a limit counts by them.
pub trait Subject {
    /// The client's address, after trusted hops.
    fn client(&self) -> IpAddr;

    /// What else a key looks for; [`KeyPart::ClientAddress`] is never asked for. The value is lent to `with`.
    fn value(&self, part: &KeyPart, with: &mut dyn FnMut(Value<'_>));
}

/// Two limits of one service have the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two limits have the name {0:?}")]
pub struct DuplicateName(pub String);

/// The limits of one service. Immutable; a changed configuration makes another one that goes on
/// with the same counts.
#[derive(Debug)]
pub struct Limiter {
    /// As they were written.
    limits: Box<[Limit]>,
    /// The order of asking: see [`order`].
    order: Box<[u32]>,
    policy: String,
    seed: KeySeed,
}

#[derive(Debug)]
struct Limit {
    spec: LimitSpec,
    quota: Quota,
    count: Count,
}

#[derive(Debug, Clone)]
enum Count {
    Service(Arc<Gcra>),
    Keyed(Arc<KeyedGcra>),
}

/// A charge of one limit, to be taken back if another one says no.
enum Charged<'a> {
    Service(&'a Gcra, Charge),
    Keyed(&'a KeyedGcra, Key, KeyedCharge),
}

/// What the limits said to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether one of the verdicts refuses the request.
    refused: bool,
    verdicts: SmallVec<[(u32, Decision); 2]>,
}

/// One limit's part of an outcome.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// The limit.
    pub spec: &'a LimitSpec,
    /// What it said.
    pub decision: Decision,
}

impl Limiter {
    /// A limiter that has counted nothing yet.
    ///
    /// # Errors
    /// If two limits have the same name.
    pub fn new(specs: Vec<LimitSpec>, seed: KeySeed) -> Result<Self, DuplicateName> {
        Self::build(specs, seed, &HashMap::new())
    }

    /// A limiter for other limits that goes on with this one's counts wherever name and key stay
    /// the same; rate, burst and shadow may change. Both can be in use at the same time.
    ///
    /// # Errors
    /// If two limits have the same name.
    pub fn reconfigured(&self, specs: Vec<LimitSpec>) -> Result<Self, DuplicateName> {
        let counts = self
            .limits
            .iter()
            .map(|limit| ((limit.spec.name.as_str(), &*limit.spec.key), limit.count.clone()));
        Self::build(specs, self.seed, &counts.collect())
    }

    fn build(
        specs: Vec<LimitSpec>,
        seed: KeySeed,
        counts: &HashMap<(&str, &[KeyPart]), Count>,
    ) -> Result<Self, DuplicateName> {
        let mut limits: Vec<Limit> = Vec::with_capacity(specs.len());
        for spec in specs {
            if limits.iter().any(|limit| limit.spec.name == spec.name) {
                return Err(DuplicateName(spec.name));
            }
            let known = counts.get(&(spec.name.as_str(), &*spec.key)).cloned();
            let count = known.unwrap_or_else(|| Count::new(&spec.key));
            limits.push(Limit { quota: Quota::new(spec.rate, spec.burst), spec, count });
        }
        let enforced = limits.iter().map(|limit| &limit.spec).filter(|spec| !spec.shadow);
        let enforced = enforced.map(|spec| (spec.name.as_str(), spec.rate));
        Ok(Self { policy: policy(enforced), order: order(&limits), limits: limits.into(), seed })
    }

    /// Whether a request of `cost` units may pass at `now`, nanoseconds of any monotonic clock.
    /// If so, every limit is charged; if not, none is. Limits in shadow never refuse; they are
    /// charged with what passes.
    pub fn check(&self, subject: &impl Subject, cost: u32, now: u64) -> Outcome {
        let mut outcome = Outcome { refused: false, verdicts: SmallVec::new() };
        let mut charged: SmallVec<[Charged<'_>; 2]> = SmallVec::new();
        for number in &self.order {
            let Some(limit) = self.limits.get(*number as usize) else { continue };
            let (decision, charge) = limit.ask(|| self.key(limit, subject), now, cost);
            charged.extend(charge);
            outcome.verdicts.push((*number, decision));
            if !decision.allowed && !limit.spec.shadow {
                outcome.refused = true;
                break;
            }
        }
        if outcome.refused {
            charged.into_iter().for_each(Charged::undo);
        }
        outcome
    }

    /// What every limit says of such a request at `now`, without charging any: unlike
    /// [`Limiter::check`] it goes on after one that refuses.
    pub fn peek(&self, subject: &impl Subject, cost: u32, now: u64) -> Outcome {
        let mut outcome = Outcome { refused: false, verdicts: SmallVec::new() };
        for number in &self.order {
            let Some(limit) = self.limits.get(*number as usize) else { continue };
            let decision = match &limit.count {
                Count::Service(count) => count.peek(&limit.quota, now, cost),
                Count::Keyed(count) => {
                    count.peek(&limit.quota, &self.key(limit, subject), now, cost)
                }
            };
            outcome.verdicts.push((*number, decision));
            outcome.refused |= !decision.allowed && !limit.spec.shadow;
        }
        outcome
    }

    /// What the request is counted by under this limit.
    fn key(&self, limit: &Limit, subject: &impl Subject) -> Key {
        let parts = &limit.spec.key;
        if let [KeyPart::ClientAddress] = &**parts {
            return self.seed.client(subject.client());
        }
        let by_client = parts.contains(&KeyPart::ClientAddress);
        let mut list = self.seed.list(by_client.then(|| subject.client()));
        for part in parts.iter().filter(|part| **part != KeyPart::ClientAddress) {
            subject.value(part, &mut |value| list.push(value));
        }
        list.key()
    }

    /// The value of `RateLimit-Policy`: every enforced limit, the same for all answers. `None` if
    /// nothing is enforced.
    pub fn policy(&self) -> Option<&str> {
        (!self.policy.is_empty()).then_some(&self.policy)
    }

    /// Whether there is nothing to ask.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// The limit that refused the request, if one did.
    pub fn refusal(&self, outcome: &Outcome) -> Option<Verdict<'_>> {
        if outcome.allowed() {
            return None;
        }
        let mut verdicts = outcome.verdicts.iter().filter_map(|verdict| self.verdict(verdict));
        verdicts.find(|verdict| !verdict.decision.allowed && !verdict.spec.shadow)
    }

    /// Everything that was asked, in the order of asking. After a check the one that refused is the
    /// last.
    pub fn verdicts<'a>(&'a self, outcome: &'a Outcome) -> impl Iterator<Item = Verdict<'a>> {
        outcome.verdicts.iter().filter_map(|verdict| self.verdict(verdict))
    }

    fn verdict(&self, (number, decision): &(u32, Decision)) -> Option<Verdict<'_>> {
        let limit = self.limits.get(*number as usize)?;
        Some(Verdict { spec: &limit.spec, decision: *decision })
    }

    /// Bytes that the counts take now.
    pub fn bytes(&self) -> usize {
        let bytes = |limit: &Limit| match &limit.count {
            Count::Service(_) => size_of::<Gcra>(),
            Count::Keyed(count) => count.bytes(),
        };
        self.limits.iter().map(bytes).sum()
    }
}

impl Outcome {
    /// Whether the request may pass.
    pub fn allowed(&self) -> bool {
        !self.refused
    }
}

impl Count {
    fn new(key: &[KeyPart]) -> Self {
        match key {
            [] => Self::Service(Arc::default()),
            _ => Self::Keyed(Arc::new(KeyedGcra::new(MAX_KEYS))),
        }
    }
}

impl Limit {
    /// Asks this limit; the charge is there if it allows the request.
    fn ask(
        &self,
        key: impl FnOnce() -> Key,
        now: u64,
        cost: u32,
    ) -> (Decision, Option<Charged<'_>>) {
        let quota = &self.quota;
        let asked = match &self.count {
            Count::Service(count) => count
                .charge(quota, now, cost)
                .map(|c| (quota.passed(c.after, now), Charged::Service(count, c))),
            Count::Keyed(count) => {
                let key = key();
                count
                    .charge(quota, &key, now, cost)
                    .map(|c| (c.decision(quota, now), Charged::Keyed(count, key, c)))
            }
        };
        match asked {
            Ok((passed, charge)) => (passed, Some(charge)),
            Err(held) => (held, None),
        }
    }
}

impl Charged<'_> {
    fn undo(self) {
        match self {
            Self::Service(count, charge) => count.undo(charge),
            Self::Keyed(count, key, charge) => count.undo(&key, charge),
        }
    }
}

/// Enforced limits come before those in shadow, so that what another limit refuses is not counted
/// there; and keyed ones before the whole service's, so that a client over its own limit does not
/// even for a moment take units away from everyone.
fn order(limits: &[Limit]) -> Box<[u32]> {
    let mut order: Vec<u32> = (0..limits.len() as u32).collect();
    order.sort_by_key(|number| {
        limits.get(*number as usize).map(|limit| (limit.spec.shadow, limit.spec.key.is_empty()))
    });
    order.into()
}
