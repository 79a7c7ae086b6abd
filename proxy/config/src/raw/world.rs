//! The tables of a service by which it learns of the world: health checks, ejection, DNS; and what
//! the admin API says of one instance.

use std::time::Duration;

use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{
    CheckMethod, DnsName, FieldValue, HostPattern, LabelValue, ListenAddress, Name, Network,
    PeerAddress, RequestPath, Share,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// In a row; beyond this nobody would wait for it.
const MOST_IN_A_ROW: u32 = 1000;

/// The longest round trip that can be fixed.
const MOST_ROUND_TRIP: Duration = Duration::from_secs(10);

/// `[[service.NAME.check]]`
#[derive(Debug)]
pub(crate) struct RawCheck {
    pub(crate) spot: Spot,
    pub(crate) tcp: At<bool>,
    pub(crate) http: Option<RawHttpCheck>,
    pub(crate) interval: At<Duration>,
    pub(crate) timeout: At<Duration>,
    pub(crate) grace_period: At<Duration>,
    pub(crate) failures: At<u32>,
    pub(crate) successes: At<u32>,
}

impl Shape for RawCheck {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            tcp: fields.or("tcp", false, "Passes if the instance accepts a connection."),
            http: fields.optional_table(
                "http",
                "path = \"/health\"",
                "Passes if the instance answers this request with a 2xx status.",
            ),
            interval: fields.bounded(
                "interval",
                10 * SECOND,
                100 * MILLISECOND..=HOUR,
                "From the beginning of one check to that of the next, with a little jitter.",
            ),
            timeout: fields.bounded(
                "timeout",
                2 * SECOND,
                MILLISECOND..=60 * SECOND,
                "A check that has not passed after this has failed.",
            ),
            grace_period: fields.bounded(
                "grace_period",
                5 * SECOND,
                Duration::ZERO..=HOUR,
                "Failures of an instance that is new count for nothing so long.",
            ),
            failures: fields.bounded(
                "failures",
                2,
                1..=MOST_IN_A_ROW,
                "So many in a row make a healthy instance unhealthy.",
            ),
            successes: fields.bounded(
                "successes",
                1,
                1..=MOST_IN_A_ROW,
                "So many in a row make an unhealthy instance healthy.",
            ),
        }
    }
}

/// `http = { … }` of a check.
#[derive(Debug)]
pub(crate) struct RawHttpCheck {
    pub(crate) path: At<RequestPath>,
    pub(crate) method: At<CheckMethod>,
    pub(crate) headers: Vec<(At<Name>, At<FieldValue>)>,
}

impl Shape for RawHttpCheck {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            path: fields.or("path", RequestPath("/".to_owned()), "What is asked for."),
            method: fields.or("method", CheckMethod::Get, "How it is asked for."),
            headers: fields.values(
                "headers",
                "host = \"example.com\"",
                "Further header fields, in lower case; `host` is the instance's address otherwise.",
            ),
        }
    }
}

/// `[service.NAME.ejection]`
#[derive(Debug)]
pub(crate) struct RawEjection {
    pub(crate) failures: At<u32>,
    pub(crate) time: At<Duration>,
    pub(crate) max_share: At<Share>,
}

impl Shape for RawEjection {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            failures: fields.bounded(
                "failures",
                5,
                0..=MOST_IN_A_ROW,
                "Failed requests in a row after which an instance is ejected; 0: none ever is.",
            ),
            time: fields.bounded(
                "time",
                30 * SECOND,
                100 * MILLISECOND..=HOUR,
                "How long the first ejection lasts; the second lasts twice as long, and so on.",
            ),
            max_share: fields.bounded(
                "max_share",
                Share::percent(10),
                Share::percent(0)..=Share::percent(100),
                "The most instances that are ejected at once; at least one, and never the last.",
            ),
        }
    }
}

/// `[service.NAME.dns]`
#[derive(Debug)]
pub(crate) struct RawDns {
    pub(crate) name: Option<At<DnsName>>,
    pub(crate) resolvers: At<Vec<At<ListenAddress>>>,
    pub(crate) region: Option<At<Name>>,
    pub(crate) http2: At<bool>,
    pub(crate) places: Vec<RawPlace>,
}

impl Shape for RawDns {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            name: fields.required(
                "name",
                "\"web.internal:8080\"",
                "A name whose addresses are instances at that port, or one of SRV records, as \
                 _http._tcp.web.internal, whose targets are.",
            ),
            resolvers: fields.list(
                "resolvers",
                "\"127.0.0.1:53\"",
                "Who is asked; default: those of the system.",
            ),
            region: fields.optional(
                "region",
                "\"ams\"",
                "Where its instances stand unless a `place` says otherwise; default: the edge's \
                 region.",
            ),
            http2: fields.or("http2", false, "Speak HTTP/2 to them, without TLS or upgrade."),
            places: fields
                .tables("place", "Where some of its instances stand; the first that fits."),
        }
    }
}

/// `[[service.NAME.dns.place]]`
#[derive(Debug)]
pub(crate) struct RawPlace {
    pub(crate) spot: Spot,
    pub(crate) network: Option<At<Network>>,
    pub(crate) target: Option<At<HostPattern>>,
    pub(crate) region: Option<At<Name>>,
    pub(crate) labels: Vec<(At<Name>, At<LabelValue>)>,
}

impl Shape for RawPlace {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            network: fields.optional(
                "network",
                "\"10.1.0.0/16\"",
                "The instances whose addresses are in this network.",
            ),
            target: fields.optional(
                "target",
                "\"*.ams.internal\"",
                "The instances whose SRV target is this name, or one below *.",
            ),
            region: fields.optional("region", "\"ams\"", "Where they stand."),
            labels: fields.values(
                "labels",
                "version = \"stable\"",
                "For plugins to choose by, as version = \"stable\".",
            ),
        }
    }
}

/// What `PUT /services/S/instances/I` may say.
#[derive(Debug)]
pub(crate) struct RawInstanceChange {
    pub(crate) address: Option<At<PeerAddress>>,
    pub(crate) region: Option<At<Name>>,
    pub(crate) labels: Vec<(At<Name>, At<LabelValue>)>,
    pub(crate) rtt: Option<At<Duration>>,
    pub(crate) http2: Option<At<bool>>,
    pub(crate) draining: Option<At<bool>>,
}

impl Shape for RawInstanceChange {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            address: fields.optional("address", "\"127.0.0.1:9001\"", "Where it is reached."),
            region: fields.optional("region", "\"ams\"", "Where it stands."),
            labels: fields.values("labels", "version = \"stable\"", "For plugins to choose by."),
            rtt: fields.bounded_optional(
                "rtt",
                "\"9ms\"",
                Duration::ZERO..=MOST_ROUND_TRIP,
                "Its round trip, fixed; null: measured.",
            ),
            http2: fields.optional("http2", "true", "Speak HTTP/2 to it."),
            draining: fields.optional("draining", "true", "It gets nothing new."),
        }
    }
}
