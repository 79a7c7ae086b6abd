//! The host functions: what a plugin may ask for, bounded; one capability, one file. Each begins with
//! [`Guest::enter`], which counts it. Which of them a plugin is linked with at all was decided by its
//! grants.

mod cache_control;
mod http;
mod instances;
mod limits;
mod log;
mod metrics;
mod rate;
mod secrets;
mod store;

pub(crate) use http::Places;
pub(crate) use log::plain;
pub(crate) use rate::Rate;

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::{HasSelf, Linker};

use crate::contract::hither::plugin as contract;
use crate::environment::{Environment, MetricSink};
use crate::guest::Guest;
use crate::hook::Capability;
use crate::lent::Lent;
use crate::manifest::Metric;
use crate::memory::Memory;

/// What one configured revision may use.
pub(crate) struct Capabilities {
    pub(crate) plugin: Arc<str>,
    pub(crate) revision: u64,
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) declared: Arc<[Metric]>,
    pub(crate) sink: Arc<dyn MetricSink>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) rate: Rate,
    pub(crate) lent: Lent,
    pub(crate) calls: Places,
    /// It sees copies, and nobody acts on what it says.
    pub(crate) watches: bool,
    /// Where the store's time begins.
    pub(crate) epoch: Instant,
}

/// Links what was granted. What was not granted is not there, even if admission had a hole.
pub(crate) fn link(
    linker: &mut Linker<Guest>,
    grants: &[Capability],
    waits: bool,
) -> wasmtime::Result<()> {
    let mut grants = grants.to_vec();
    grants.sort();
    grants.dedup();
    for grant in grants {
        match grant {
            Capability::Log => contract::log::add_to_linker::<_, HasSelf<Guest>>(linker, own)?,
            Capability::Metrics => {
                contract::metrics::add_to_linker::<_, HasSelf<Guest>>(linker, own)?;
            }
            Capability::Store => contract::store::add_to_linker::<_, HasSelf<Guest>>(linker, own)?,
            Capability::Instances => {
                contract::instances::add_to_linker::<_, HasSelf<Guest>>(linker, own)?;
            }
            Capability::Limits => {
                contract::limits::add_to_linker::<_, HasSelf<Guest>>(linker, own)?;
            }
            Capability::CacheControl => {
                contract::cache_control::add_to_linker::<_, HasSelf<Guest>>(linker, own)?;
            }
            // Whoever does not import it is linked without, and so runs without a fiber.
            Capability::Http if waits => {
                contract::http::add_to_linker::<_, HasSelf<Guest>>(linker, own)?;
            }
            Capability::Http => {}
            Capability::Secrets => {
                contract::secrets::add_to_linker::<_, HasSelf<Guest>>(linker, own)?;
            }
        }
    }
    Ok(())
}

fn own(guest: &mut Guest) -> &mut Guest {
    guest
}
