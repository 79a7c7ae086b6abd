//! A plugin that was admitted, compiled and described, and waits for its configurations. It takes no
//! traffic.

use std::fmt;
use std::sync::Arc;

use wasmtime::component::{InstancePre, Linker};

use crate::admit::admit;
use crate::block_on::block_on;
use crate::capability::{self, Capabilities, Places, Rate};
use crate::compile::{compile, hex};
use crate::engine::LARGEST_MEMORY;
use crate::environment::Environment;
use crate::exports::Exports;
use crate::fault::{ConfigureError, Failure, LoadError, Problem, bounded};
use crate::guest::Guest;
use crate::hook::{Capability, Hook, Hooks};
use crate::host::Inner;
use crate::instance::{Bounded, Instance};
use crate::lent::Lent;
use crate::manifest::Manifest;
use crate::memory::Memory;
use crate::revision::Revision;
use crate::shadow::{Onlooker, Shadow};
use crate::spec::{Budget, Config, Isolation, Spec};
use crate::wasi;

/// A plugin's code and what it said of itself. Shared by every [`Revision`] that is configured from it,
/// so that a change of configuration compiles nothing.
pub struct Loaded {
    pub(crate) host: Arc<Inner>,
    pub(crate) name: Arc<str>,
    digest: String,
    hooks: Hooks,
    manifest: Manifest,
    pub(crate) budget: Budget,
    pub(crate) isolation: Isolation,
    pub(crate) waits: bool,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
    memory: Arc<Memory>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .field("manifest", &self.manifest)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    pub(crate) fn load(host: Arc<Inner>, spec: Spec) -> Result<Self, LoadError> {
        let digest = check_digest(&spec.bytes, spec.sha256.as_deref())?;
        check_budget(&spec.budget)?;
        let admitted = admit(&spec.bytes, &spec.grants)?;
        let hooks = admitted.surface.hooks;
        if hooks.contains(Hook::CachePolicy) && !host.caches {
            let hook = "hither:plugin/cache-policy@0.1.0".to_owned();
            return Err(LoadError::Refused(vec![Problem::HookNotServed(hook)]));
        }
        let component = compile(&host.engine, host.cache.as_ref(), &admitted.component)?;
        let refuse = |error: wasmtime::Error| LoadError::Compile(bounded(&format!("{error:#}")));
        let mut linker = Linker::new(&host.engine);
        capability::link(&mut linker, &spec.grants, admitted.surface.waits()).map_err(refuse)?;
        wasi::link(&mut linker, &host.engine, &component).map_err(refuse)?;
        let pre = linker.instantiate_pre(&component).map_err(refuse)?;
        let exports = Exports::find(&pre, hooks).map_err(refuse)?;
        let manifest = describe(&host, &spec.budget, &pre, &exports, admitted.surface.waits())?;
        if hooks.contains(Hook::Background) && manifest.tick.is_none() {
            let why = "it exports `background`, so its `extra` must hold a tick, such as (\"tick\", \"1s\")";
            return Err(LoadError::Manifest(why.to_owned()));
        }
        check_by_inputs(&manifest, &admitted.surface.needs)?;
        let memory = host.memory(&spec.name, spec.budget.store);
        Ok(Self {
            host,
            name: spec.name.into(),
            digest,
            hooks,
            manifest,
            budget: spec.budget,
            isolation: spec.isolation,
            waits: admitted.surface.waits(),
            pre,
            exports,
            memory,
        })
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the bytes that were loaded, as 64 lower-case hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The hooks that it exports.
    pub fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The JSON Schema of its configuration, against which the caller checks before
    /// [`Loaded::configure`], since only the caller can point at the line.
    pub fn config_schema(&self) -> Option<&serde_json::Value> {
        self.manifest.config_schema.as_ref()
    }

    /// The budget it was loaded with.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Makes a revision that may take traffic: starts the first instances and hands them all
    /// configurations. Blocks for as long as that takes, at most the startup budget each.
    ///
    /// # Errors
    /// When the plugin refuses a configuration, fails over one, or cannot have its metrics. Whatever
    /// ran before runs on.
    pub fn configure(
        self: &Arc<Self>,
        configs: Vec<Config>,
    ) -> Result<Arc<Revision>, ConfigureError> {
        self.configure_with(configs, Lent::default())
    }

    /// As [`Loaded::configure`], for a plugin that is lent something.
    ///
    /// # Errors
    /// The same.
    pub fn configure_with(
        self: &Arc<Self>,
        configs: Vec<Config>,
        lent: Lent,
    ) -> Result<Arc<Revision>, ConfigureError> {
        let environment = Arc::clone(&self.host.environment);
        self.configure_in(configs, lent, environment, Arc::clone(&self.memory), false)
    }

    /// Makes a revision that is shown copies of what another one decides: see [`Shadow`].
    ///
    /// # Errors
    /// The same, but for metrics: a shadow has none.
    pub fn configure_shadow(
        self: &Arc<Self>,
        configs: Vec<Config>,
        lent: Lent,
    ) -> Result<Shadow, ConfigureError> {
        let onlooker = Arc::new(Onlooker::new(Arc::clone(&self.host.environment)));
        let environment = Arc::clone(&onlooker) as Arc<dyn Environment>;
        let memory = Arc::new(self.memory.scratch());
        let revision = self.configure_in(configs, lent, environment, memory, true)?;
        Ok(Shadow::new(revision, onlooker))
    }

    fn configure_in(
        self: &Arc<Self>,
        configs: Vec<Config>,
        lent: Lent,
        environment: Arc<dyn Environment>,
        memory: Arc<Memory>,
        watches: bool,
    ) -> Result<Arc<Revision>, ConfigureError> {
        let plugin = || self.name.to_string();
        let declared: Arc<[_]> = self.manifest.metrics.clone().into();
        let sink = environment
            .metrics(&self.name, &declared)
            .map_err(|reason| ConfigureError::Metrics { plugin: plugin(), reason })?;
        let capabilities = Capabilities {
            plugin: Arc::clone(&self.name),
            revision: self.host.next_revision(),
            environment,
            declared,
            sink,
            memory,
            rate: Rate::new(self.budget.log_lines, self.host.epoch),
            lent,
            calls: Places::new(self.budget.http_calls, self.budget.http_answer),
            watches,
            epoch: self.host.epoch,
        };
        let revision = Revision::new(Arc::clone(self), configs, capabilities)?;
        revision.warm().map_err(|failure| match failure {
            Failure::Unconfigured { config, reason } => {
                ConfigureError::Refused { plugin: plugin(), config, reason }
            }
            failure => ConfigureError::Failed { plugin: plugin(), failure },
        })?;
        Ok(Arc::new(revision))
    }

    pub(crate) fn bounded(&self) -> Bounded<'_> {
        Bounded { engine: &self.host.engine, budget: &self.budget }
    }
}

fn describe(
    host: &Inner,
    budget: &Budget,
    pre: &InstancePre<Guest>,
    exports: &Exports,
    waits: bool,
) -> Result<Manifest, LoadError> {
    let bounded = Bounded { engine: &host.engine, budget };
    let guest = Guest::new(budget.memory, host.ticker.enrol(), None);
    let raw = match waits {
        false => Instance::start(&bounded, pre, exports, guest, budget.startup)
            .and_then(|mut instance| instance.describe(&bounded)),
        true => block_on(async {
            let time = budget.startup;
            let started = Instance::start_waiting(&bounded, pre, exports, guest, time).await;
            started?.describe_waiting(&bounded).await
        }),
    };
    let raw = raw.map_err(LoadError::Describe)?;
    Manifest::read(raw).map_err(LoadError::Manifest)
}

/// A remembered verdict is given without a call, so whatever else a call does would not be done.
fn check_by_inputs(manifest: &Manifest, needs: &[Capability]) -> Result<(), LoadError> {
    if !manifest.by_inputs || needs.is_empty() {
        return Ok(());
    }
    let needs =
        needs.iter().map(|need| format!("`{}`", need.name())).collect::<Vec<_>>().join(", ");
    Err(LoadError::Manifest(format!(
        "extra says that verdicts are `by-inputs`, but it imports {needs}: a verdict that is \
         remembered would neither ask nor tell the host anything"
    )))
}

/// The digest of what is loaded, which must be the expected one if there is one.
pub(crate) fn check_digest(bytes: &[u8], expected: Option<&str>) -> Result<String, LoadError> {
    use sha2::{Digest, Sha256};
    let found = hex(&Sha256::digest(bytes));
    match expected {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => {
            Err(LoadError::Digest { expected: bounded(expected), found })
        }
        _ => Ok(found),
    }
}

fn check_budget(budget: &Budget) -> Result<(), LoadError> {
    let refuse = |text: &str| Err(LoadError::Budget(text.to_owned()));
    if budget.memory > LARGEST_MEMORY {
        return refuse("memory can be at most 4 GiB");
    }
    if budget.instances == 0 {
        return refuse("a plugin needs at least one instance");
    }
    if budget.time.is_zero() || budget.startup.is_zero() {
        return refuse("a plugin needs some time for each call");
    }
    Ok(())
}
