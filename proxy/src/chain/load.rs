//! Loading plugins for a snapshot: what is unchanged is carried over with its instances; what is
//! new is loaded, checked against its own schema, configured and only then handed out.

use super::{Plugin, Trial};
use crate::rollout::{Kind, Rollout};
use crate::snapshot::PluginSecrets;
use crate::telemetry::PluginMetrics;
use hither_config::{
    Capability as Grant, Isolation as IsolationPlan, Name, OnFailure as OnFailurePlan, Plan,
    PluginPlan, Report, Source,
};
use hither_plugin_host::{
    Budget, Capability, Config, ConfigureError, Hook, Host, HostError, HostOptions, Isolation,
    Lent, Loaded, OnFailure, Secret, Spec,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

/// What an answer may hold beside a body, and the least that it may hold with one.
const MEGABYTE: usize = 1 << 20;

/// The configurations of one plugin, each with a number, and which service has which.
pub(crate) struct Attachments {
    configs: Vec<Value>,
    services: BTreeMap<Name, u32>,
}

impl Attachments {
    /// Numbers the configurations that are in use; a plugin that no service uses keeps its own, so
    /// that a mistake in it is found now and not when it is attached.
    pub(crate) fn of(name: &Name, plugin: &PluginPlan, plan: &Plan) -> Attachments {
        let mut attachments = Attachments { configs: Vec::new(), services: BTreeMap::new() };
        for (service, plan) in &plan.services {
            for attachment in plan.plugins.iter().filter(|a| a.plugin == *name) {
                let id = attachments.number(&attachment.config);
                attachments.services.insert(service.clone(), id);
            }
        }
        if attachments.configs.is_empty() {
            attachments.number(&plugin.config);
        }
        attachments
    }

    fn number(&mut self, config: &Value) -> u32 {
        let known = self.configs.iter().position(|known| known == config);
        let place = known.unwrap_or_else(|| {
            self.configs.push(config.clone());
            self.configs.len() - 1
        });
        place as u32
    }

    /// The number of this service's configuration.
    pub(crate) fn config_of(&self, service: &Name) -> Option<u32> {
        self.services.get(service).copied()
    }

    fn handed_over(&self) -> Vec<Config> {
        let numbered = (0..).zip(&self.configs);
        numbered.map(|(id, value)| Config { id, json: value.to_string().into_bytes() }).collect()
    }
}

/// A plugin as a snapshot wants it.
pub(crate) struct Wanted<'a> {
    pub(crate) name: &'a Name,
    pub(crate) plan: &'a PluginPlan,
    pub(crate) bytes: &'a Arc<[u8]>,
    pub(crate) secrets: Option<&'a Arc<PluginSecrets>>,
    pub(crate) attachments: &'a Attachments,
    /// Where its problems are told.
    pub(crate) source: &'a Source,
}

impl Wanted<'_> {
    fn problem(&self, key: &str, message: &str) -> Report {
        self.source.problem(&["plugin", self.name, key], message, None)
    }

    fn refused(&self, error: &ConfigureError) -> Report {
        self.problem("config", &error.to_string())
    }
}

/// All that a plugin was loaded from: equal prints, equal plugins.
#[derive(Clone, PartialEq)]
pub(super) struct Print {
    load: LoadPrint,
    on_failure: Option<OnFailure>,
    body: u64,
    configs: Vec<Value>,
    secrets: Option<Arc<PluginSecrets>>,
    limiters: BTreeSet<Name>,
    http: BTreeSet<Name>,
    /// It only watches: it must never serve, whatever else is equal.
    watches: bool,
}

/// What loading depends on, configuration aside.
#[derive(Clone, PartialEq)]
struct LoadPrint {
    digest: [u8; 32],
    grants: Vec<Capability>,
    budget: Budget,
    isolation: Isolation,
}

/// Loads plugins through one host, which is started for the first of them: it reserves terabytes of
/// address space, which an edge without plugins may not even be allowed to.
pub(crate) struct PluginLoader {
    options: HostOptions,
    host: OnceLock<Host>,
}

impl PluginLoader {
    pub(crate) fn new(options: HostOptions) -> PluginLoader {
        PluginLoader { options, host: OnceLock::new() }
    }

    fn host(&self) -> Result<&Host, HostError> {
        if let Some(host) = self.host.get() {
            return Ok(host);
        }
        // Snapshots are built one at a time, so that nobody else starts one meanwhile.
        let host = Host::new(self.options.clone())?;
        Ok(self.host.get_or_init(|| host))
    }

    /// The plugin for a snapshot: one of `before` where nothing changed.
    ///
    /// # Errors
    /// What is wrong with it, at its place. Nothing that runs is touched.
    pub(crate) fn load(
        &self,
        wanted: &Wanted<'_>,
        before: &[&Arc<Plugin>],
        metrics: impl FnOnce(Vec<Hook>) -> PluginMetrics,
    ) -> Result<Arc<Plugin>, Report> {
        let print = print(wanted, false);
        if let Some(before) = before.iter().find(|before| before.print == print) {
            return Ok(Arc::clone(before));
        }
        let loaded = self.checked(wanted, &print, before)?;
        let configs = wanted.attachments.handed_over();
        let configured = loaded.configure_with(configs, lent(wanted));
        let revision = configured.map_err(|error| wanted.refused(&error))?;
        let metrics = metrics(revision.hooks().iter().collect());
        Ok(Arc::new(Plugin::new(wanted.name.as_str().into(), revision, print, metrics)))
    }

    /// A new revision beside `old`, on trial by `rollout`.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn try_out(
        &self,
        wanted: &Wanted<'_>,
        old: &Arc<Plugin>,
        rollout: &Arc<Rollout>,
        metrics: impl FnOnce(Vec<Hook>) -> PluginMetrics,
    ) -> Result<Arc<Trial>, Report> {
        let rollout = rollout.clone();
        if let Kind::Canary(_) = rollout.plan.kind {
            let new = self.load(wanted, &[], metrics)?;
            return Ok(Arc::new(Trial::canary(old, new, rollout)));
        }
        let print = print(wanted, true);
        let loaded = self.checked(wanted, &print, &[old])?;
        let configs = wanted.attachments.handed_over();
        let configured = loaded.configure_shadow(configs, lent(wanted));
        let shadow = configured.map_err(|error| wanted.refused(&error))?;
        let metrics = metrics(loaded.hooks().iter().collect());
        let (name, revision) = (wanted.name.as_str().into(), shadow.revision().clone());
        let new = Arc::new(Plugin::new(name, revision, print, metrics));
        Trial::shadow(old, new, shadow, rollout).map(Arc::new).map_err(|error| {
            wanted.problem("file", &format!("the thread of its shadow cannot be started: {error}"))
        })
    }

    /// Its code, and its configuration as its own schema wants it.
    fn checked(
        &self,
        wanted: &Wanted<'_>,
        print: &Print,
        before: &[&Arc<Plugin>],
    ) -> Result<Arc<Loaded>, Report> {
        let loaded = match before.iter().find(|before| before.print.load == print.load) {
            Some(before) => before.revision.loaded().clone(),
            None => self.loaded(wanted, print).map_err(|error| wanted.problem("file", &error))?,
        };
        let schema = loaded.config_schema().map(Value::to_string).unwrap_or_default();
        wanted.source.check_plugin_config(wanted.name, &schema)?;
        Ok(loaded)
    }

    fn loaded(&self, wanted: &Wanted<'_>, print: &Print) -> Result<Arc<Loaded>, String> {
        let Wanted { name, plan, bytes, .. } = *wanted;
        let spec = Spec {
            name: name.to_string(),
            bytes: bytes.to_vec(),
            sha256: plan.sha256.map(|digest| digest.to_string()),
            grants: print.load.grants.clone(),
            budget: print.load.budget.clone(),
            isolation: print.load.isolation,
        };
        let host = self.host().map_err(|error| error.to_string())?;
        host.load(spec).map_err(|error| format!("plugin `{name}` cannot be loaded: {error}"))
    }
}

fn lent(wanted: &Wanted<'_>) -> Lent {
    let secrets = wanted.secrets.iter().flat_map(|secrets| secrets.iter());
    Lent {
        secrets: secrets.map(|(name, own)| (name.clone(), Secret::new(own.bytes()))).collect(),
        limiters: wanted.plan.limiters.iter().map(Name::to_string).collect(),
        services: wanted.plan.http.iter().map(Name::to_string).collect(),
    }
}

impl Print {
    pub(super) fn on_failure(&self) -> Option<OnFailure> {
        self.on_failure
    }

    pub(super) fn body(&self) -> u64 {
        self.body
    }
}

fn print(wanted: &Wanted<'_>, watches: bool) -> Print {
    let Wanted { plan, bytes, attachments, .. } = *wanted;
    let grant = |grant: &Grant| match grant {
        Grant::Log => Capability::Log,
        Grant::Store => Capability::Store,
        Grant::Metrics => Capability::Metrics,
        Grant::Instances => Capability::Instances,
        Grant::Limits => Capability::Limits,
        Grant::CacheControl => Capability::CacheControl,
        Grant::Http => Capability::Http,
        Grant::Secrets => Capability::Secrets,
    };
    Print {
        load: LoadPrint {
            digest: Sha256::digest(bytes).into(),
            grants: plan.grants.iter().map(grant).collect(),
            budget: Budget {
                time: plan.time,
                wait: plan.wait,
                memory: usize::try_from(plan.memory.bytes()).unwrap_or(usize::MAX),
                instances: plan.instances.get() as usize,
                store: usize::try_from(plan.store.bytes()).unwrap_or(usize::MAX),
                output: usize::try_from(plan.body.bytes()).unwrap_or(usize::MAX).max(MEGABYTE)
                    + MEGABYTE,
                ..Budget::default()
            },
            isolation: match plan.isolation {
                IsolationPlan::Pooled => Isolation::Pooled,
                IsolationPlan::PerRequest => Isolation::PerRequest,
            },
        },
        on_failure: match plan.on_failure {
            OnFailurePlan::ByHook => None,
            OnFailurePlan::Skip => Some(OnFailure::Skip),
            OnFailurePlan::Reject => Some(OnFailure::Reject),
        },
        body: plan.body.bytes(),
        configs: attachments.configs.clone(),
        secrets: wanted.secrets.cloned(),
        limiters: plan.limiters.clone(),
        http: plan.http.clone(),
        watches,
    }
}
