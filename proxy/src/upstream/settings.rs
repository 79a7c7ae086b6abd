//! A service's plan in the words of the balancer and of those who watch its instances.

use super::connects::Connects;
use super::peer::{Endpoint, Patience};
use hither_balance::{Ejection, InstanceSpec, Policy, Scope, Spread};
use hither_config::{
    CheckPlan, DnsPlan, InstancePlan, Name, ServicePlan, SoftLimitScope, Spread as SpreadPlan,
};
use std::sync::Arc;

/// What holds for all instances of a service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) policy: Policy,
    pub(super) patience: Patience,
    pub(super) checks: Vec<CheckPlan>,
    pub(super) dns: Option<DnsPlan>,
    /// Where an instance stands that does not say.
    pub(super) region: Name,
}

impl Settings {
    pub(super) fn of(plan: &ServicePlan, region: &Name) -> Settings {
        Settings {
            policy: policy(plan),
            patience: Patience {
                connect: plan.timeouts.connect,
                first_byte: plan.timeouts.first_byte,
                idle: plan.timeouts.idle,
            },
            checks: plan.checks.clone(),
            dns: plan.dns.clone(),
            region: region.clone(),
        }
    }

    /// Whether the balancer would do the same by the other.
    pub(super) fn balances_like(&self, other: &Settings) -> bool {
        self.policy == other.policy && self.patience == other.patience
    }

    /// An instance as the balancer carries it.
    pub(super) fn spec(
        &self,
        plan: &InstancePlan,
        connects: Arc<Connects>,
    ) -> InstanceSpec<Endpoint> {
        InstanceSpec {
            id: plan.id.to_string(),
            address: plan.address.to_string(),
            region: plan.region.to_string(),
            labels: plan.labels.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
            rtt: plan.rtt,
            payload: Endpoint::new(plan.address, plan.http2, self.patience, connects),
        }
    }
}

/// No ejection lasts longer than so many first ones, or five minutes.
const LONGEST_EJECTION: u32 = 10;

fn policy(plan: &ServicePlan) -> Policy {
    let usual = Ejection::default();
    Policy {
        soft_limit: plan.concurrency.soft_limit.get(),
        hard_limit: plan.concurrency.hard_limit.map(|limit| limit.get()),
        scope: match plan.concurrency.soft_limit_scope {
            SoftLimitScope::Global => Scope::Global,
            SoftLimitScope::Region => Scope::Region,
        },
        spread: match plan.concurrency.spread {
            SpreadPlan::Class => Spread::Class,
            SpreadPlan::Strict => Spread::Strict,
        },
        max_waiting: Some(plan.queue.max_waiting as usize),
        shed_after: plan.queue.shed_after,
        slow_start: plan.concurrency.slow_start,
        ejection: Ejection {
            failures: plan.ejection.failures.map_or(0, |failures| failures.get()),
            base: plan.ejection.time,
            most: (plan.ejection.time * LONGEST_EJECTION).max(usual.most),
            share: plan.ejection.max_share.as_percent(),
            ..usual
        },
    }
}
