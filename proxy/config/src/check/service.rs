//! One service put together: limits that fit each other, and a queue to match.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::Check;
use super::attachment::Plugins;
use super::world::ejection;
use crate::findings::{Finding, Findings};
use crate::plan::{ConcurrencyPlan, QueuePlan, RetryPlan, ServicePlan, TimeoutsPlan};
use crate::raw::{RawConcurrency, RawPlugin, RawQueue, RawService};
use crate::read::At;
use crate::value::{HostPattern, Name, Size};

/// The queue's default where hard limits are low or none (`balancer.md`, Queue).
const LEAST_WAITING: u32 = 128;
/// The most a queue holds, whatever the hard limits add up to.
const MOST_WAITING: u32 = 1_000_000;

impl Check<'_> {
    pub(super) fn services(
        &mut self,
        services: Vec<(At<Name>, RawService)>,
        plugins: &[(At<Name>, RawPlugin)],
        edge_region: &Name,
        memory: Size,
    ) -> BTreeMap<Name, ServicePlan> {
        let plugins: Plugins<'_> = plugins
            .iter()
            .map(|(name, plugin)| (name.value.as_str(), plugin.config.as_ref()))
            .collect();
        let plans = services.into_iter().filter_map(|(name, raw)| {
            let plan = self.service(&name.value, raw, &plugins, edge_region, memory)?;
            Some((name.value, plan))
        });
        plans.collect()
    }

    fn service(
        &mut self,
        name: &Name,
        raw: RawService,
        plugins: &Plugins<'_>,
        edge_region: &Name,
        memory: Size,
    ) -> Option<ServicePlan> {
        let attachments = self.attachments(name, &raw, plugins);
        let found = raw.dns.is_some()
            || raw.answerer.component.is_some()
            || ["dns", "component"].iter().any(|key| self.findings.has(&raw.spot.place, key));
        let component = self.component((name, &raw.spot), raw.answerer, &raw.timeouts);
        let dns = self.dns(raw.dns, edge_region);
        let instances = self.instances((name, &raw.spot), raw.instances, found, edge_region);
        let checks = self.checks(&raw.spot, raw.checks);
        let limits = self.limits(raw.limits);
        let cache = self.caching(raw.cache, memory);
        let concurrency = concurrency(&raw.concurrency, self.findings)?;
        let mut hosts: Vec<_> = raw.hosts.value.into_iter().map(|at| at.value).collect();
        if hosts.is_empty() {
            hosts.push(HostPattern::Any);
        }
        Some(ServicePlan {
            hosts,
            path_prefix: raw.path_prefix.value,
            plugins: attachments,
            force_https: raw.force_https.value,
            max_body: raw.max_body.map(|at| at.value),
            component,
            queue: queue(&raw.queue, &concurrency, instances.len()),
            concurrency,
            retry: RetryPlan {
                attempts: NonZeroU32::new(raw.retry.attempts.value)?,
                budget: raw.retry.budget.value,
            },
            timeouts: TimeoutsPlan {
                connect: raw.timeouts.connect.value,
                first_byte: raw.timeouts.first_byte.value,
                idle: raw.timeouts.idle.value,
            },
            ejection: ejection(&raw.ejection),
            checks,
            dns,
            limits,
            cache,
            instances,
        })
    }
}

/// Limits that fit each other.
pub(crate) fn concurrency(
    raw: &RawConcurrency,
    findings: &mut Findings,
) -> Option<ConcurrencyPlan> {
    let soft = raw.soft_limit.value;
    if let Some(hard) = &raw.hard_limit
        && hard.value < soft
        && !findings.has(&raw.spot.place, "soft_limit")
    {
        findings.push(hard_below_soft(hard, raw));
    }
    Some(ConcurrencyPlan {
        counts: raw.counts.value,
        soft_limit: NonZeroU32::new(soft)?,
        hard_limit: raw.hard_limit.as_ref().and_then(|at| NonZeroU32::new(at.value)),
        soft_limit_scope: raw.soft_limit_scope.value,
        spread: raw.spread.value,
        slow_start: Some(raw.slow_start.value).filter(|time| !time.is_zero()),
    })
}

fn hard_below_soft(hard: &At<u32>, raw: &RawConcurrency) -> Finding {
    let At { value: soft, spot } = &raw.soft_limit;
    let is_default = spot.span == raw.spot.span;
    let message = match is_default {
        true => {
            format!("hard_limit {} is below soft_limit, which is {soft} by default", hard.value)
        }
        false => format!("hard_limit {} is below soft_limit {soft}", hard.value),
    };
    let finding = Finding::at(&hard.spot, message)
        .help("an instance is busy from soft_limit on and full at hard_limit, not the reverse");
    if is_default {
        let lower = (hard.value / 5 * 4).max(1);
        finding.example(format!("soft_limit = {lower}\nhard_limit = {}", hard.value))
    } else {
        let higher = soft.saturating_add(soft.div_ceil(4));
        finding
            .related(spot, "the soft limit")
            .example(format!("soft_limit = {soft}\nhard_limit = {higher}"))
    }
}

/// A queue that fits the limits of so many instances.
pub(crate) fn queue(raw: &RawQueue, concurrency: &ConcurrencyPlan, instances: usize) -> QueuePlan {
    let all = || {
        let hard = concurrency.hard_limit.map_or(0, NonZeroU32::get);
        let instances = u32::try_from(instances).unwrap_or(u32::MAX);
        hard.saturating_mul(instances).clamp(LEAST_WAITING, MOST_WAITING)
    };
    QueuePlan {
        max_waiting: raw.max_waiting.as_ref().map_or_else(all, |at| at.value),
        timeout: raw.timeout.value,
        shed_after: raw.shed_after.value,
    }
}
