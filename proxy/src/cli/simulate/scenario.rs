//! From a scenario as it was written to one that can be played: the two crates do not know each
//! other.

use hither_balance::{Allowance, Ejection, Policy, Scope, Spread};
use hither_config::scenario::{
    ArrivalStep, ScenarioEdge, ScenarioInstance, ScenarioOutage, ScenarioPlan,
    ServiceTime as Written, ServiceTimeShape,
};
use hither_config::{OutageKind as Kind, Process as Falls, SoftLimitScope, Spread as Spreads};
use hither_simulate::{
    Arrivals, Check, Edge, Instance, Outage, OutageKind, Part, Process, Retry, Scenario,
    ServiceTime, Shape, Step, Timeouts,
};
use std::num::NonZeroU32;

/// With the file's traffic, or with other traffic at every edge.
pub(super) fn scenario(plan: ScenarioPlan, traffic: Option<&[ArrivalStep]>) -> Scenario {
    let balancing = policy(&plan);
    Scenario {
        title: plan.title,
        edges: plan.edges.into_iter().map(|written| edge(written, traffic)).collect(),
        regions: plan.regions.iter().map(ToString::to_string).collect(),
        instances: plan.instances.into_iter().map(instance).collect(),
        balancing,
        queue_timeout: plan.queue.timeout,
        retry: Retry {
            attempts: plan.retry.attempts,
            budget: Allowance { share: plan.retry.budget.as_percent(), ..Allowance::default() },
        },
        timeouts: Timeouts {
            connect: plan.timeouts.connect,
            first_byte: plan.timeouts.first_byte,
            client: plan.timeouts.client,
        },
        check: Check { interval: plan.check.interval, timeout: plan.check.timeout },
        cancels: plan.cancels,
        outages: plan.outages.into_iter().map(outage).collect(),
        show_after: plan.show_after,
    }
}

fn policy(plan: &ScenarioPlan) -> Policy {
    let (limits, queue, ejection) = (&plan.concurrency, &plan.queue, &plan.ejection);
    Policy {
        soft_limit: limits.soft_limit.get(),
        hard_limit: limits.hard_limit.map(NonZeroU32::get),
        scope: match limits.soft_limit_scope {
            SoftLimitScope::Global => Scope::Global,
            SoftLimitScope::Region => Scope::Region,
        },
        spread: match limits.spread {
            Spreads::Class => Spread::Class,
            Spreads::Strict => Spread::Strict,
        },
        max_waiting: Some(queue.max_waiting as usize),
        shed_after: queue.shed_after,
        slow_start: limits.slow_start,
        ejection: Ejection {
            failures: ejection.failures.map_or(0, NonZeroU32::get),
            base: ejection.time,
            share: ejection.max_share.as_percent(),
            ..Ejection::default()
        },
    }
}

fn edge(written: ScenarioEdge, traffic: Option<&[ArrivalStep]>) -> Edge {
    let steps = traffic.unwrap_or(&written.arrivals);
    let process = match written.process {
        Falls::Poisson => Process::Poisson,
        Falls::Even => Process::Even,
    };
    Edge {
        name: written.name.to_string(),
        arrivals: Arrivals { steps: steps.iter().map(|written| step(*written)).collect(), process },
        rtt: written.rtt,
    }
}

fn step(written: ArrivalStep) -> Step {
    match written {
        ArrivalStep::Line { from, to, over } => Step::Line { from, to, over },
        ArrivalStep::Burst(count) => Step::Burst(count),
    }
}

fn instance(written: ScenarioInstance) -> Instance {
    Instance {
        id: written.id.to_string(),
        region: written.region,
        time: time(&written.time),
        workers: written.workers,
    }
}

fn time(written: &Written) -> ServiceTime {
    let parts = written.parts.iter().map(|part| Part {
        weight: f64::from(part.share.as_percent()),
        shape: match part.shape {
            ServiceTimeShape::Constant(time) => Shape::Constant(time),
            ServiceTimeShape::Between(low, high) => Shape::Between(low, high),
            ServiceTimeShape::Exponential(mean) => Shape::Exponential(mean),
            ServiceTimeShape::LogNormal { median, p99 } => Shape::LogNormal { median, p99 },
        },
    });
    ServiceTime(parts.collect())
}

fn outage(written: ScenarioOutage) -> Outage {
    Outage {
        instances: written.instances,
        time: written.from..written.to,
        kind: match written.kind {
            Kind::Refused => OutageKind::Refused,
            Kind::Blackhole => OutageKind::Blackhole,
        },
        warm_up: written.warm_up,
    }
}
