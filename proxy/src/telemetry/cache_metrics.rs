//! What is counted of the cache.

use prometheus::{
    IntCounterVec, IntGauge, Registry, register_int_counter_vec_with_registry as counters,
    register_int_gauge_with_registry as int_gauge,
};

/// The families of the cache.
pub(super) struct CacheFamilies {
    pub(super) requests: IntCounterVec,
    pub(super) bytes: IntGauge,
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
        })
    }
}
