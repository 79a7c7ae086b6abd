//! The plugins of a service: names that resolve, each once, with the configuration that counts.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::Check;
use super::unique::Firsts;
use crate::findings::Finding;
use crate::plan::{AttachmentPlan, WhenPlan};
use crate::raw::{RawOverride, RawService, RawWhen};
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
            let here = overrides.get(name);
            let config = here.and_then(|here| here.config.as_ref()).or(*own).cloned();
            let config = config.unwrap_or_else(|| Value::Object(Map::new()));
            let when = here.and_then(|here| self.when(here.when.as_ref()?));
            list.push(AttachmentPlan { plugin: at.value.clone(), config, when });
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

    /// What this service says of its plugins, by plugin.
    fn overrides<'r>(
        &mut self,
        service: &Name,
        raw: &'r RawService,
    ) -> HashMap<&'r str, &'r RawOverride> {
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
            map.insert(name.value.as_str(), own);
            let says = own.config.is_some() || own.when.is_some();
            let refused =
                ["config", "when"].iter().any(|key| self.findings.has(&own.spot.place, key));
            if !says && !refused {
                let finding = Finding::at(&own.spot, "this says nothing of the plugin")
                    .label("`config` or `when` is missing")
                    .help("a plugin's other settings hold for all its services")
                    .example(format!("[{}.config]", own.spot.place))
                    .absent();
                self.findings.push(finding);
            }
        }
        map
    }

    /// A condition that says something, and no method twice.
    fn when(&mut self, raw: &RawWhen) -> Option<WhenPlan> {
        let mut methods: Vec<String> = Vec::new();
        for at in &raw.methods.value {
            let name = &at.value.0;
            if methods.contains(name) {
                let finding = Finding::at(&at.spot, format!("\"{name}\" is listed twice"))
                    .help("once is enough")
                    .example(format!("methods = [\"{name}\"]"));
                self.findings.push(finding);
            } else {
                methods.push(name.clone());
            }
        }
        let path = raw.path.as_ref().map(|at| at.value.clone());
        let header = raw.header.as_ref().map(|at| at.value.0.clone());
        if path.is_some() || header.is_some() || !methods.is_empty() {
            return Some(WhenPlan { path, methods, header });
        }
        let place = &raw.spot.place;
        if !["path", "methods", "header"].iter().any(|key| self.findings.has(place, key)) {
            let finding = Finding::at(&raw.spot, "this condition says nothing")
                .label("`path`, `methods` and `header` are all missing")
                .help("without `when` a plugin is asked about every request")
                .example("when = { path = \"/api/*\" }")
                .absent();
            self.findings.push(finding);
        }
        None
    }
}
