//! A rollout as the admin API and events tell it.

use super::figures::Figures;
use super::{Rollout, Side};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

impl Rollout {
    /// Everything that is known of it.
    pub(crate) fn status(&self) -> Value {
        let mut status = self.summary();
        status["old"] = self.old.status();
        status["new"] = self.new.status();
        if self.plan.kind.share().is_none() {
            let (hooks, dropped) = self.comparison.found();
            status["comparison"] = json!({ "hooks": hooks, "dropped": dropped });
        }
        status
    }

    /// What it is and how it stands, without figures.
    pub(crate) fn summary(&self) -> Value {
        let began = self.began.get().map(|began| began.at);
        let ended = self.ended.lock();
        let (state, why) = match &*ended {
            None => ("running", None),
            Some(ended) => (ended.how.name(), ended.how.why()),
        };
        json!({
            "id": self.id,
            "plugin": &*self.plugin,
            "kind": self.plan.kind.name(),
            "share": self.plan.kind.share().map(|share| share.to_string()),
            "state": state,
            "why": why,
            "began": began.map(seconds),
            "until": began.map(|at| seconds(at + self.plan.lasts)),
            "ended": ended.as_ref().map(|ended| seconds(ended.at)),
            "left_seconds": ended.is_none().then(|| self.left().as_secs_f64()),
        })
    }
}

impl Side {
    fn status(&self) -> Value {
        let Figures { calls, rejects, failures, times } = self.tally.figures();
        let identity = self.identity.get();
        let time = |share| times.quantile(share).map(|time| time.as_secs_f64());
        json!({
            "revision": identity.map(|identity| identity.revision),
            "digest": identity.map(|identity| &identity.digest),
            "calls": calls,
            "failures": failures,
            "rejects": rejects,
            "call_seconds": { "p50": time(0.5), "p90": time(0.9), "p99": time(0.99) },
        })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
