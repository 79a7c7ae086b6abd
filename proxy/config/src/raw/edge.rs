//! Tables about the proxy itself and its surroundings: edge, admin, log, listener, origin.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::read::{At, Fields, Shape};
use crate::value::{
    AccessLog, AdminAddress, FieldName, FilePath, ListenAddress, LogFormat, LogLevel, Name,
    Network, Size,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Two threads per core of the largest machines there are.
const MOST_THREADS: u32 = 1024;
/// Idle connections are file descriptors; more per thread than this exhausts them.
const MOST_IDLE: u32 = 65_536;
/// Pingora reads at most 1 MiB and 256 lines of head; the guard's own bounds lie inside.
const MOST_HEAD: Size = Size::new(1 << 20);
const MOST_HEAD_LINES: u32 = 256;
/// A request line and a host need about this much.
const LEAST_HEAD: Size = Size::new(1 << 10);

/// `[edge]`
#[derive(Debug)]
pub(crate) struct RawEdge {
    pub(crate) name: Option<At<Name>>,
    pub(crate) region: Option<At<Name>>,
    pub(crate) threads: Option<At<u32>>,
    pub(crate) drain_timeout: At<Duration>,
    pub(crate) upstream_keepalive: At<u32>,
    pub(crate) held_bodies: At<Size>,
    pub(crate) plugin_cache: Option<At<FilePath>>,
}

impl Shape for RawEdge {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            name: fields.optional(
                "name",
                "\"ams-edge-1\"",
                "What this edge is called; default: the host's name.",
            ),
            region: fields.optional(
                "region",
                "\"ams\"",
                "Where it stands; default: $HITHER_REGION, then $FLY_REGION, then \"local\".",
            ),
            threads: fields.bounded_optional(
                "threads",
                "2",
                1..=MOST_THREADS,
                "Threads that serve requests; default: the machine's cores.",
            ),
            drain_timeout: fields.bounded(
                "drain_timeout",
                30 * SECOND,
                Duration::ZERO..=24 * HOUR,
                "How long requests may still run after SIGTERM.",
            ),
            upstream_keepalive: fields.bounded(
                "upstream_keepalive",
                1024,
                0..=MOST_IDLE,
                "Idle connections to instances that each thread keeps.",
            ),
            held_bodies: fields.bounded(
                "held_bodies",
                Size::new(64 << 20),
                Size::new(0)..=Size::new(1 << 40),
                "The most memory of all bodies together that are held back for plugins.",
            ),
            plugin_cache: fields.optional(
                "plugin_cache",
                "\"/var/cache/hither\"",
                "Folder for compiled plugins; default: $XDG_CACHE_HOME/hither/plugins, else \
                 $HOME/.cache/hither/plugins, else run/plugins beside this file.",
            ),
        }
    }
}

/// `[admin]`
#[derive(Debug)]
pub(crate) struct RawAdmin {
    pub(crate) address: At<AdminAddress>,
    pub(crate) token_file: Option<At<FilePath>>,
    pub(crate) trace: Option<RawTrace>,
}

impl Shape for RawAdmin {
    fn read(fields: &mut Fields<'_>) -> Self {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 9900));
        Self {
            address: fields.or(
                "address",
                AdminAddress::Tcp(local),
                "Where the admin API listens: an IP address with a port, or unix: and a path.",
            ),
            token_file: fields.optional(
                "token_file",
                "\"admin.token\"",
                "File with the bearer token; needed unless the address is loopback or a socket.",
            ),
            trace: fields.optional_table(
                "trace",
                "header = \"x-hither-trace\"",
                "Decision traces of live requests, in their answers; default: none.",
            ),
        }
    }
}

/// `[admin.trace]`
#[derive(Debug)]
pub(crate) struct RawTrace {
    pub(crate) header: Option<At<FieldName>>,
    pub(crate) token_file: Option<At<FilePath>>,
}

impl Shape for RawTrace {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            header: fields.required(
                "header",
                "\"x-hither-trace\"",
                "A request with this header, from loopback or a trusted proxy, is answered with \
                 Hither-Trace. Instances do not see it.",
            ),
            token_file: fields.optional(
                "token_file",
                "\"trace.token\"",
                "File with the value that it must have; default: any, but then only of clients on \
                 loopback or in trusted_proxies.",
            ),
        }
    }
}

/// `[log]`
#[derive(Debug)]
pub(crate) struct RawLog {
    pub(crate) format: At<LogFormat>,
    pub(crate) access: At<AccessLog>,
    pub(crate) level: At<LogLevel>,
}

impl Shape for RawLog {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            format: fields.or(
                "format",
                LogFormat::Json,
                "How the application log, on stderr, is written.",
            ),
            access: fields.or(
                "access",
                AccessLog::Stdout,
                "Where the access log goes: \"-\" is stdout, \"off\" nowhere, else a file.",
            ),
            level: fields.or("level", LogLevel::Info, "The least severe level that is logged."),
        }
    }
}

/// `[[listener]]`
#[derive(Debug)]
pub(crate) struct RawListener {
    pub(crate) address: Option<At<ListenAddress>>,
    pub(crate) trusted_proxies: At<Vec<At<Network>>>,
    pub(crate) head_timeout: At<Duration>,
    pub(crate) max_head: At<Size>,
    pub(crate) max_header_lines: At<u32>,
    pub(crate) idle_timeout: At<Duration>,
}

impl Shape for RawListener {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            address: fields.required(
                "address",
                "\"127.0.0.1:8080\"",
                "The IP address and port to listen on.",
            ),
            trusted_proxies: fields.list(
                "trusted_proxies",
                "\"10.0.0.0/8\"",
                "Networks whose X-Forwarded-For is believed; default: none.",
            ),
            head_timeout: fields.bounded(
                "head_timeout",
                10 * SECOND,
                Duration::from_millis(100)..=HOUR,
                "A request's head must be complete this long after its first byte.",
            ),
            max_head: fields.bounded(
                "max_head",
                Size::new(32 << 10),
                LEAST_HEAD..=MOST_HEAD,
                "The largest request head.",
            ),
            max_header_lines: fields.bounded(
                "max_header_lines",
                100,
                1..=MOST_HEAD_LINES,
                "The most header lines of a request.",
            ),
            idle_timeout: fields.bounded(
                "idle_timeout",
                75 * SECOND,
                Duration::from_millis(100)..=24 * HOUR,
                "How long a connection may wait for its next request.",
            ),
        }
    }
}

/// `[[origin]]`
#[derive(Debug)]
pub(crate) struct RawOrigin {
    pub(crate) address: Option<At<ListenAddress>>,
    pub(crate) region: Option<At<Name>>,
    pub(crate) delay: At<Duration>,
}

impl Shape for RawOrigin {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            address: fields.required(
                "address",
                "\"127.0.0.1:8080\"",
                "The IP address and port the origin listens on.",
            ),
            region: fields.optional(
                "region",
                "\"ams\"",
                "What it says it is in; default: the edge's region.",
            ),
            delay: fields.bounded(
                "delay",
                Duration::ZERO,
                Duration::ZERO..=HOUR,
                "How long it waits before each answer.",
            ),
        }
    }
}
