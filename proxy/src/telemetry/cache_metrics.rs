//! What is counted of the cache.

use hither_cache::DiskFigures;
use prometheus::{
    IntCounterVec, IntGauge, Registry, register_int_counter_vec_with_registry as counters,
    register_int_gauge_with_registry as int_gauge,
};

/// The families of the cache.
pub(super) struct CacheFamilies {
    pub(super) requests: IntCounterVec,
    pub(super) bytes: IntGauge,
    disk_bytes: IntGauge,
    disk_objects: IntGauge,
    disk_events: IntCounterVec,
}

impl CacheFamilies {
    pub(super) fn new(r: &Registry) -> Result<CacheFamilies, prometheus::Error> {
        Ok(CacheFamilies {
            requests: counters!(
                "hither_cache_requests_total",
                "What the cache did with requests.",
                &["service", "status"],
                r
            )?,
            bytes: int_gauge!(
                "hither_cache_bytes",
                "Bytes of responses that are kept or being fetched to be kept.",
                r
            )?,
            disk_bytes: int_gauge!(
                "hither_cache_disk_bytes",
                "Bytes of responses that are kept on disk.",
                r
            )?,
            disk_objects: int_gauge!(
                "hither_cache_disk_objects",
                "Responses that are kept on disk.",
                r
            )?,
            disk_events: counters!(
                "hither_cache_disk_events_total",
                "Responses that were written to disk, found there, not written since the disk could not keep \
                 up, or were not what they should have been.",
                &["event"],
                r
            )?,
        })
    }

    /// Takes over what the cache has counted itself.
    pub(super) fn look_at_disk(&self, disk: DiskFigures) {
        self.disk_bytes.set(i64::try_from(disk.bytes).unwrap_or(i64::MAX));
        self.disk_objects.set(i64::try_from(disk.objects).unwrap_or(i64::MAX));
        let events = [
            ("written", disk.written),
            ("hit", disk.hits),
            ("dropped", disk.dropped),
            ("failed", disk.failures),
        ];
        for (event, count) in events {
            let counter = self.disk_events.with_label_values(&[event]);
            counter.reset();
            counter.inc_by(count);
        }
    }
}
