//! The secrets of a plugin: granted, and each in one place.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::findings::{Finding, join};
use crate::plan::SecretPlan;
use crate::raw::RawSecret;
use crate::read::At;
use crate::value::{Capability, Name};

impl Check<'_> {
    pub(super) fn secrets(
        &mut self,
        plugin: &Name,
        raw: Vec<(At<Name>, RawSecret)>,
        grants: &BTreeSet<Capability>,
    ) -> BTreeMap<Name, SecretPlan> {
        let place = join("plugin", plugin);
        let granted = grants.contains(&Capability::Secrets) || self.findings.has(&place, "grants");
        if let Some((name, _)) = raw.first().filter(|_| !granted) {
            let finding = Finding::at(&name.spot, "this plugin may use no secrets")
                .help("they are granted like every other capability")
                .example("grants = [\"secrets\"]")
                .absent();
            self.findings.push(finding);
        }
        let plans = raw.into_iter().filter_map(|(name, secret)| {
            let plan = self.secret(secret)?;
            Some((name.value, plan))
        });
        plans.collect()
    }

    fn secret(&mut self, raw: RawSecret) -> Option<SecretPlan> {
        match (raw.file, raw.env) {
            (Some(file), None) => Some(SecretPlan::File(self.path(&file))),
            (None, Some(variable)) => Some(SecretPlan::Variable(variable.value.0)),
            (Some(file), Some(variable)) => {
                let finding = Finding::at(&variable.spot, "this secret is in two places")
                    .related(&file.spot, "in a file, too")
                    .help("only one of them can count")
                    .example(format!("env = \"{}\"", variable.value.0));
                self.findings.push(finding);
                None
            }
            (None, None) => {
                let place = &raw.spot.place;
                if !self.findings.has(place, "file") && !self.findings.has(place, "env") {
                    let finding = Finding::at(&raw.spot, "it is not said where this secret is")
                        .help("in a file, or in an environment variable of the proxy")
                        .example("file = \"secrets/signing\"")
                        .absent();
                    self.findings.push(finding);
                }
                None
            }
        }
    }
}
