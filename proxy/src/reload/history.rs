//! What ran before, so that one can go back; and what was tried, so that one can see it.

use crate::snapshot::{Materials, PluginBytes, Rejection};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

/// Past configurations that are kept, with their plugins' bytes.
const KEPT: usize = 8;

/// Past events that are told.
const TOLD: usize = 32;

/// One past swap or the refusal of one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Swap {
    /// Seconds since the Unix epoch.
    at: u64,
    /// "file", "plugin" or "back"; "rollout" for one that began, its end's word; "rejected" for a refusal.
    cause: &'static str,
    /// The snapshot that began to serve.
    snapshot: Option<u64>,
    /// One line per change, or the reason of the refusal.
    changes: Vec<String>,
}

#[derive(Default)]
pub(super) struct History {
    before: VecDeque<Materials>,
    /// What was in the place of each plugin's bytes before its last swaps.
    replaced: BTreeMap<String, VecDeque<PluginBytes>>,
    told: VecDeque<Swap>,
}

impl History {
    /// A swap replaced `before`.
    pub(super) fn swapped(
        &mut self,
        cause: &'static str,
        id: u64,
        changes: &[String],
        before: Materials,
    ) {
        self.before.push_back(before);
        while self.before.len() > KEPT {
            self.before.pop_front();
        }
        self.tell(cause, Some(id), changes.to_vec());
    }

    /// A swap went back to [`History::last`], which is thereby used up.
    pub(super) fn went_back(&mut self, id: u64, changes: &[String]) {
        self.before.pop_back();
        self.tell("back", Some(id), changes.to_vec());
    }

    /// Something began or ended beside what serves, which stayed.
    pub(super) fn beside(&mut self, cause: &'static str, id: u64, changes: &[String]) {
        self.tell(cause, Some(id), changes.to_vec());
    }

    /// The bytes of plugins that changed, whoever changed them. Going back uses up what it goes back to.
    pub(super) fn plugins_changed(&mut self, before: &Materials, after: &Materials) {
        self.replaced.retain(|name, _| after.plugins.contains_key(name));
        for (name, new) in &after.plugins {
            let Some(old) = before.plugins.get(name).filter(|old| *old != new) else { continue };
            let replaced = self.replaced.entry(name.clone()).or_default();
            if replaced.back() == Some(new) {
                replaced.pop_back();
                continue;
            }
            replaced.push_back(old.clone());
            while replaced.len() > KEPT {
                replaced.pop_front();
            }
        }
    }

    /// What was in the place of this plugin before its last swap.
    pub(super) fn replaced(&self, plugin: &str) -> Option<PluginBytes> {
        self.replaced.get(plugin)?.back().cloned()
    }

    pub(super) fn rejected(&mut self, rejection: &Rejection) {
        self.tell("rejected", None, vec![rejection.to_string()]);
    }

    /// What ran before the last swap.
    pub(super) fn last(&self) -> Option<Materials> {
        self.before.back().cloned()
    }

    /// The latest first.
    pub(super) fn swaps(&self) -> Vec<Swap> {
        self.told.iter().rev().cloned().collect()
    }

    fn tell(&mut self, cause: &'static str, snapshot: Option<u64>, changes: Vec<String>) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.told.push_back(Swap { at, cause, snapshot, changes });
        while self.told.len() > TOLD {
            self.told.pop_front();
        }
    }
}
