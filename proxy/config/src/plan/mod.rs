//! The validated wish: what the rest of the proxy builds from. Complete (defaults are filled in),
//! consistent (names resolve, limits fit each other) and comparable, so that a reload can tell what
//! changed. Must not know how it was written.

mod cache;
mod component;
mod plugin;
mod service;
mod tls;
mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use cache::{CachePlan, CachingPlan, DiskPlan};
pub use component::ComponentPlan;
pub use plugin::{PluginPlan, SecretPlan};
pub use service::{
    AttachmentPlan, ConcurrencyPlan, InstancePlan, LimitPlan, QueuePlan, QuotaPlan, RetryPlan,
    ServicePlan, TimeoutsPlan, WhenPlan,
};

pub use tls::{CertificatePlan, TlsPlan};
pub use world::{CheckKind, CheckPlan, DnsPlan, EjectionPlan, Fits, HttpCheckPlan, PlacePlan};

use crate::value::{AccessLog, AdminAddress, LogFormat, LogLevel, Name, Rate, Size};

/// A whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// This proxy itself.
    pub edge: EdgePlan,
    /// The admin API.
    pub admin: AdminPlan,
    /// Application log and access log.
    pub log: LogPlan,
    /// The memory for responses that are kept.
    pub cache: CachePlan,
    /// Where clients are served, in the order of the file; never empty, and no two collide.
    pub listeners: Vec<ListenerPlan>,
    /// What is served; never empty. No two claim the same host and path prefix.
    pub services: BTreeMap<Name, ServicePlan>,
    /// Plugins, used or not.
    pub plugins: BTreeMap<Name, PluginPlan>,
    /// Rate limits for plugins to charge; a reload keeps the counters where the name stays.
    pub limiters: BTreeMap<Name, QuotaPlan>,
    /// Origins to run in this process, for trying things out.
    pub origins: Vec<OriginPlan>,
}

/// `[edge]`
#[derive(Debug, Clone, PartialEq)]
pub struct EdgePlan {
    /// What this edge is called.
    pub name: Name,
    /// Where it stands.
    pub region: Name,
    /// Threads that serve requests.
    pub threads: NonZeroU32,
    /// How long requests may still run once the proxy was asked to end.
    pub drain_timeout: Duration,
    /// Idle upstream connections that each thread keeps; 0 keeps none.
    pub upstream_keepalive: u32,
    /// The most bytes of all bodies together that are held back for plugins.
    pub held_bodies: Size,
    /// The most requests at a time.
    pub max_requests: NonZeroU32,
    /// From here on requests are refused; none: nothing is known of the machine's memory, or it has no bound.
    pub max_memory: Option<Size>,
    /// Folder for compiled plugins; it need not exist yet.
    pub plugin_cache: PathBuf,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq)]
pub struct AdminPlan {
    /// Where it listens.
    pub address: AdminAddress,
    /// File with the bearer token that callers must show; there is one unless the address is local.
    pub token_file: Option<PathBuf>,
    /// Decision traces of live requests; none: never.
    pub trace: Option<TracePlan>,
}

/// `[admin.trace]`
#[derive(Debug, Clone, PartialEq)]
pub struct TracePlan {
    /// The header that asks for one, in lower case.
    pub header: String,
    /// File with the value that it must have; none: any.
    pub token_file: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq)]
pub struct LogPlan {
    /// How the application log (stderr) is written.
    pub format: LogFormat,
    /// Where the access log goes.
    pub access: AccessLog,
    /// The least severe level of the application log.
    pub level: LogLevel,
}

/// `[[listener]]`
#[derive(Debug, Clone, PartialEq)]
pub struct ListenerPlan {
    /// Where to listen; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// From a head's first byte until it is complete.
    pub head_timeout: Duration,
    /// The largest head.
    pub max_head: Size,
    /// The most header lines.
    pub max_header_lines: u32,
    /// Between two requests of a connection.
    pub idle_timeout: Duration,
    /// Bytes of a body per second, either way; 0: as few as a client likes.
    pub min_body_rate: Size,
    /// Connections of one client at a time.
    pub connections_per_client: u32,
    /// How many it may open.
    pub new_connections_per_client: Rate,
    /// HTTP/2 frames that carry nothing, of one connection, beyond what its requests and answers need.
    pub http2_control_frames: Rate,
    /// HTTP/2 streams that are reset, of one connection, beyond one for every four answers.
    pub http2_resets: Rate,
    /// None: HTTP in the clear.
    pub tls: Option<TlsPlan>,
}

/// `[[origin]]`
#[derive(Debug, Clone, PartialEq)]
pub struct OriginPlan {
    /// Where it listens; port 0 lets the system choose.
    pub address: SocketAddr,
    /// What it says it is in.
    pub region: Name,
    /// How long it waits before each answer.
    pub delay: Duration,
}
