//! Who asks for a swap, and how it is done: check -> build -> swap -> drain, with a history.
//!
//! One swap at a time, on a thread that serves nobody. A failure at any step leaves what runs
//! untouched and is told to whoever asked, in the log and in the metrics.

mod history;
mod rollouts;
mod thread;
mod watch;

pub(crate) use rollouts::watch_rollouts;
pub(crate) use watch::watch;

use crate::app::ListenerSet;
use crate::rollout::{End, Rollout, RolloutPlan};
use crate::shared::Shared;
use crate::snapshot::{Builder, Looks, Materials, PluginBytes, Rejection, Snapshot, Trials, diff};
use history::History;
pub(crate) use history::Swap;
use parking_lot::Mutex;
use rollouts::Rollouts;
use serde::Serialize;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thread::Thread;

/// Old snapshots are looked at so often until their last request has ended.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// What is asked for.
pub(crate) enum Change {
    /// What the files said when they were read.
    Files(Box<Materials>),
    /// What ran before the last swap.
    Back,
    /// Other bytes for one plugin, until the next reload from the files.
    Plugin { name: String, bytes: PluginBytes },
    /// A new revision of one plugin beside the one that serves.
    Rollout { name: String, bytes: PluginBytes, plan: RolloutPlan },
    /// A rollout has come to its end.
    End { rollout: Arc<Rollout>, how: End },
    /// The end of a plugin's rollout, or what ran before its last swap.
    PluginBack { name: String },
}

/// What a swap did, or would do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// "swapped", "unchanged" or "checked"; of a rollout "started" or "ended".
    pub(crate) result: &'static str,
    /// The snapshot that serves now.
    pub(crate) snapshot: u64,
    /// One line per change.
    pub(crate) changes: Vec<String>,
    /// Keys whose change only a restart can make.
    pub(crate) needs_restart: Vec<&'static str>,
    /// The rollout that began or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rollout: Option<Value>,
}

impl Outcome {
    fn unchanged(snapshot: u64, needs_restart: Vec<&'static str>) -> Outcome {
        let changes = Vec::new();
        Outcome { result: "unchanged", snapshot, changes, needs_restart, rollout: None }
    }
}

/// Owns the way from one snapshot to the next.
pub(crate) struct Reloader {
    config: PathBuf,
    shared: Arc<Shared>,
    builder: Builder,
    listeners: Arc<ListenerSet>,
    state: Mutex<State>,
    draining: Mutex<Vec<Arc<Snapshot>>>,
    rollouts: Rollouts,
    thread: Thread,
}

struct State {
    running: Materials,
    /// What is beside it.
    trials: Trials,
    history: History,
    /// The files of the last configuration, if that was refused.
    refused: Looks,
}

impl Reloader {
    pub(crate) fn new(
        config: PathBuf,
        shared: Arc<Shared>,
        builder: Builder,
        listeners: Arc<ListenerSet>,
        running: Materials,
    ) -> std::io::Result<Arc<Reloader>> {
        let state = Mutex::new(State {
            running,
            trials: Trials::new(),
            history: History::default(),
            refused: Looks::new(),
        });
        let draining = Mutex::default();
        let thread = Thread::start()?;
        let rollouts = Rollouts::default();
        Ok(Arc::new(Reloader {
            config,
            shared,
            builder,
            listeners,
            state,
            draining,
            rollouts,
            thread,
        }))
    }

    /// The files that are watched, as they looked when they were read: all that what runs was read from, and
    /// what else the last configuration names if that was refused.
    pub(crate) fn looks_when_read(&self) -> Looks {
        let state = self.state.lock();
        let mut looks = state.refused.clone();
        looks.extend(state.running.looks.clone());
        looks
    }

    /// Past swaps, the latest first.
    pub(crate) fn swaps(&self) -> Vec<Swap> {
        self.state.lock().history.swaps()
    }

    /// Swaps to whatever the files say now. None when that panicked, which leaves what ran.
    ///
    /// # Errors
    /// Everything that is wrong, at once; what ran runs on.
    pub(crate) async fn reload(self: &Arc<Self>) -> Option<Result<Outcome, Rejection>> {
        let this = self.clone();
        let from_files = move || {
            let began = Instant::now();
            // Nobody who asks for the state waits for a server that has a plugin.
            let mut looks = Looks::new();
            let read = this.read(&mut looks).map(|materials| Change::Files(Box::new(materials)));
            let outcome = this.apply(began, read);
            this.state.lock().refused = if outcome.is_err() { looks } else { Looks::new() };
            outcome
        };
        self.thread.run(from_files).await
    }

    /// `looks` is told of every file that was looked for.
    fn read(&self, looks: &mut Looks) -> Result<Materials, Rejection> {
        let fetched = self.state.lock().running.fetched.clone();
        Materials::read_telling(&self.config, &fetched, looks)
    }

    /// Carries out another change. None when that panicked, which leaves what ran.
    ///
    /// # Errors
    /// Everything that is wrong, at once; what ran runs on.
    pub(crate) async fn carry_out(
        self: &Arc<Self>,
        change: Change,
    ) -> Option<Result<Outcome, Rejection>> {
        let this = self.clone();
        self.thread.run(move || this.apply(Instant::now(), Ok(change))).await
    }

    /// What a reload from the files would do: everything but the swap. None when that panicked.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub(crate) async fn try_out(self: &Arc<Self>) -> Option<Result<Outcome, Rejection>> {
        let this = self.clone();
        self.thread.run(move || this.dry_run()).await
    }

    /// Blocking: compiles plugins.
    fn apply(
        &self,
        began: Instant,
        change: Result<Change, Rejection>,
    ) -> Result<Outcome, Rejection> {
        let mut state = self.state.lock();
        let outcome = change.and_then(|change| self.try_apply(&mut state, change));
        let took = began.elapsed();
        match &outcome {
            Ok(outcome) => {
                if outcome.rollout.is_none() || outcome.result == "swapped" {
                    self.shared.telemetry.swap(outcome.result);
                }
                self.shared.telemetry.events.tell("swap", || serde_json::json!(outcome));
                tracing::info!(
                    result = outcome.result,
                    snapshot = outcome.snapshot,
                    changes = outcome.changes.join("; "),
                    needs_restart = outcome.needs_restart.join(", "),
                    took = ?took,
                    "reload"
                );
            }
            Err(rejection) => {
                self.shared.telemetry.swap("rejected");
                state.history.rejected(rejection);
                self.shared.telemetry.events.tell("swap", || {
                    let mut told = rejection.json();
                    told["result"] = "rejected".into();
                    told
                });
                tracing::error!("reload rejected; what ran runs on\n{rejection}");
            }
        }
        outcome
    }

    /// Blocking, too.
    fn dry_run(&self) -> Result<Outcome, Rejection> {
        let next = self.read(&mut Looks::new())?;
        let (running, trials) = {
            let state = self.state.lock();
            (state.running.clone(), state.trials.clone())
        };
        let current = self.shared.snapshot();
        self.builder.build(&next, &trials, Some(&current))?;
        Ok(Outcome {
            result: "checked",
            snapshot: current.id,
            changes: diff(&running, &next),
            needs_restart: current.needs_restart(&next.plan),
            rollout: None,
        })
    }

    fn try_apply(&self, state: &mut State, change: Change) -> Result<Outcome, Rejection> {
        let current = self.shared.snapshot();
        let Some(step) = self.step(state, change)? else {
            return Ok(Outcome::unchanged(current.id, Vec::new()));
        };
        let swapped = diff(&state.running, &step.next);
        let needs_restart = current.needs_restart(&step.next.plan);
        if swapped.is_empty() && step.beside.is_none() {
            return Ok(Outcome::unchanged(current.id, needs_restart));
        }
        let built = self.builder.build(&step.next, &step.trials, Some(&current))?;
        drop(current);
        // Bound and opened before the swap: what the system refuses must reject the whole change.
        let listeners = self.listeners.prepare(&step.next.plan)?;
        let access = (state.running.plan.log.access != step.next.plan.log.access)
            .then(|| crate::app::access_log(&step.next.plan))
            .transpose()?;
        let snapshot = built.snapshot.clone();
        let old = self.shared.swap(snapshot.clone());
        self.shared.settle_cache(&old, &snapshot);
        built.settle();
        self.listeners.open(listeners);
        if let Some(access) = access {
            self.shared.telemetry.log_access_to(access);
        }
        self.draining.lock().push(old);
        let mut changes = swapped.clone();
        let result = step.result();
        changes.extend(self.follow_rollouts(state, &step, &snapshot));
        let (cause, id) = (step.cause, snapshot.id);
        let before = std::mem::replace(&mut state.running, step.next);
        state.history.plugins_changed(&before, &state.running);
        match cause {
            _ if swapped.is_empty() => state.history.beside(cause, id, &changes),
            "back" => state.history.went_back(id, &changes),
            _ => state.history.swapped(cause, id, &changes, before),
        }
        let rollout = step.beside.map(|beside| beside.rollout().summary());
        Ok(Outcome { result, snapshot: id, changes, needs_restart, rollout })
    }

    /// Drops old snapshots, with their plugins, once nobody uses them: here and not on the thread
    /// of the last request. Runs for ever.
    pub(crate) async fn drain(self: Arc<Self>) {
        loop {
            tokio::time::sleep(DRAIN_INTERVAL).await;
            let unused = {
                let mut draining = self.draining.lock();
                let (unused, used): (Vec<_>, Vec<_>) =
                    draining.drain(..).partition(|snapshot| Arc::strong_count(snapshot) == 1);
                *draining = used;
                unused
            };
            if !unused.is_empty() {
                self.thread.run(move || drop(unused)).await;
            }
        }
    }
}
