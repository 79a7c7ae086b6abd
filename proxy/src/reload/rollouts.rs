//! Rollouts as swaps: what a change asks of the snapshot and of what is beside it, what ends thereby, and who
//! looks whether one has come to its end.

use super::{Change, Reloader, State};
use crate::rollout::{End, Rollout, RolloutPlan};
use crate::snapshot::{Materials, PluginBytes, Rejection, Snapshot, TrialWish, Trials};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Between two looks at the figures of what runs.
const INTERVAL: Duration = Duration::from_millis(200);
/// After an end that could not be carried out.
const BACK_OFF: Duration = Duration::from_secs(5);
/// Rollouts that are told of, those that run included.
const TOLD: usize = 16;

/// Every rollout that runs, and the last that have ended.
#[derive(Default)]
pub(super) struct Rollouts {
    known: Mutex<VecDeque<Arc<Rollout>>>,
    last: AtomicU64,
}

impl Rollouts {
    fn next_id(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn add(&self, rollout: Arc<Rollout>) {
        let mut known = self.known.lock();
        known.push_back(rollout);
        while known.len() > TOLD
            && let Some(old) = known.iter().position(|rollout| !rollout.runs())
        {
            known.remove(old);
        }
    }

    fn all(&self) -> Vec<Arc<Rollout>> {
        self.known.lock().iter().rev().cloned().collect()
    }
}

/// What a change makes of the materials and of what is beside them.
pub(super) struct Step {
    pub(super) cause: &'static str,
    pub(super) next: Materials,
    pub(super) trials: Trials,
    pub(super) beside: Option<Beside>,
}

/// A rollout that a step is about.
pub(super) enum Beside {
    Begins(Arc<Rollout>),
    Ends(Arc<Rollout>, End),
}

impl Beside {
    pub(super) fn rollout(&self) -> &Rollout {
        match self {
            Beside::Begins(rollout) | Beside::Ends(rollout, _) => rollout,
        }
    }
}

impl Step {
    fn of(cause: &'static str, next: Materials, state: &State) -> Step {
        Step { cause, next, trials: state.trials.clone(), beside: None }
    }

    /// The word for what was done.
    pub(super) fn result(&self) -> &'static str {
        match &self.beside {
            None | Some(Beside::Ends(_, End::Promoted)) => "swapped",
            Some(Beside::Begins(_)) => "started",
            Some(Beside::Ends(..)) => "ended",
        }
    }
}

impl Reloader {
    /// Rollouts, the latest first.
    pub(crate) fn rollouts(&self) -> Vec<Value> {
        self.rollouts.all().iter().map(|rollout| rollout.status()).collect()
    }

    /// What `change` asks for; none where there is nothing left to do.
    pub(super) fn step(&self, state: &State, change: Change) -> Result<Option<Step>, Rejection> {
        Ok(Some(match change {
            Change::Files(materials) => Step::of("file", *materials, state),
            Change::Back => {
                let last = state.history.last();
                Step::of("back", last.ok_or_else(|| nothing("nothing was swapped yet"))?, state)
            }
            Change::Plugin { name, bytes } => {
                Step::of("plugin", state.running.with_plugin(&name, bytes)?, state)
            }
            Change::Rollout { name, bytes, plan } => self.begin(state, &name, bytes, plan)?,
            Change::End { rollout, how } => return end(state, &rollout, how),
            Change::PluginBack { name } => match state.trials.get(name.as_str()) {
                Some(trial) => return end(state, &trial.rollout, End::Stopped),
                None => {
                    // Names the plugins that there are, where this is none.
                    let before = state.history.replaced(&name);
                    let next = state.running.with_plugin(&name, before.clone().unwrap_or_default());
                    let next = next?;
                    before.ok_or_else(|| nothing(&format!("`{name}` was not swapped")))?;
                    Step::of("plugin", next, state)
                }
            },
        }))
    }

    fn begin(
        &self,
        state: &State,
        name: &str,
        bytes: PluginBytes,
        plan: RolloutPlan,
    ) -> Result<Step, Rejection> {
        // For its complaint about a name that is none.
        state.running.with_plugin(name, bytes.clone())?;
        if let Some(trial) = state.trials.get(name) {
            let kind = trial.rollout.plan.kind.name();
            return Err(Rejection::Other(format!(
                "a {kind} of `{name}` runs; wait for its end, or end it: hither plugin swap {name} --back"
            )));
        }
        if state.running.plugins.get(name) == Some(&bytes) {
            return Err(Rejection::Other(format!(
                "these are the bytes of `{name}` that serve already: there is nothing to compare"
            )));
        }
        let name: Arc<str> = name.into();
        let metrics = self.shared.telemetry.rollout(&name, plan.kind.name());
        let rollout = Arc::new(Rollout::new(self.rollouts.next_id(), name.clone(), plan, metrics));
        let mut step = Step::of("rollout", state.running.clone(), state);
        step.trials.insert(name, TrialWish { bytes, rollout: rollout.clone() });
        step.beside = Some(Beside::Begins(rollout));
        Ok(step)
    }

    /// A step was carried out, and `snapshot` serves: rollouts begin and end with it. Gives a line for each.
    pub(super) fn follow_rollouts(
        &self,
        state: &mut State,
        step: &Step,
        snapshot: &Snapshot,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, trial) in &state.trials {
            if snapshot.trial(&trial.rollout).is_some() {
                continue;
            }
            let how = match &step.beside {
                Some(Beside::Ends(rollout, how)) if Arc::ptr_eq(rollout, &trial.rollout) => {
                    how.clone()
                }
                _ if !step.next.plugins.contains_key(&**name) => {
                    End::Replaced("the plugin was removed".to_owned())
                }
                _ => End::Replaced("another revision of the plugin serves now".to_owned()),
            };
            lines.push(self.ended(&trial.rollout, how));
        }
        if let Some(Beside::Begins(rollout)) = &step.beside {
            rollout.begin();
            self.rollouts.add(rollout.clone());
            lines.push(self.began(rollout));
        }
        let running = step.trials.iter().filter(|(_, t)| snapshot.trial(&t.rollout).is_some());
        state.trials = running.map(|(name, trial)| (name.clone(), trial.clone())).collect();
        lines
    }

    fn began(&self, rollout: &Rollout) -> String {
        let (plugin, plan) = (&rollout.plugin, rollout.plan);
        let kind = plan.kind.name();
        let share = plan.kind.share().map(|share| format!(" of {share}")).unwrap_or_default();
        tracing::info!(%plugin, kind, lasts = ?plan.lasts, "a rollout begins");
        self.shared.telemetry.events.tell("rollout", || rollout.summary());
        format!("plugin.{plugin}: {kind}{share} for {:?} begins", plan.lasts)
    }

    fn ended(&self, rollout: &Rollout, how: End) -> String {
        let (plugin, kind, result) = (&rollout.plugin, rollout.plan.kind.name(), how.name());
        let why = how.why().map(str::to_owned);
        if rollout.end(how.clone()) {
            match how {
                End::RolledBack(why) => {
                    tracing::warn!(%plugin, kind, result, why, "a rollout has ended");
                }
                _ => tracing::info!(%plugin, kind, result, why, "a rollout has ended"),
            }
            self.shared.telemetry.events.tell("rollout", || rollout.status());
        }
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        format!("plugin.{plugin}: {kind} {}{why}", result.replace('_', " "))
    }
}

fn end(state: &State, rollout: &Arc<Rollout>, how: End) -> Result<Option<Step>, Rejection> {
    let running = state.trials.get(&rollout.plugin);
    let Some(trial) = running.filter(|trial| Arc::ptr_eq(&trial.rollout, rollout)) else {
        return Ok(None);
    };
    let next = match how {
        End::Promoted => state.running.with_plugin(&rollout.plugin, trial.bytes.clone())?,
        _ => state.running.clone(),
    };
    let mut step = Step::of(how.name(), next, state);
    step.trials.remove(&rollout.plugin);
    step.beside = Some(Beside::Ends(rollout.clone(), how));
    Ok(Some(step))
}

fn nothing(why: &str) -> Rejection {
    Rejection::Other(format!("there is nothing to go back to: {why}"))
}

/// Ends rollouts whose time has come, or whose new revision is worse. Whoever asked for one need not stay. Runs
/// for ever.
pub(crate) async fn watch_rollouts(reloader: Arc<Reloader>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        for rollout in reloader.rollouts.all() {
            let Some(how) = rollout.due() else { continue };
            let change = Change::End { rollout: rollout.clone(), how };
            if !matches!(reloader.carry_out(change).await, Some(Ok(_))) {
                // Then at least not half of it stays; its reason is in the log.
                let how = End::RolledBack("its end could not be carried out".to_owned());
                let _ = reloader.carry_out(Change::End { rollout, how }).await;
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}
