//! A service's rate limits with their counters in the metrics.

use crate::telemetry::{LimitCounters, ServiceMetrics};
use hither_config::{LimitKey, LimitPlan, QuotaPlan};
use hither_limit::{
    DuplicateName, KeyPart, KeySeed, LimitSpec, Limiter, Outcome, Rate, Subject, Verdict,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

/// The limits of one service.
pub(crate) struct Limits {
    limiter: Limiter,
    counters: Vec<LimitCounters>,
}

/// A limit said no.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) name: Arc<str>,
    pub(crate) retry_after: Duration,
    /// The value of `RateLimit-Policy`.
    pub(crate) policy: String,
    /// The value of `RateLimit`.
    pub(crate) state: String,
}

/// How a limit stands for one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) name: String,
    /// What is counted apart, as in the configuration; nothing: the whole service is counted together.
    pub(crate) key: Vec<String>,
    /// It counts and refuses nothing.
    pub(crate) shadow: bool,
    /// A request would pass it now.
    pub(crate) passes: bool,
    /// So many would.
    pub(crate) remaining: u64,
    /// So many at most.
    pub(crate) burst: u64,
    /// The time in which one comes back.
    pub(crate) interval_seconds: f64,
    /// When the next would pass; zero: now.
    pub(crate) retry_after_seconds: f64,
}

impl Limits {
    /// The limits of `plan`, going on with the counts of `before` where name and key are the same.
    ///
    /// # Errors
    /// Two limits have one name, which a checked plan cannot say.
    pub(crate) fn next(
        before: Option<&Limits>,
        plan: &[LimitPlan],
        metrics: &ServiceMetrics,
    ) -> Result<Limits, DuplicateName> {
        let specs: Vec<LimitSpec> = plan.iter().map(spec).collect();
        let limiter = match before {
            Some(before) => before.limiter.reconfigured(specs),
            None => Limiter::new(specs, key_seed()),
        };
        let counters = plan.iter().map(|limit| metrics.limit(&limit.name)).collect();
        Ok(Limits { limiter: limiter?, counters })
    }

    /// Charges one request, or says which limit refuses it.
    pub(crate) fn check(
        &self,
        subject: &impl Subject,
        now: impl FnOnce() -> Duration,
    ) -> Result<(), Refused> {
        if self.limiter.is_empty() {
            return Ok(());
        }
        let outcome = self.limiter.check(subject, 1, now().as_nanos() as u64);
        for verdict in self.limiter.verdicts(&outcome) {
            self.count(&verdict);
        }
        self.refused(&outcome).map_or(Ok(()), Err)
    }

    /// What [`Limits::check`] would say, without charging or counting.
    pub(crate) fn peek(
        &self,
        subject: &impl Subject,
        now: impl FnOnce() -> Duration,
    ) -> Result<(), Refused> {
        let outcome = self.limiter.peek(subject, 1, now().as_nanos() as u64);
        self.refused(&outcome).map_or(Ok(()), Err)
    }

    /// How each limit stands for this request, in the order of asking.
    pub(crate) fn standings(
        &self,
        subject: &impl Subject,
        now: impl FnOnce() -> Duration,
    ) -> Vec<Standing> {
        let outcome = self.limiter.peek(subject, 1, now().as_nanos() as u64);
        let standing = |verdict: Verdict<'_>| Standing {
            name: verdict.spec.name.clone(),
            key: verdict.spec.key.iter().map(KeyPart::to_string).collect(),
            shadow: verdict.spec.shadow,
            passes: verdict.decision.allowed,
            remaining: verdict.decision.remaining(),
            burst: verdict.decision.limit(),
            interval_seconds: verdict.decision.quota().interval().as_secs_f64(),
            retry_after_seconds: verdict.decision.retry_after().as_secs_f64(),
        };
        self.limiter.verdicts(&outcome).map(standing).collect()
    }

    fn refused(&self, outcome: &Outcome) -> Option<Refused> {
        let refusal = self.limiter.refusal(outcome)?;
        let mut state = String::new();
        // Writing to a string does not fail.
        let _ = self.limiter.write_rate_limit(outcome, &mut state);
        Some(Refused {
            name: refusal.spec.name.as_str().into(),
            retry_after: refusal.decision.retry_after(),
            policy: self.limiter.policy().unwrap_or_default().to_owned(),
            state,
        })
    }

    fn count(&self, verdict: &Verdict<'_>) {
        let Some(counters) = self.counters.iter().find(|c| *c.name == *verdict.spec.name) else {
            return;
        };
        counters.count(verdict.decision.allowed, verdict.spec.shadow);
    }
}

/// A secret for keys, other in each process.
pub(crate) fn key_seed() -> KeySeed {
    KeySeed::new(random())
}

/// From the system: who could guess the seed could choose addresses that share a bucket.
fn random() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&RandomState::new().hash_one(0u8).to_le_bytes());
    bytes[8..].copy_from_slice(&RandomState::new().hash_one(1u8).to_le_bytes());
    bytes
}

fn spec(plan: &LimitPlan) -> LimitSpec {
    let (rate, burst) = quota(&plan.quota);
    LimitSpec {
        name: plan.name.to_string(),
        key: plan.key.iter().map(part).collect(),
        rate,
        burst,
        shadow: plan.quota.shadow,
    }
}

fn part(key: &LimitKey) -> KeyPart {
    match key {
        LimitKey::ClientAddress => KeyPart::ClientAddress,
        LimitKey::Header(name) => KeyPart::Header(name.as_str().into()),
        LimitKey::Cookie(name) => KeyPart::Cookie(name.as_str().into()),
        LimitKey::Path => KeyPart::Path,
        LimitKey::Method => KeyPart::Method,
        LimitKey::TlsSni => KeyPart::TlsSni,
    }
}

/// A rate and a burst in the limiter's words.
pub(super) fn quota(plan: &QuotaPlan) -> (Rate, NonZeroU32) {
    (Rate { units: plan.rate.amount, per: plan.rate.per }, plan.burst)
}
