//! Tables about the proxy itself and its surroundings: edge, admin, log, listener, origin.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::RawCertificate;
use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{
    AccessLog, AdminAddress, FieldName, FilePath, ListenAddress, LogFormat, LogLevel, Name,
    Network, Rate, Size,
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
/// More connections, or requests at a time, than one machine has memory for.
const MOST_AT_ONCE: u32 = 10_000_000;
/// Clients behind one address are many where a provider shares addresses, but not this many.
const CONNECTIONS_PER_CLIENT: u32 = 1024;
/// A machine that opens more is no browser.
const NEW_CONNECTIONS: Rate = Rate::per_second_of(1000);
/// A modem was faster.
const LEAST_PACE: Size = Size::new(240);
/// Frames that carry nothing of a request or an answer: a client needs a few for each of them, which are not
/// counted here, and hardly any otherwise.
const CONTROL_FRAMES: Rate = Rate::per_second_of(200);
/// Streams that are given up, beyond one for every four answers.
const RESETS: Rate = Rate::per_second_of(40);
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
    pub(crate) max_requests: Option<At<u32>>,
    pub(crate) max_memory: Option<At<Size>>,
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
            max_requests: fields.bounded_optional(
                "max_requests",
                "20000",
                1..=MOST_AT_ONCE,
                "The most requests at a time, of all services; more are refused at once. Default: one \
                 for each 64 KiB of max_memory, at least 1024.",
            ),
            max_memory: fields.bounded_optional(
                "max_memory",
                "\"2GiB\"",
                Size::new(1 << 20)..=Size::new(1 << 50),
                "From here on requests are refused, until it takes less memory again; default: four \
                 fifths of what the machine or its container has.",
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
                "Where the access log goes: \"-\" is stdout, \"off\" nowhere, else a file. One that is \
                 moved away is begun anew.",
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
    pub(crate) min_body_rate: At<Size>,
    pub(crate) connections_per_client: At<u32>,
    pub(crate) new_connections_per_client: At<Rate>,
    pub(crate) http2_control_frames: At<Rate>,
    pub(crate) http2_resets: At<Rate>,
    pub(crate) certificates: Vec<RawCertificate>,
    pub(crate) tls_handshakes_per_client: Option<At<Rate>>,
    /// Where the table stands.
    pub(crate) spot: Spot,
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
            min_body_rate: fields.or(
                "min_body_rate",
                LEAST_PACE,
                "Bytes of a body, either way, that a client must send or take per second while it is \
                 waited for, after 5 s of grace; \"0B\": as few as it likes.",
            ),
            connections_per_client: fields.bounded(
                "connections_per_client",
                CONNECTIONS_PER_CLIENT,
                1..=MOST_AT_ONCE,
                "The most connections of one address (IPv4) or /64 network (IPv6) at a time, trusted \
                 proxies apart; more are closed.",
            ),
            new_connections_per_client: fields.or(
                "new_connections_per_client",
                NEW_CONNECTIONS,
                "How many new ones it may open; more are closed.",
            ),
            http2_control_frames: fields.or(
                "http2_control_frames",
                CONTROL_FRAMES,
                "HTTP/2 frames of one connection that carry nothing (SETTINGS, PING, PRIORITY, \
                 WINDOW_UPDATE, empty DATA, CONTINUATION), beyond what its requests and answers need; \
                 five seconds' worth may come at once, and who sends more is sent GOAWAY.",
            ),
            http2_resets: fields.or(
                "http2_resets",
                RESETS,
                "HTTP/2 streams of one connection that are reset, by either side, beyond one for every \
                 four answers; as above.",
            ),
            certificates: fields.tables(
                "certificate",
                "With any, the listener speaks TLS (1.2 and 1.3), and HTTP/2 where the client does; the \
                 certificate is chosen by the name that it asks for, else it is the first.",
            ),
            tls_handshakes_per_client: fields.optional(
                "tls_handshakes_per_client",
                "\"100/s\"",
                "How many TLS handshakes a client, as above, may begin; more are closed before they \
                 cost anything. Default: 100/s.",
            ),
            spot: fields.spot(),
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
