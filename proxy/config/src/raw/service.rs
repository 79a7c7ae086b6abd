//! `[service.NAME]` and the tables inside it.

use std::time::Duration;

use super::attachment::RawOverride;
use super::cache::RawCaching;
use super::component::RawAnswerer;
use super::limiter::RawQuota;
use super::world::{RawCheck, RawDns, RawEjection};
use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{
    ConcurrencyType, HostPattern, LabelValue, LimitKey, Name, PathPrefix, PeerAddress, Share, Size,
    SoftLimitScope, Spread,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Sockets of one process end long before this.
const MOST_IN_FLIGHT: u32 = 1_000_000;

/// `[service.NAME]`
#[derive(Debug)]
pub(crate) struct RawService {
    pub(crate) spot: Spot,
    pub(crate) hosts: At<Vec<At<HostPattern>>>,
    pub(crate) path_prefix: At<PathPrefix>,
    pub(crate) plugins: At<Vec<At<Name>>>,
    pub(crate) force_https: At<bool>,
    pub(crate) max_body: Option<At<Size>>,
    pub(crate) answerer: RawAnswerer,
    pub(crate) concurrency: RawConcurrency,
    pub(crate) queue: RawQueue,
    pub(crate) retry: RawRetry,
    pub(crate) timeouts: RawTimeouts,
    pub(crate) ejection: RawEjection,
    pub(crate) checks: Vec<RawCheck>,
    pub(crate) dns: Option<RawDns>,
    pub(crate) limits: Vec<RawLimit>,
    pub(crate) cache: Option<RawCaching>,
    pub(crate) instances: Vec<RawInstance>,
    pub(crate) overrides: Vec<(At<Name>, RawOverride)>,
}

impl Shape for RawService {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            hosts: fields.list(
                "hosts",
                "\"example.com\"",
                "Hosts it answers for: exact, or *.example.com for all below; default: any.",
            ),
            path_prefix: fields.or(
                "path_prefix",
                PathPrefix::root(),
                "Paths it answers for, by whole segments; the longest prefix wins inside a host.",
            ),
            plugins: fields.list(
                "plugins",
                "\"headers\"",
                "Plugins its requests pass through, in this order.",
            ),
            force_https: fields.or(
                "force_https",
                false,
                "Who asks in the clear is sent to the same place over TLS (308).",
            ),
            max_body: fields.bounded_optional(
                "max_body",
                "\"8MiB\"",
                Size::new(0)..=Size::new(1 << 40),
                "The largest request body; default: none is too large.",
            ),
            answerer: RawAnswerer::read(fields),
            concurrency: fields.table("concurrency", "How much each instance takes at once."),
            queue: fields.table("queue", "Where requests wait while every instance is full."),
            retry: fields.table("retry", "Another try on another instance."),
            timeouts: fields.table("timeouts", "How long instances may take."),
            ejection: fields.table("ejection", "When an instance that fails gets a rest."),
            checks: fields.tables(
                "check",
                "Health checks of every instance; all must pass, or it gets nothing new.",
            ),
            dns: fields.optional_table(
                "dns",
                "name = \"web.internal:8080\"",
                "Instances by the answers of DNS, beside those that are written here.",
            ),
            limits: fields.tables("limit", "Rate limits, checked before anything else."),
            cache: fields.optional_table(
                "cache",
                "default_ttl = \"0s\"",
                "Responses are kept, by RFC 9111, and given again; default: none is.",
            ),
            instances: fields.tables("instance", "The servers behind the service."),
            overrides: fields.named(
                "plugin",
                "headers",
                "How this service uses a plugin: its configuration here, and when it is asked.",
            ),
        }
    }
}

/// `[service.NAME.concurrency]`
#[derive(Debug)]
pub(crate) struct RawConcurrency {
    pub(crate) spot: Spot,
    pub(crate) counts: At<ConcurrencyType>,
    pub(crate) soft_limit: At<u32>,
    pub(crate) hard_limit: Option<At<u32>>,
    pub(crate) soft_limit_scope: At<SoftLimitScope>,
    pub(crate) spread: At<Spread>,
    pub(crate) slow_start: At<Duration>,
}

impl Shape for RawConcurrency {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            counts: fields.or("type", ConcurrencyType::Requests, "What the limits count."),
            soft_limit: fields.bounded(
                "soft_limit",
                20,
                1..=MOST_IN_FLIGHT,
                "From here on an instance is busy: others are preferred.",
            ),
            hard_limit: fields.bounded_optional(
                "hard_limit",
                "25",
                1..=MOST_IN_FLIGHT,
                "Here an instance is full: it gets nothing more; default: unlimited.",
            ),
            soft_limit_scope: fields.or(
                "soft_limit_scope",
                SoftLimitScope::Global,
                "Whether a farther instance that is not busy comes before a busy close one.",
            ),
            spread: fields.or(
                "spread",
                Spread::Class,
                "Evenly over almost equally close instances, or by round trip alone.",
            ),
            slow_start: fields.bounded(
                "slow_start",
                Duration::ZERO,
                Duration::ZERO..=HOUR,
                "How long the soft limit of a new or recovered instance takes to grow from 1; 0s: at once.",
            ),
        }
    }
}

/// `[service.NAME.queue]`
#[derive(Debug)]
pub(crate) struct RawQueue {
    pub(crate) max_waiting: Option<At<u32>>,
    pub(crate) timeout: At<Duration>,
    pub(crate) shed_after: At<Duration>,
}

impl Shape for RawQueue {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            max_waiting: fields.bounded_optional(
                "max_waiting",
                "250",
                0..=MOST_IN_FLIGHT,
                "The most requests that wait; default: the sum of the hard limits, at least 128.",
            ),
            timeout: fields.bounded(
                "timeout",
                10 * SECOND,
                MILLISECOND..=HOUR,
                "How long a request may wait.",
            ),
            shed_after: fields.bounded(
                "shed_after",
                30 * SECOND,
                MILLISECOND..=DAY,
                "After so long with every instance full, new requests are refused at once.",
            ),
        }
    }
}

/// `[service.NAME.retry]`
#[derive(Debug)]
pub(crate) struct RawRetry {
    pub(crate) attempts: At<u32>,
    pub(crate) budget: At<Share>,
}

impl Shape for RawRetry {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            attempts: fields.bounded(
                "attempts",
                3,
                1..=10,
                "How often a request is tried in all, where trying again is safe; 1: never again.",
            ),
            budget: fields.or(
                "budget",
                Share::percent(20),
                "This share of the running requests may be retries, and at least 3: so that retries do not multiply an overload.",
            ),
        }
    }
}

/// `[service.NAME.timeouts]`
#[derive(Debug)]
pub(crate) struct RawTimeouts {
    pub(crate) connect: At<Duration>,
    pub(crate) connect_written: Option<Spot>,
    pub(crate) first_byte: At<Duration>,
    pub(crate) idle: At<Duration>,
}

impl Shape for RawTimeouts {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            connect: fields.bounded(
                "connect",
                5 * SECOND,
                MILLISECOND..=HOUR,
                "Until the connection to an instance stands.",
            ),
            connect_written: fields.written("connect"),
            first_byte: fields.bounded(
                "first_byte",
                60 * SECOND,
                MILLISECOND..=DAY,
                "From the request until the head of the response is complete.",
            ),
            idle: fields.bounded(
                "idle",
                60 * SECOND,
                MILLISECOND..=DAY,
                "Between two pieces of a body or of an upgraded stream.",
            ),
        }
    }
}

/// `[[service.NAME.limit]]`
#[derive(Debug)]
pub(crate) struct RawLimit {
    pub(crate) name: Option<At<Name>>,
    pub(crate) key: At<Vec<At<LimitKey>>>,
    pub(crate) quota: RawQuota,
}

impl Shape for RawLimit {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            name: fields.required(
                "name",
                "\"per-client\"",
                "What the limit is called in metrics and answers.",
            ),
            key: fields.list(
                "key",
                "\"client.address\"",
                "What is counted apart, all of a list together: \"client.address\", \
                 \"header:NAME\", \"cookie:NAME\", \"path\", \"method\"; default: nothing, so that \
                 the limit is the whole service's on this edge.",
            ),
            quota: RawQuota::read(fields),
        }
    }
}

/// `[[service.NAME.instance]]`
#[derive(Debug)]
pub(crate) struct RawInstance {
    pub(crate) id: Option<At<Name>>,
    pub(crate) address: Option<At<PeerAddress>>,
    pub(crate) region: Option<At<Name>>,
    pub(crate) labels: Vec<(At<Name>, At<LabelValue>)>,
    pub(crate) rtt: Option<At<Duration>>,
    pub(crate) http2: At<bool>,
}

impl Shape for RawInstance {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            id: fields.required("id", "\"ams-1\"", "What the instance is called."),
            address: fields.required(
                "address",
                "\"127.0.0.1:9001\"",
                "The IP address and port of the instance.",
            ),
            region: fields.optional(
                "region",
                "\"ams\"",
                "Where it stands; default: the edge's region.",
            ),
            labels: fields.values(
                "labels",
                "version = \"stable\"",
                "For plugins to choose by, as version = \"stable\".",
            ),
            rtt: fields.bounded_optional(
                "rtt",
                "\"9ms\"",
                Duration::ZERO..=Duration::from_secs(10),
                "Its round trip, fixed instead of measured.",
            ),
            http2: fields.or("http2", false, "Speak HTTP/2 to it, without TLS or upgrade."),
        }
    }
}
