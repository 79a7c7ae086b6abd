//! A scenario as written: one struct per table. Limits, queue and ejection are those of
//! `hither.toml`, so that what was tried here can be copied there.

use std::time::Duration;

use super::arrivals::ArrivalStep;
use super::service_time::ServiceTime;
use super::title::Title;
use crate::findings::Spot;
use crate::raw::{RawConcurrency, RawEjection, RawQueue};
use crate::read::{At, Fields, Shape};
use crate::value::{Name, OutageKind, Process, Share};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Some policies look at every instance for every request.
pub(super) const MOST_INSTANCES: u32 = 2_000;
const MOST_WORKERS: u32 = 1_000_000;

/// The whole file.
#[derive(Debug)]
pub(super) struct RawScenario {
    pub(super) title: Option<At<Title>>,
    pub(super) seed: At<u32>,
    pub(super) show_after: At<Vec<At<u32>>>,
    pub(super) traffic: RawTraffic,
    pub(super) service: RawWork,
    pub(super) concurrency: RawConcurrency,
    pub(super) queue: RawQueue,
    pub(super) ejection: RawEjection,
    pub(super) retry: RawScenarioRetry,
    pub(super) timeouts: RawScenarioTimeouts,
    pub(super) check: RawScenarioCheck,
    pub(super) edges: Vec<(At<Name>, RawScenarioEdge)>,
    pub(super) groups: Vec<(At<Name>, RawGroup)>,
    pub(super) outages: Vec<RawOutage>,
    pub(super) deploys: Vec<RawDeploy>,
}

impl Shape for RawScenario {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            title: fields.required("title", "\"A busy evening\"", "What it shows, in a line."),
            seed: fields.bounded(
                "seed",
                1,
                0..=u32::MAX,
                "What chance begins with; the same seed, the same table.",
            ),
            show_after: fields.list(
                "show_after",
                "100",
                "After how many requests to show who has how many; default: never.",
            ),
            traffic: fields
                .table("traffic", "The requests of every edge that has none of its own."),
            service: fields.table("service", "How instances work."),
            concurrency: fields.table("concurrency", "How much each instance takes at once."),
            queue: fields.table("queue", "Where requests wait while every instance is full."),
            ejection: fields.table("ejection", "When an instance that fails gets a rest."),
            retry: fields.table("retry", "Another try on another instance, for every policy."),
            timeouts: fields.table("timeouts", "Who gives up when, for every policy."),
            check: fields.table("check", "How edges find out who is down, for every policy."),
            edges: fields.named("edge", "ams", "Where requests arrive."),
            groups: fields.named("instances", "ams", "Servers of one kind in one region."),
            outages: fields.tables("outage", "Times in which some instances do not serve."),
            deploys: fields.tables("deploy", "Restarts of all instances."),
        }
    }
}

/// `[traffic]`
#[derive(Debug)]
pub(super) struct RawTraffic {
    pub(super) arrivals: At<Vec<At<ArrivalStep>>>,
    pub(super) process: At<Process>,
}

const STEP: &str = "\"300/s for 60s\"";

impl Shape for RawTraffic {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            arrivals: fields.list(
                "arrivals",
                STEP,
                "Steps, one after the other: \"300/s for 20s\", \"300/s to 700/s over 60s\", \"500 \
                 at once\".",
            ),
            process: fields.or("process", Process::Poisson, "How requests fall inside a step."),
        }
    }
}

/// `[service]`
#[derive(Debug)]
pub(super) struct RawWork {
    pub(super) time: At<ServiceTime>,
    pub(super) workers: Option<At<u32>>,
    pub(super) cancels: At<bool>,
}

impl Shape for RawWork {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            time: fields.or(
                "time",
                ServiceTime::constant(100 * MILLISECOND),
                "How long an instance works on a request: \"100ms\", \"5ms to 20ms\", \"exponential \
                 100ms\", \"lognormal 80ms p99 500ms\", or shares of these.",
            ),
            workers: fields.bounded_optional(
                "workers",
                "25",
                1..=MOST_WORKERS,
                "Requests that an instance works on at once, while more wait inside it; default: \
                 the hard limit, else any number.",
            ),
            cancels: fields.or(
                "cancels",
                false,
                "Whether an instance stops working on a request that nobody waits for any more.",
            ),
        }
    }
}

/// `[retry]`
#[derive(Debug)]
pub(super) struct RawScenarioRetry {
    pub(super) attempts: At<u32>,
    pub(super) budget: At<Share>,
}

impl Shape for RawScenarioRetry {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            attempts: fields.bounded(
                "attempts",
                3,
                1..=10,
                "How often a request is tried in all; 1: never again.",
            ),
            budget: fields.or(
                "budget",
                Share::percent(20),
                "The most of an edge's active requests that may be retries; three always may.",
            ),
        }
    }
}

/// `[timeouts]`
#[derive(Debug)]
pub(super) struct RawScenarioTimeouts {
    pub(super) connect: At<Duration>,
    pub(super) first_byte: At<Duration>,
    pub(super) client: Option<At<Duration>>,
}

impl Shape for RawScenarioTimeouts {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            connect: fields.bounded(
                "connect",
                5 * SECOND,
                MILLISECOND..=DAY,
                "Until an instance accepts.",
            ),
            first_byte: fields.bounded(
                "first_byte",
                60 * SECOND,
                MILLISECOND..=DAY,
                "From a try until its answer; the edge answers 504 then.",
            ),
            client: fields.bounded_optional(
                "client",
                "\"1s\"",
                MILLISECOND..=DAY,
                "From its arrival until a client leaves; default: it never does.",
            ),
        }
    }
}

/// `[check]`
#[derive(Debug)]
pub(super) struct RawScenarioCheck {
    pub(super) interval: At<Duration>,
    pub(super) timeout: At<Duration>,
}

impl Shape for RawScenarioCheck {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            interval: fields.bounded(
                "interval",
                10 * SECOND,
                100 * MILLISECOND..=DAY,
                "From one check of an instance to the next.",
            ),
            timeout: fields.bounded(
                "timeout",
                2 * SECOND,
                MILLISECOND..=DAY,
                "How long a check waits for an instance that swallows everything.",
            ),
        }
    }
}

/// `[edge.NAME]`
#[derive(Debug)]
pub(super) struct RawScenarioEdge {
    pub(super) spot: Spot,
    pub(super) rtt: Vec<(At<Name>, At<Duration>)>,
    pub(super) arrivals: At<Vec<At<ArrivalStep>>>,
    pub(super) process: Option<At<Process>>,
}

impl Shape for RawScenarioEdge {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            rtt: fields.values(
                "rtt",
                "ams = \"1ms\", sin = \"150ms\"",
                "The round trip to each region.",
            ),
            arrivals: fields.list(
                "arrivals",
                STEP,
                "Traffic of this edge alone; default: that of [traffic].",
            ),
            process: fields.optional(
                "process",
                "\"even\"",
                "How its requests fall inside a step; default: as in [traffic].",
            ),
        }
    }
}

/// `[instances.NAME]`
#[derive(Debug)]
pub(super) struct RawGroup {
    pub(super) spot: Spot,
    pub(super) count: At<u32>,
    pub(super) region: Option<At<Name>>,
    pub(super) time: Option<At<ServiceTime>>,
    pub(super) workers: Option<At<u32>>,
}

impl Shape for RawGroup {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            count: fields.bounded(
                "count",
                1,
                1..=MOST_INSTANCES,
                "How many; several are called NAME-1, NAME-2 and so on.",
            ),
            region: fields.optional("region", "\"ams\"", "Where they are; default: their name."),
            time: fields.optional(
                "time",
                "\"2s\"",
                "How long they work on a request; default: as in [service].",
            ),
            workers: fields.bounded_optional(
                "workers",
                "25",
                1..=MOST_WORKERS,
                "Requests each works on at once; default: as in [service].",
            ),
        }
    }
}

/// `[[outage]]`
#[derive(Debug)]
pub(super) struct RawOutage {
    pub(super) spot: Spot,
    pub(super) region: Option<At<Name>>,
    pub(super) instance: Option<At<Name>>,
    pub(super) from: Option<At<Duration>>,
    pub(super) to: Option<At<Duration>>,
    pub(super) kind: At<OutageKind>,
    pub(super) warm_up: At<Duration>,
}

const WARM_UP: &str = "How long instances need to be as fast as before, once they are back; work \
                       takes four times as long at first.";

impl Shape for RawOutage {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            region: fields.optional("region", "\"ams\"", "The region that is down."),
            instance: fields.optional(
                "instance",
                "\"ams-1\"",
                "Or the instance that is down, or all of one [instances.NAME].",
            ),
            from: fields.required("from", "\"20s\"", "When it begins."),
            to: fields.required("to", "\"40s\"", "When it is over."),
            kind: fields.or("kind", OutageKind::Refused, "What requests meet there."),
            warm_up: fields.bounded("warm_up", Duration::ZERO, Duration::ZERO..=DAY, WARM_UP),
        }
    }
}

/// `[[deploy]]`
#[derive(Debug)]
pub(super) struct RawDeploy {
    pub(super) at: Option<At<Duration>>,
    pub(super) at_once: At<bool>,
    pub(super) down: At<Duration>,
    pub(super) warm_up: At<Duration>,
}

impl Shape for RawDeploy {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            at: fields.required("at", "\"20s\"", "When it begins."),
            at_once: fields.or(
                "at_once",
                false,
                "Whether all instances restart in one moment, or one after the other.",
            ),
            down: fields.bounded(
                "down",
                3 * SECOND,
                MILLISECOND..=DAY,
                "How long each instance is away.",
            ),
            warm_up: fields.bounded("warm_up", Duration::ZERO, Duration::ZERO..=DAY, WARM_UP),
        }
    }
}
