//! The plugins of a service: names that resolve, each once, with the configuration that counts.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::Check;
use super::unique::Firsts;
use crate::findings::Finding;
use crate::plan::AttachmentPlan;
use crate::raw::RawService;
use crate::read::{At, closest};
use crate::value::Name;

/// The configuration of each plugin of the file, where it has one.
pub(super) type Plugins<'r> = BTreeMap<&'r str, Option<&'r Value>>;

impl Check<'_> {
    pub(super) fn attachments(
        &mut self,
        service: &Name,
        raw: &RawService,
        plugins: &Plugins<'_>,
    ) -> Vec<AttachmentPlan> {
        let overrides = self.overrides(service, raw);
        let mut seen = Firsts::new();
        let mut list = Vec::new();
        for at in &raw.plugins.value {
            let name = at.value.as_str();
            if let Some(first) = seen.before(name, &at.spot) {
                let finding = Finding::at(&at.spot, format!("plugin {name} is listed twice"))
                    .related(first, "listed here first")
                    .help("a request passes each plugin once")
                    .example(format!("plugins = [\"{name}\"]"));
                self.findings.push(finding);
                continue;
            }
            let Some(own) = plugins.get(name) else {
                self.unknown_plugin(at, plugins);
                continue;
            };
            let config = overrides.get(name).copied().or(*own).cloned();
            let config = config.unwrap_or_else(|| Value::Object(Map::new()));
            list.push(AttachmentPlan { plugin: at.value.clone(), config });
        }
        list
    }

    fn unknown_plugin(&mut self, at: &At<Name>, plugins: &Plugins<'_>) {
        if self.findings.has("", "plugin") {
            return;
        }
        let name = &at.value;
        let finding = Finding::at(&at.spot, format!("there is no plugin named {name}"))
            .help("a service lists plugins that have a table of their own")
            .absent();
        self.findings.push(match closest(name, plugins.keys().copied()) {
            Some(near) => finding
                .label(format!("did you mean \"{near}\"?"))
                .example(format!("plugins = [\"{near}\"]")),
            None => finding.label("no table describes it").example(format!(
                "[{}]\nfile = \"plugins/{name}.wasm\"",
                crate::findings::join("plugin", name)
            )),
        });
    }

    /// The configurations that this service has of its own, by plugin.
    fn overrides<'r>(
        &mut self,
        service: &Name,
        raw: &'r RawService,
    ) -> HashMap<&'r str, &'r Value> {
        let place = &raw.spot.place;
        let mut map = HashMap::new();
        for (name, own) in &raw.overrides {
            let attached = raw.plugins.value.iter().any(|at| at.value == name.value);
            if !attached && !self.findings.has(place, "plugins") {
                let message = format!("service {service} does not use the plugin {}", name.value);
                let finding = Finding::at(&name.spot, message)
                    .label("so this would do nothing")
                    .help(format!("list it in the plugins of [{place}], or remove this"))
                    .example(format!("plugins = [\"{}\"]", name.value))
                    .absent();
                self.findings.push(finding);
            }
            if let Some(config) = &own.config {
                map.insert(name.value.as_str(), config);
            } else if !self.findings.has(&own.spot.place, "config") {
                let finding = Finding::at(&own.spot, "this overrides nothing")
                    .label("`config` is missing")
                    .help("a plugin's other settings hold for all its services")
                    .example(format!("[{}.config]", own.spot.place))
                    .absent();
                self.findings.push(finding);
            }
        }
        map
    }
}
