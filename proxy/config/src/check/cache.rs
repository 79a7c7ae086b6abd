//! The cache: what is kept must fit into it.

use super::Check;
use crate::findings::Finding;
use crate::plan::{CachePlan, CachingPlan, DiskPlan};
use crate::raw::{RawCache, RawCaching};
use crate::value::Size;

/// The size of a folder that says none.
const DISK: Size = Size::new(10 << 30);

impl Check<'_> {
    pub(super) fn cache(&mut self, raw: RawCache) -> CachePlan {
        let disk = raw.disk.map(|at| DiskPlan {
            folder: self.path(&at),
            size: raw.disk_size.as_ref().map_or(DISK, |at| at.value),
        });
        if let (None, Some(at)) = (&disk, &raw.disk_size)
            && !self.findings.has("cache", "disk")
        {
            let finding = Finding::at(&at.spot, "there is no folder to give a size to")
                .help("responses are kept on disk where `disk` says")
                .example("disk = \"/var/cache/hither\"")
                .absent();
            self.findings.push(finding);
        }
        CachePlan { memory: raw.memory.value, disk }
    }

    /// A service's: none where it has none, or it is off.
    pub(super) fn caching(&mut self, raw: Option<RawCaching>, memory: Size) -> Option<CachingPlan> {
        let raw = raw.filter(|raw| raw.enabled.value)?;
        let most = memory.bytes() / 2;
        if raw.max_object.value.bytes() > most && !self.findings.has("cache", "memory") {
            let object = raw.max_object.value.bytes();
            let message = format!("a body of {object} bytes could never be kept");
            let spot = match raw.max_object.spot.span == raw.spot.span {
                true => &raw.spot,
                false => &raw.max_object.spot,
            };
            let finding = Finding::at(spot, message)
                .label(format!("the cache keeps at most half its memory for one: {most} bytes"))
                .help("[cache] memory is for all services together; max_object is 8MiB by default")
                .example(format!("max_object = \"{}KiB\"", (most / 8 / 1024).max(1)));
            self.findings.push(finding);
        }
        Some(CachingPlan {
            default_ttl: raw.default_ttl.value,
            stale_while_revalidate: raw.stale_while_revalidate.value,
            stale_if_error: raw.stale_if_error.value,
            max_object: raw.max_object.value,
        })
    }
}
