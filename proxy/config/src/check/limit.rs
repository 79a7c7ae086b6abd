//! The rate limits of services, and those that plugins charge.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use super::Check;
use super::unique::Firsts;
use crate::findings::Finding;
use crate::plan::{LimitPlan, QuotaPlan};
use crate::raw::{RawLimit, RawQuota};
use crate::read::At;
use crate::value::{LimitKey, Name};

/// A burst that takes longer than this to come back is no rate limit.
const LONGEST_REFILL: Duration = Duration::from_secs(365 * 86_400);

impl Check<'_> {
    pub(super) fn limits(&mut self, raw: Vec<RawLimit>) -> Vec<LimitPlan> {
        let mut names = Firsts::new();
        let mut list = Vec::with_capacity(raw.len());
        for limit in raw {
            if let Some(name) = &limit.name
                && let Some(first) = names.before(name.value.clone(), &name.spot)
            {
                let finding = Finding::at(&name.spot, format!("two limits named {}", name.value))
                    .related(first, "the first one")
                    .help("a limit's counters are kept and shown under its name")
                    .example(format!("name = \"{}-2\"", name.value));
                self.findings.push(finding);
            }
            list.extend(self.limit(limit));
        }
        list
    }

    fn limit(&mut self, raw: RawLimit) -> Option<LimitPlan> {
        let mut key: Vec<LimitKey> = Vec::new();
        for at in raw.key.value {
            if key.contains(&at.value) {
                let word = &at.value;
                let finding = Finding::at(&at.spot, format!("\"{word}\" is listed twice"))
                    .help("each key divides the limit once")
                    .example(format!("key = [\"{word}\"]"));
                self.findings.push(finding);
            } else {
                key.push(at.value);
            }
        }
        let quota = self.quota(raw.quota);
        Some(LimitPlan { name: raw.name?.value, key, quota: quota? })
    }

    pub(super) fn limiters(&mut self, raw: Vec<(At<Name>, RawQuota)>) -> BTreeMap<Name, QuotaPlan> {
        let plans = raw.into_iter().filter_map(|(name, quota)| {
            let quota = self.quota(quota)?;
            Some((name.value, quota))
        });
        plans.collect()
    }

    fn quota(&mut self, raw: RawQuota) -> Option<QuotaPlan> {
        let rate = raw.rate?.value;
        let burst = match &raw.burst {
            Some(at) => NonZeroU32::new(at.value)?,
            None => rate.per_second(),
        };
        let refill = rate.interval().saturating_mul(burst.get());
        if refill > LONGEST_REFILL
            && let Some(at) = &raw.burst
        {
            let days = refill.as_secs() / 86_400;
            let finding = Finding::at(&at.spot, "this burst is never paid back")
                .label(format!("{days} days at that rate"))
                .help("at its rate, a whole burst must come back within a year")
                .example(format!("burst = {}", rate.per_second()));
            self.findings.push(finding);
        }
        Some(QuotaPlan { rate, burst, shadow: raw.shadow.value })
    }
}
