//! Plugins: what is granted must fit what is set.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Check;
use super::http::Callable;
use crate::findings::{Finding, join};
use crate::plan::PluginPlan;
use crate::raw::{RawPlugin, RawQuota};
use crate::read::{At, closest};
use crate::value::{Capability, Name, Size};

/// The size of a store that says none.
const STORE: Size = Size::new(1 << 20);
/// How long a plugin waits that says nothing.
const WAIT: Duration = Duration::from_secs(1);

impl Check<'_> {
    pub(super) fn plugins(
        &mut self,
        raw: Vec<(At<Name>, RawPlugin)>,
        limiters: &[(At<Name>, RawQuota)],
        services: &[Callable],
    ) -> BTreeMap<Name, PluginPlan> {
        let plans = raw.into_iter().filter_map(|(name, plugin)| {
            let plan = self.plugin(&name.value, plugin, limiters, services)?;
            Some((name.value, plan))
        });
        plans.collect()
    }

    fn plugin(
        &mut self,
        name: &Name,
        raw: RawPlugin,
        limiters: &[(At<Name>, RawQuota)],
        services: &[Callable],
    ) -> Option<PluginPlan> {
        let grants = self.grants(raw.grants.value);
        self.waits(name, &raw.http, raw.wait.as_ref(), &grants);
        let http = self.called_services(raw.http.value, services);
        let limiters = self.lent_limiters(raw.limiters.value, limiters);
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
        let sha256 = raw.sha256.map(|at| at.value);
        let code = self.code(raw.file?, sha256, "sha256")?;
        let config = raw.config.unwrap_or_else(|| Value::Object(Map::new()));
        Some(PluginPlan {
            code,
            sha256,
            grants,
            on_failure: raw.on_failure.value,
            isolation: raw.isolation.value,
            time: raw.time.value,
            memory: raw.memory.value,
            instances: NonZeroU32::new(raw.instances.value)?,
            body: raw.body.value,
            store: raw.store.map_or(STORE, |at| at.value),
            limiters,
            http,
            wait: raw.wait.map_or(WAIT, |at| at.value),
            secrets,
            config,
        })
    }

    fn grants(&mut self, raw: Vec<At<Capability>>) -> BTreeSet<Capability> {
        let mut grants = BTreeSet::new();
        for at in raw {
            if !grants.insert(at.value) {
                let word = at.value.as_str();
                let finding = Finding::at(&at.spot, format!("\"{word}\" is granted twice"))
                    .help("once is enough")
                    .example(format!("grants = [\"{word}\"]"));
                self.findings.push(finding);
            }
        }
        grants
    }

    fn lent_limiters(
        &mut self,
        raw: Vec<At<Name>>,
        limiters: &[(At<Name>, RawQuota)],
    ) -> BTreeSet<Name> {
        let mut lent = BTreeSet::new();
        for at in raw {
            let name = &at.value;
            if limiters.iter().any(|(known, _)| known.value == *name)
                || self.findings.has("", "limiter")
            {
                lent.insert(at.value);
                continue;
            }
            let finding = Finding::at(&at.spot, format!("there is no limiter named {name}"))
                .help("a plugin charges limiters that have a table of their own")
                .absent();
            let known = limiters.iter().map(|(known, _)| known.value.as_str());
            self.findings.push(match closest(name, known) {
                Some(near) => finding
                    .label(format!("did you mean \"{near}\"?"))
                    .example(format!("limiters = [\"{near}\"]")),
                None => finding
                    .label("no table describes it")
                    .example(format!("[{}]\nrate = \"100/s\"", join("limiter", name))),
            });
        }
        lent
    }
}
