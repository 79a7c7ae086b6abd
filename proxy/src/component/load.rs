//! Loading the components of a snapshot: what is unchanged is carried over, what is new is checked, compiled
//! and only then handed out.

use super::answerer::Answerer;
use crate::telemetry::ComponentMetrics;
use hither_config::{ComponentPlan, Name, Report, Source};
use hither_plugin_host::{
    Component, ComponentBudget, ComponentHost, ComponentHostOptions, ComponentSpec, HostError,
    Level, PrintedLine, Printer,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Requests that all components of the process answer at once.
const MOST_INSTANCES: u32 = 512;
/// Lines a second that one component may print, as many as a plugin may log.
const LINES: u32 = 100;

/// A component as a snapshot wants it.
pub(crate) struct Wanted<'a> {
    pub(crate) service: &'a Name,
    pub(crate) plan: &'a ComponentPlan,
    pub(crate) bytes: &'a Arc<[u8]>,
    /// Where its problems are told.
    pub(crate) source: &'a Source,
}

/// All that decides who answers: equal prints, equal answerers.
#[derive(PartialEq)]
pub(super) struct Print {
    load: LoadPrint,
    most: u32,
}

/// What loading depends on.
#[derive(Clone, PartialEq)]
struct LoadPrint {
    digest: [u8; 32],
    budget: ComponentBudget,
    environment: BTreeMap<String, String>,
}

impl Print {
    fn of(wanted: &Wanted<'_>) -> Print {
        let plan = wanted.plan;
        Print {
            load: LoadPrint {
                digest: Sha256::digest(wanted.bytes).into(),
                budget: ComponentBudget {
                    time: plan.time,
                    wait: plan.wait,
                    memory: usize::try_from(plan.memory.bytes()).unwrap_or(usize::MAX),
                    lines: LINES,
                },
                environment: plan.environment.clone(),
            },
            most: plan.instances.get(),
        }
    }

    /// The most requests at once.
    pub(super) fn most(&self) -> u32 {
        self.most
    }
}

/// Loads components through one host, which is started for the first of them, as the one of plugins is.
pub(crate) struct ComponentLoader {
    options: ComponentHostOptions,
    host: OnceLock<ComponentHost>,
}

impl ComponentLoader {
    /// Compiled components are kept in `cache`.
    pub(crate) fn new(cache: PathBuf) -> ComponentLoader {
        let options = ComponentHostOptions {
            cache_dir: Some(cache),
            max_instances: MOST_INSTANCES,
            printer: Arc::new(LogPrinter),
        };
        ComponentLoader { options, host: OnceLock::new() }
    }

    fn host(&self) -> Result<&ComponentHost, HostError> {
        if let Some(host) = self.host.get() {
            return Ok(host);
        }
        // Snapshots are built one at a time, so that nobody else starts one meanwhile.
        let host = ComponentHost::new(self.options.clone())?;
        Ok(self.host.get_or_init(|| host))
    }

    /// Who answers for a service: `before` itself where nothing changed.
    ///
    /// # Errors
    /// What is wrong with it, at its place. Nothing that runs is touched.
    pub(crate) fn load(
        &self,
        wanted: &Wanted<'_>,
        before: Option<&Arc<Answerer>>,
        metrics: impl FnOnce() -> ComponentMetrics,
    ) -> Result<Arc<Answerer>, Report> {
        let print = Print::of(wanted);
        if let Some(before) = before.filter(|before| before.print == print) {
            return Ok(before.clone());
        }
        let component = match before.filter(|before| before.print.load == print.load) {
            Some(before) => before.component.clone(),
            None => self.loaded(wanted, &print).map_err(|message| {
                let place = ["service", wanted.service, "component"];
                wanted.source.problem(&place, &message, None)
            })?,
        };
        let service = wanted.service.as_str().into();
        let before = before.map(|before| &**before);
        Ok(Arc::new(Answerer::new(service, component, print, before, metrics())))
    }

    fn loaded(&self, wanted: &Wanted<'_>, print: &Print) -> Result<Arc<Component>, String> {
        let Wanted { service, plan, bytes, .. } = *wanted;
        let environment = plan.environment.iter();
        let spec = ComponentSpec {
            name: service.to_string(),
            bytes: bytes.to_vec(),
            sha256: plan.sha256.map(|digest| digest.to_string()),
            environment: environment.map(|(name, value)| (name.clone(), value.clone())).collect(),
            budget: print.load.budget,
        };
        let host = self.host().map_err(|error| error.to_string())?;
        let why = |error| format!("the component of service {service} cannot be loaded: {error}");
        host.load(spec).map_err(why)
    }
}

/// What components print goes to the application log.
pub(crate) struct LogPrinter;

impl Printer for LogPrinter {
    fn print(&self, line: &PrintedLine<'_>) {
        let (service, revision) = (line.component, line.revision);
        let (exchange, dropped, text) = (line.exchange, line.dropped, line.text);
        match line.level {
            Level::Warn | Level::Error => {
                tracing::warn!(service, revision, exchange, dropped, "{text}");
            }
            _ => tracing::info!(service, revision, exchange, dropped, "{text}"),
        }
    }
}
