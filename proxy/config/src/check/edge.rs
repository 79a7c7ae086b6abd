//! The proxy itself: what the environment adds, and what must be protected.

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::Check;
use crate::findings::Finding;
use crate::plan::{AdminPlan, EdgePlan, ListenerPlan, LogPlan, OriginPlan, TracePlan};
use crate::raw::{RawAdmin, RawEdge, RawListener, RawLog, RawOrigin};
use crate::read::At;
use crate::value::{AccessLog, AdminAddress, FilePath, Name, Size};

/// What a request in flight takes, with its two connections and their buffers.
const MEMORY_PER_REQUEST: u64 = 64 << 10;

/// However little memory there is: refusing more than this would be no service.
const LEAST_REQUESTS: u32 = 1024;

/// Where the machine's memory is not known.
const UNKNOWN_MEMORY: u64 = 8 << 30;

impl Check<'_> {
    pub(super) fn edge(&mut self, raw: RawEdge) -> Option<EdgePlan> {
        let host_name = &self.environment.host_name;
        let name = raw.name.map_or_else(|| Name::from_any(host_name, "edge"), |at| at.value);
        let region = match raw.region {
            Some(at) => Some(at.value),
            None => self.region(),
        };
        let threads = match raw.threads {
            Some(at) => at.value,
            None => u32::try_from(self.environment.cores.get()).unwrap_or(u32::MAX),
        };
        let plugin_cache = match raw.plugin_cache {
            Some(at) => self.path(&at),
            None => self.default_plugin_cache(),
        };
        let memory = self.environment.memory;
        let max_memory = raw.max_memory.map(|at| at.value);
        let max_memory = max_memory.or(memory.map(|bytes| Size::new(bytes / 5 * 4)));
        let max_requests =
            raw.max_requests.map_or_else(|| most_requests(max_memory), |at| at.value);
        Some(EdgePlan {
            name,
            region: region?,
            threads: NonZeroU32::new(threads)?,
            drain_timeout: raw.drain_timeout.value,
            upstream_keepalive: raw.upstream_keepalive.value,
            held_bodies: raw.held_bodies.value,
            max_requests: NonZeroU32::new(max_requests)?,
            max_memory,
            plugin_cache,
        })
    }

    fn region(&mut self) -> Option<Name> {
        let Some(variable) = &self.environment.region else {
            return Some(default_region());
        };
        match Name::parse(&variable.value) {
            Ok(name) => Some(name),
            Err(complaint) => {
                let message = format!("the environment's region: {}", complaint.message);
                let mut finding = Finding::outside(format!("${}", variable.name), message)
                    .example(format!("{}=ams", variable.name));
                finding.label = complaint.label;
                finding.help = complaint.help;
                self.findings.push(finding);
                None
            }
        }
    }

    /// A path as the file means it.
    pub(super) fn path(&self, at: &At<FilePath>) -> PathBuf {
        self.folder.join(&at.value.0)
    }

    /// The XDG base directory specification, which tells to ignore relative folders.
    fn default_plugin_cache(&self) -> PathBuf {
        let absolute = |folder: &Option<String>| {
            folder.as_ref().map(PathBuf::from).filter(|folder| folder.is_absolute())
        };
        absolute(&self.environment.cache_home)
            .or_else(|| Some(absolute(&self.environment.home)?.join(".cache")))
            .map_or_else(|| self.folder.join("run/plugins"), |cache| cache.join("hither/plugins"))
    }

    pub(super) fn admin(&mut self, raw: RawAdmin) -> AdminPlan {
        let open = !raw.address.value.is_local() && raw.token_file.is_none();
        if open && !self.findings.has("admin", "token_file") {
            let message = "the admin API can be reached from elsewhere, so it needs `token_file`";
            let finding = Finding::at(&raw.address.spot, message)
                .label("neither loopback nor a Unix socket")
                .help("whoever reaches it can replace plugins and the configuration")
                .example("token_file = \"admin.token\"")
                .absent();
            self.findings.push(finding);
        }
        let address = match raw.address.value {
            AdminAddress::Unix(path) => AdminAddress::Unix(self.folder.join(path)),
            tcp @ AdminAddress::Tcp(_) => tcp,
        };
        let trace = raw.trace.and_then(|trace| {
            let token_file = trace.token_file.map(|at| self.path(&at));
            Some(TracePlan { header: trace.header?.value.0, token_file })
        });
        AdminPlan { address, token_file: raw.token_file.map(|at| self.path(&at)), trace }
    }

    pub(super) fn listener(&mut self, raw: RawListener) -> Option<ListenerPlan> {
        let tls = self.tls(raw.certificates, raw.tls_handshakes_per_client);
        let networks = raw.trusted_proxies.value.into_iter();
        Some(ListenerPlan {
            address: raw.address?.value.0,
            trusted_proxies: networks.map(|at| at.value.0).collect(),
            head_timeout: raw.head_timeout.value,
            max_head: raw.max_head.value,
            max_header_lines: raw.max_header_lines.value,
            idle_timeout: raw.idle_timeout.value,
            min_body_rate: raw.min_body_rate.value,
            connections_per_client: raw.connections_per_client.value,
            new_connections_per_client: raw.new_connections_per_client.value,
            http2_control_frames: raw.http2_control_frames.value,
            http2_resets: raw.http2_resets.value,
            tls,
        })
    }

    pub(super) fn log(&self, raw: RawLog) -> LogPlan {
        let access = match raw.access.value {
            AccessLog::File(path) => AccessLog::File(self.folder.join(path)),
            other => other,
        };
        LogPlan { format: raw.format.value, access, level: raw.level.value }
    }
}

fn most_requests(memory: Option<Size>) -> u32 {
    let fit = memory.map_or(UNKNOWN_MEMORY, Size::bytes) / MEMORY_PER_REQUEST;
    u32::try_from(fit).unwrap_or(u32::MAX).max(LEAST_REQUESTS)
}

/// Where an edge stands that was not told.
pub(super) fn default_region() -> Name {
    Name::from_any("local", "local")
}

pub(super) fn origin(raw: RawOrigin, edge_region: &Name) -> Option<OriginPlan> {
    Some(OriginPlan {
        address: raw.address?.value.0,
        region: raw.region.map_or_else(|| edge_region.clone(), |at| at.value),
        delay: raw.delay.value,
    })
}
