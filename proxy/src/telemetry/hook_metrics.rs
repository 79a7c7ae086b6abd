//! What is counted of a plugin's calls, with handles for the request path.

use hither_plugin_host::Hook;
use prometheus::{Histogram, IntCounter, IntCounterVec};
use std::time::Duration;

/// One hook's instruments.
pub(super) struct HookMetrics {
    pub(super) ok: IntCounter,
    pub(super) time: Histogram,
    pub(super) remembered: IntCounter,
}

/// One plugin's instruments.
pub(crate) struct PluginMetrics {
    pub(super) plugin: String,
    pub(super) calls: IntCounterVec,
    pub(super) summaries_dropped: IntCounterVec,
    pub(super) hooks: [Option<HookMetrics>; Hook::ALL.len()],
}

impl PluginMetrics {
    /// A verdict was given without a call.
    pub(crate) fn remembered(&self, hook: Hook) {
        if let Some(metrics) = &self.hooks[hook as usize] {
            metrics.remembered.inc();
        }
    }

    /// A hook was called: `outcome` is "ok" or the failure's name.
    pub(crate) fn called(&self, hook: Hook, time: Duration, outcome: Result<(), &str>) {
        let Some(metrics) = &self.hooks[hook as usize] else { return };
        match outcome {
            Ok(()) => metrics.ok.inc(),
            Err(failure) => {
                self.calls.with_label_values(&[self.plugin.as_str(), hook.name(), failure]).inc();
            }
        }
        metrics.time.observe(time.as_secs_f64());
    }

    /// So many summaries never reached it, or were lost with a call that failed.
    pub(crate) fn summaries_dropped(&self, many: u64) {
        if many > 0 {
            self.summaries_dropped.with_label_values(&[self.plugin.as_str()]).inc_by(many);
        }
    }
}
