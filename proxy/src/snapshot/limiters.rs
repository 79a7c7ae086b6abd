//! The limiters that plugins charge, with their counters in the metrics.

use super::Clock;
use super::limits::{Refused, key_seed, quota};
use crate::telemetry::{LimitCounters, Telemetry};
use hither_config::{Name, QuotaPlan};
use hither_limit::{Check, DuplicateName, Named, NamedSpec, Ruling, Rulings, UnknownName};
use std::collections::BTreeMap;

/// The limiters of one snapshot.
pub(crate) struct Limiters {
    named: Named,
    counters: Vec<LimitCounters>,
    clock: Clock,
}

/// Whether units are taken, or it is only said what would be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Take,
    Peek,
}

impl Limiters {
    /// The limiters of `plan`, going on with the counts of `before` where names are the same.
    ///
    /// # Errors
    /// Two have one name, which a checked plan cannot say.
    pub(crate) fn next(
        before: Option<&Limiters>,
        plan: &BTreeMap<Name, QuotaPlan>,
        clock: Clock,
        telemetry: &Telemetry,
    ) -> Result<Limiters, DuplicateName> {
        let spec = |(name, plan): (&Name, &QuotaPlan)| {
            let (rate, burst) = quota(plan);
            NamedSpec { name: name.to_string(), rate, burst, shadow: plan.shadow }
        };
        let specs = plan.iter().map(spec).collect();
        let named = match before {
            Some(before) => before.named.reconfigured(specs),
            None => Named::new(specs, key_seed()),
        };
        let counters = plan.keys().map(|name| telemetry.limiter(name)).collect();
        Ok(Limiters { named: named?, counters, clock })
    }

    /// Charges all of `checks` or none; the inner error says which limiter refuses.
    ///
    /// # Errors
    /// A limiter is unknown; nothing was charged.
    pub(crate) fn ask(
        &self,
        checks: &[Check<'_>],
        way: Way,
    ) -> Result<Result<(), Refused>, UnknownName> {
        let rulings = self.rulings(checks, way)?;
        Ok(rulings.refusal().map_or(Ok(()), |ruling| Err(refused(&ruling))))
    }

    /// What one limiter says; none where there is no such limiter.
    pub(crate) fn ask_one(&self, check: Check<'_>, way: Way) -> Option<Ruling<'_>> {
        self.rulings(&[check], way).ok()?.iter().next().copied()
    }

    fn rulings(&self, checks: &[Check<'_>], way: Way) -> Result<Rulings<'_>, UnknownName> {
        let now = self.clock.now().as_nanos() as u64;
        if way == Way::Peek {
            return self.named.peek(checks, now);
        }
        let rulings = self.named.take(checks, now)?;
        for Ruling { spec, decision } in rulings.iter() {
            if let Some(counters) = self.counters.iter().find(|c| *c.name == *spec.name) {
                counters.count(decision.allowed, spec.shadow);
            }
        }
        Ok(rulings)
    }
}

fn refused(ruling: &Ruling<'_>) -> Refused {
    Refused {
        name: ruling.spec.name.as_str().into(),
        retry_after: ruling.decision.retry_after(),
        policy: ruling.policy(),
        state: ruling.rate_limit(),
    }
}
