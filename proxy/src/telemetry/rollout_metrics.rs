//! What is counted of rollouts, with handles for the request path.

use crate::rollout::{How, Likeness, Which};
use prometheus::{
    IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    register_int_counter_vec_with_registry as counters,
    register_int_gauge_vec_with_registry as gauges,
};

/// Every family.
pub(super) struct RolloutFamilies {
    ended: IntCounterVec,
    running: IntGaugeVec,
    calls: IntCounterVec,
    verdicts: IntCounterVec,
    dropped: IntCounterVec,
}

impl RolloutFamilies {
    pub(super) fn new(r: &Registry) -> Result<RolloutFamilies, prometheus::Error> {
        Ok(RolloutFamilies {
            ended: counters!(
                "hither_plugin_rollouts_total",
                "Rollouts of plugins that have ended.",
                &["plugin", "kind", "result"],
                r
            )?,
            running: gauges!(
                "hither_plugin_rollout_running",
                "1 while a rollout of a plugin runs, else 0.",
                &["plugin", "kind"],
                r
            )?,
            calls: counters!(
                "hither_plugin_rollout_calls_total",
                "Calls during rollouts, by the revision that was called.",
                &["plugin", "kind", "revision", "outcome"],
                r
            )?,
            verdicts: counters!(
                "hither_plugin_shadow_verdicts_total",
                "Verdicts of a shadow, compared with those that counted.",
                &["plugin", "hook", "result"],
                r
            )?,
            dropped: counters!(
                "hither_plugin_shadow_dropped_total",
                "Copies for a shadow that were thrown away because it could not keep up.",
                &["plugin"],
                r
            )?,
        })
    }

    pub(super) fn of(&self, plugin: &str, kind: &'static str) -> RolloutMetrics {
        let calls = |which: Which| {
            let revision = match which {
                Which::Old => "old",
                Which::New => "new",
            };
            ["ok", "rejected", "failed"]
                .map(|outcome| self.calls.with_label_values(&[plugin, kind, revision, outcome]))
        };
        RolloutMetrics {
            plugin: plugin.to_owned(),
            kind,
            ended: self.ended.clone(),
            running: self.running.with_label_values(&[plugin, kind]),
            old: calls(Which::Old),
            new: calls(Which::New),
            verdicts: self.verdicts.clone(),
            dropped: self.dropped.with_label_values(&[plugin]),
        }
    }
}

/// One rollout's instruments.
pub(crate) struct RolloutMetrics {
    plugin: String,
    kind: &'static str,
    ended: IntCounterVec,
    running: IntGauge,
    old: [IntCounter; 3],
    new: [IntCounter; 3],
    verdicts: IntCounterVec,
    dropped: IntCounter,
}

impl RolloutMetrics {
    pub(crate) fn began(&self) {
        self.running.set(1);
    }

    pub(crate) fn ended(&self, result: &str) {
        self.running.set(0);
        self.ended.with_label_values(&[self.plugin.as_str(), self.kind, result]).inc();
    }

    pub(crate) fn called(&self, which: Which, how: How) {
        let [ok, rejected, failed] = match which {
            Which::Old => &self.old,
            Which::New => &self.new,
        };
        match how {
            How::Passed => ok.inc(),
            How::Rejected => rejected.inc(),
            How::Failed => failed.inc(),
        }
    }

    pub(crate) fn compared(&self, hook: &str, likeness: Likeness) {
        self.verdicts.with_label_values(&[self.plugin.as_str(), hook, likeness.name()]).inc();
    }

    pub(crate) fn dropped(&self, many: u64) {
        self.dropped.inc_by(many);
    }
}
