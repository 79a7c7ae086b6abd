//! The host: the engine, its clock, the cache of compiled code and the stores of all plugins. One per
//! process.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::Mutex;
use wasmtime::Engine;

use crate::cache::Cache;
use crate::engine;
use crate::environment::Environment;
use crate::fault::{HostError, LoadError};
use crate::loaded::Loaded;
use crate::memory::Memory;
use crate::spec::Spec;
use crate::ticker::Ticker;

/// What a host is started with.
#[derive(Clone)]
pub struct HostOptions {
    /// Where compiled plugins are kept; made with mode 0700 if need be. None: compile at every load.
    pub cache_dir: Option<PathBuf>,
    /// Instances of all plugins together. Each reserves 4 GiB of address space and no memory.
    pub max_instances: u32,
    /// What stands behind the capabilities.
    pub environment: Arc<dyn Environment>,
    /// Whether whoever calls has a cache to ask `cache-policy` for; without one, such a plugin is refused
    /// rather than never called. Default no.
    pub caches: bool,
}

impl HostOptions {
    /// No cache on disk, at most 512 instances.
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { cache_dir: None, max_instances: 512, environment, caches: false }
    }
}

impl fmt::Debug for HostOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostOptions")
            .field("cache_dir", &self.cache_dir)
            .field("max_instances", &self.max_instances)
            .field("caches", &self.caches)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    pub(crate) cache: Option<Cache>,
    pub(crate) caches: bool,
    pub(crate) environment: Arc<dyn Environment>,
    /// The beginning of time for stores and rates.
    pub(crate) epoch: Instant,
    revisions: AtomicU64,
    /// Held by what was loaded; a name that nothing loaded bears any more leaves nothing behind.
    memories: Mutex<HashMap<String, Weak<Memory>>>,
}

/// Loads plugins. Cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the engine and the thread that ends overdue calls.
    ///
    /// # Errors
    /// When address space for the instances cannot be had, or the thread not be started.
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let engine = engine::engine(options.max_instances, engine::FEW_WARM)?;
        let ticker = Ticker::start(engine.clone()).map_err(HostError::Ticker)?;
        Ok(Self(Arc::new(Inner {
            engine,
            ticker,
            cache: options.cache_dir.map(Cache::new),
            caches: options.caches,
            environment: options.environment,
            epoch: Instant::now(),
            revisions: AtomicU64::new(1),
            memories: Mutex::default(),
        })))
    }

    /// Loads a plugin: checks, compiles and describes it. Blocks, for seconds with a large one, so it
    /// is not for request threads.
    ///
    /// # Errors
    /// Why it cannot be loaded, in words for the operator. Nothing that runs is touched.
    pub fn load(&self, spec: Spec) -> Result<Arc<Loaded>, LoadError> {
        Loaded::load(Arc::clone(&self.0), spec).map(Arc::new)
    }
}

impl Inner {
    pub(crate) fn next_revision(&self) -> u64 {
        self.revisions.fetch_add(1, Ordering::Relaxed)
    }

    /// The store of this plugin name, as large as its newest load says.
    pub(crate) fn memory(&self, name: &str, bytes: usize) -> Arc<Memory> {
        let mut memories = self.memories.lock();
        memories.retain(|_, memory| memory.strong_count() > 0);
        if let Some(memory) = memories.get(name).and_then(Weak::upgrade) {
            memory.resize(bytes);
            return memory;
        }
        let memory = Arc::new(Memory::new(bytes));
        memories.insert(name.to_owned(), Arc::downgrade(&memory));
        memory
    }
}
