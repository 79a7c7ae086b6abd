//! Services that plugins call: granted, and there.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Check;
use crate::findings::{Finding, join};
use crate::raw::RawService;
use crate::read::{At, closest};
use crate::value::{Capability, Name};

/// A service that a plugin may want to call.
pub(super) struct Callable {
    name: Name,
    by_component: bool,
}

impl Callable {
    pub(super) fn of((name, service): &(At<Name>, RawService)) -> Self {
        let by_component = service.answerer.component.is_some();
        Self { name: name.value.clone(), by_component }
    }
}

impl Check<'_> {
    /// What only a plugin that waits has needs the grant.
    pub(super) fn waits(
        &mut self,
        plugin: &Name,
        http: &At<Vec<At<Name>>>,
        wait: Option<&At<Duration>>,
        grants: &BTreeSet<Capability>,
    ) {
        let place = join("plugin", plugin);
        if grants.contains(&Capability::Http) || self.findings.has(&place, "grants") {
            return;
        }
        let named = http.value.first().map(|first| &first.spot);
        if let Some(spot) = named.or(wait.map(|at| &at.spot)) {
            let finding = Finding::at(spot, "this plugin may call no service")
                .help("calling is granted like every other capability")
                .example("grants = [\"http\"]")
                .absent();
            self.findings.push(finding);
        }
    }

    pub(super) fn called_services(
        &mut self,
        raw: Vec<At<Name>>,
        services: &[Callable],
    ) -> BTreeSet<Name> {
        let mut called = BTreeSet::new();
        for at in raw {
            let name = &at.value;
            let known = services.iter().find(|service| service.name == *name);
            if known.is_some_and(|service| service.by_component) {
                let finding = Finding::at(&at.spot, format!("service {name} has no instances"))
                    .label("a component answers")
                    .help("a plugin calls instances of a service")
                    .example("http = [\"auth\"]");
                self.findings.push(finding);
                continue;
            }
            if known.is_some() || self.findings.has("", "service") {
                called.insert(at.value);
                continue;
            }
            let finding = Finding::at(&at.spot, format!("there is no service named {name}"))
                .help("a plugin calls services that have a table of their own")
                .absent();
            let known = services.iter().map(|service| service.name.as_str());
            self.findings.push(match closest(name, known) {
                Some(near) => finding
                    .label(format!("did you mean \"{near}\"?"))
                    .example(format!("http = [\"{near}\"]")),
                None => finding
                    .label("no table describes it")
                    .example(format!("[[{}.instance]]", join("service", name))),
            });
        }
        called
    }
}
