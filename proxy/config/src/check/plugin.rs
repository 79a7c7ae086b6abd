//! Plugins: what is granted must fit what is set.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use serde_json::{Map, Value};

use super::Check;
use crate::findings::{Finding, join};
use crate::plan::PluginPlan;
use crate::raw::RawPlugin;
use crate::read::At;
use crate::value::{Capability, Name, Size};

/// The size of a store that says none.
const STORE: Size = Size::new(1 << 20);

impl Check<'_> {
    pub(super) fn plugins(
        &mut self,
        raw: Vec<(At<Name>, RawPlugin)>,
    ) -> BTreeMap<Name, PluginPlan> {
        let plans = raw.into_iter().filter_map(|(name, plugin)| {
            let plan = self.plugin(&name.value, plugin)?;
            Some((name.value, plan))
        });
        plans.collect()
    }

    fn plugin(&mut self, name: &Name, raw: RawPlugin) -> Option<PluginPlan> {
        let mut grants = BTreeSet::new();
        for at in raw.grants.value {
            if !grants.insert(at.value) {
                let word = at.value.as_str();
                let finding = Finding::at(&at.spot, format!("\"{word}\" is granted twice"))
                    .help("once is enough")
                    .example(format!("grants = [\"{word}\"]"));
                self.findings.push(finding);
            }
        }
        if let Some(at) = &raw.store
            && !grants.contains(&Capability::Store)
            && !self.findings.has(&join("plugin", name), "grants")
        {
            let finding = Finding::at(&at.spot, "this plugin has no store to give a size to")
                .help("the store is granted like every other capability")
                .example("grants = [\"store\"]")
                .absent();
            self.findings.push(finding);
        }
        let secrets = self.secrets(name, raw.secrets, &grants);
        let config = raw.config.unwrap_or_else(|| Value::Object(Map::new()));
        Some(PluginPlan {
            file: self.path(&raw.file?),
            sha256: raw.sha256.map(|at| at.value),
            grants,
            on_failure: raw.on_failure.value,
            isolation: raw.isolation.value,
            time: raw.time.value,
            memory: raw.memory.value,
            instances: NonZeroU32::new(raw.instances.value)?,
            store: raw.store.map_or(STORE, |at| at.value),
            secrets,
            config,
        })
    }
}
