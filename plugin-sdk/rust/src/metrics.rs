//! The `metrics` capability. A metric is named by its position in
//! [`Plugin::METRICS`](crate::Plugin::METRICS).

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::metrics as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::metrics as host;

/// Adds to a counter.
pub fn add(metric: u32, delta: u64) {
    host::add(metric, delta);
}

/// Sets a gauge to a finite value.
pub fn set(metric: u32, value: f64) {
    host::set(metric, value);
}

/// Observes a finite value in a histogram.
pub fn observe(metric: u32, value: f64) {
    host::observe(metric, value);
}
