//! The file as written: one struct per table, every value typed and with its place. Defaults that
//! need nothing else are filled in here, so the schema can show them; what depends on the machine
//! or on other tables stays open for `check`.

mod attachment;
mod cache;
mod component;
mod edge;
mod limiter;
mod plugin;
mod service;
mod tls;
mod world;

pub(crate) use attachment::{RawOverride, RawWhen};
pub(crate) use cache::{RawCache, RawCaching};
pub(crate) use component::RawAnswerer;
pub(crate) use edge::{RawAdmin, RawEdge, RawListener, RawLog, RawOrigin};
pub(crate) use limiter::RawQuota;
pub(crate) use plugin::{EMPTY_SHA256, RawPlugin, RawSecret};
pub(crate) use service::{
    RawConcurrency, RawInstance, RawLimit, RawQueue, RawService, RawTimeouts,
};
pub(crate) use tls::RawCertificate;
pub(crate) use world::{RawCheck, RawDns, RawEjection, RawHttpCheck, RawInstanceChange, RawPlace};

use crate::read::{At, Fields, Shape};
use crate::value::Name;

/// All of `hither.toml`.
#[derive(Debug)]
pub(crate) struct RawFile {
    pub(crate) edge: RawEdge,
    pub(crate) admin: RawAdmin,
    pub(crate) log: RawLog,
    pub(crate) cache: RawCache,
    pub(crate) listeners: Vec<RawListener>,
    pub(crate) services: Vec<(At<Name>, RawService)>,
    pub(crate) plugins: Vec<(At<Name>, RawPlugin)>,
    pub(crate) limiters: Vec<(At<Name>, RawQuota)>,
    pub(crate) origins: Vec<RawOrigin>,
}

impl Shape for RawFile {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            edge: fields.table("edge", "This proxy itself."),
            admin: fields.table("admin", "The admin API: status, metrics, reload, plugin swaps."),
            log: fields.table("log", "The application log and the access log."),
            cache: fields.table(
                "cache",
                "The memory in which responses are kept, for services with a cache.",
            ),
            listeners: fields.tables("listener", "Addresses on which clients are served."),
            services: fields.named(
                "service",
                "web",
                "What is served, and by which instances or component.",
            ),
            plugins: fields.named("plugin", "headers", "WebAssembly plugins, for services to use."),
            limiters: fields.named(
                "limiter",
                "per-key",
                "Rate limits for plugins to charge, each key apart.",
            ),
            origins: fields.tables(
                "origin",
                "Built-in origins, for trying things out without servers of one's own.",
            ),
        }
    }
}
