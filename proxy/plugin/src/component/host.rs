//! The engine of all components, and how one is loaded: checked, compiled or taken from the cache on disk, and
//! linked. One host per process.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::prints::{Press, Printer};
use super::spec::{ComponentBudget, ComponentSpec};
use super::visitor::Visitor;
use crate::admit::admit_component;
use crate::cache::Cache;
use crate::capability::Rate;
use crate::compile::compile;
use crate::engine::{self, LARGEST_MEMORY};
use crate::fault::{HostError, LoadError, bounded};
use crate::loaded::check_digest;
use crate::ticker::{Running, Ticker};

/// What a component host is started with.
#[derive(Clone)]
pub struct ComponentHostOptions {
    /// Where compiled components are kept; made with mode 0700 if need be. None: compile at every load.
    pub cache_dir: Option<PathBuf>,
    /// Instances of all components together, one for each request that is being answered. Each reserves
    /// 4 GiB of address space and no memory.
    pub max_instances: u32,
    /// Who takes what components print.
    pub printer: Arc<dyn Printer>,
}

impl fmt::Debug for ComponentHostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentHostOptions")
            .field("cache_dir", &self.cache_dir)
            .field("max_instances", &self.max_instances)
            .finish_non_exhaustive()
    }
}

struct Inner {
    engine: Engine,
    ticker: Ticker,
    cache: Option<Cache>,
    printer: Arc<dyn Printer>,
    begin: Instant,
    revisions: AtomicU64,
}

/// Loads components. Cheap to clone.
#[derive(Clone)]
pub struct ComponentHost(Arc<Inner>);

impl fmt::Debug for ComponentHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComponentHost").finish_non_exhaustive()
    }
}

impl ComponentHost {
    /// Starts the engine and the thread that makes busy instances yield and ends overdue ones.
    ///
    /// # Errors
    /// When address space for the instances cannot be had, or the thread not be started.
    pub fn new(options: ComponentHostOptions) -> Result<Self, HostError> {
        let engine = engine::engine(options.max_instances, engine::MANY_WARM)?;
        let ticker = Ticker::start(engine.clone()).map_err(HostError::Ticker)?;
        Ok(Self(Arc::new(Inner {
            engine,
            ticker,
            cache: options.cache_dir.map(Cache::new),
            printer: options.printer,
            begin: Instant::now(),
            revisions: AtomicU64::new(1),
        })))
    }

    /// Loads a component. Blocks, for seconds with a large one, so it is not for request threads. Nothing
    /// of it is run: its start belongs to each request.
    ///
    /// # Errors
    /// Why it cannot be loaded, in words for the operator. Nothing that runs is touched.
    pub fn load(&self, spec: ComponentSpec) -> Result<Arc<Component>, LoadError> {
        let host = Arc::clone(&self.0);
        let digest = check_digest(&spec.bytes, spec.sha256.as_deref())?;
        if spec.budget.memory > LARGEST_MEMORY {
            return Err(LoadError::Budget("memory can be at most 4 GiB".to_owned()));
        }
        let admitted = admit_component(&spec.bytes)?;
        let component = compile(&host.engine, host.cache.as_ref(), &admitted)?;
        let refuse = |error: wasmtime::Error| LoadError::Compile(bounded(&format!("{error:#}")));
        let mut linker = Linker::<Visitor>::new(&host.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(refuse)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(refuse)?;
        let pre = linker.instantiate_pre(&component).and_then(ProxyPre::new).map_err(refuse)?;
        let revision = host.revisions.fetch_add(1, Ordering::Relaxed);
        let press = Arc::new(Press {
            component: spec.name.into(),
            revision,
            printer: Arc::clone(&host.printer),
            rate: Rate::new(spec.budget.lines, host.begin),
        });
        let (environment, budget) = (spec.environment, spec.budget);
        Ok(Arc::new(Component { host, digest, revision, environment, budget, pre, press }))
    }
}

/// A component that may answer requests.
pub struct Component {
    host: Arc<Inner>,
    digest: String,
    revision: u64,
    pub(super) environment: Vec<(String, String)>,
    budget: ComponentBudget,
    pub(super) pre: ProxyPre<Visitor>,
    pub(super) press: Arc<Press>,
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("name", &self.press.component)
            .field("digest", &self.digest)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Component {
    /// SHA-256 of the bytes that were loaded, as 64 lower-case hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Counts up with each load of this process.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The budget it was loaded with.
    pub fn budget(&self) -> &ComponentBudget {
        &self.budget
    }

    pub(super) fn enrol(&self) -> Arc<Running> {
        self.host.ticker.enrol()
    }
}
