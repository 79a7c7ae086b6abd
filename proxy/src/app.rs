//! The composition root: from a configuration file to a running edge, and to its orderly end.

use crate::admin::Admin;
use crate::chain::{PluginEnvironment, PluginLoader};
use crate::component::ComponentLoader;
use crate::explain::{self, Explanation, Question, Source};
use crate::origin::{Origin, OriginSpec};
use crate::reload::Reloader;
use crate::serve::{Bound, Listeners, Stage, TlsGround, Worker};
use crate::shared::Shared;
use crate::snapshot::{Builder, Fetched, Materials, Rejection, Snapshot, Trials, key_seed};
use crate::telemetry::{AccessLog, Telemetry, init_logging};
use crate::upstream::Watcher;
use hither_cache::DiskOptions;
use hither_config::{AccessLog as AccessPlan, LogFormat, Plan};
use hither_plugin_host::HostOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// A worker runs plugins (512 KiB of stack) under Pingora's own frames.
const WORKER_STACK: usize = 4 * 1024 * 1024;

/// For the first answers of DNS.
const FIRST_ANSWERS: Duration = Duration::from_secs(3);

/// How long the end waits for the access log's last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Reads `config`, serves until told to end, and drains.
///
/// # Errors
/// The configuration is not usable, or the system refused an address, a file or a thread.
pub(crate) fn run(config: &Path) -> Result<(), Rejection> {
    let materials = Materials::read(config, &Fetched::new())?;
    let log = &materials.plan.log;
    init_logging(log.format == LogFormat::Json, log.level.as_str());
    crate::host_facts::take_all_descriptors();
    control_runtime()?.block_on(async {
        let edge = Edge::start(config, materials).await?;
        edge.until_told().await;
        Ok(())
    })
}

fn control_runtime() -> Result<tokio::runtime::Runtime, Rejection> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Rejection::Other(format!("the control runtime could not start: {error}")))
}

/// Reads, loads and builds everything that `config` names, and serves nothing.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn check(config: &Path) -> Result<(), Rejection> {
    let materials = Materials::read(config, &Fetched::new())?;
    let telemetry = telemetry(AccessLog::off())?;
    let (builder, ..) = builder(&materials.plan, &telemetry)?;
    builder.build(&materials, &Trials::new(), None).map(drop)
}

/// Explains what a request would get from an edge that has just begun to run with `config`: every
/// instance well and idle, round trips known where they are fixed, DNS not asked.
///
/// # Errors
/// The configuration is not usable, or what is asked cannot be a request.
pub(crate) fn explain(config: &Path, question: &Question) -> Result<Explanation, Rejection> {
    let materials = Materials::read(config, &Fetched::new())?;
    let telemetry = telemetry(AccessLog::off())?;
    let (builder, _, environment) = builder(&materials.plan, &telemetry)?;
    let snapshot = builder.build(&materials, &Trials::new(), None)?.snapshot;
    // Plugins may ask for the instances.
    let shared = Shared::new(snapshot.clone(), telemetry);
    environment.serves(&shared);
    let runtime = control_runtime()?;
    runtime
        .block_on(explain::explain(&snapshot, shared.cache, question, Source::File))
        .map_err(|bad| Rejection::Other(bad.to_string()))
}

fn telemetry(access: AccessLog) -> Result<Arc<Telemetry>, Rejection> {
    Telemetry::new(access)
        .map(Arc::new)
        .map_err(|error| Rejection::Other(format!("the metrics could not be set up: {error}")))
}

fn builder(
    plan: &Plan,
    telemetry: &Arc<Telemetry>,
) -> Result<(Builder, Watcher, Arc<PluginEnvironment>), Rejection> {
    let environment = PluginEnvironment::new(telemetry.clone());
    let mut options = HostOptions::new(environment.clone());
    options.caches = true;
    options.cache_dir = Some(plan.edge.plugin_cache.clone());
    let components = ComponentLoader::new(plan.edge.plugin_cache.clone());
    let plugins = PluginLoader::new(options);
    let tls = TlsGround::new()
        .map_err(|error| Rejection::Other(format!("TLS could not be set up: {error}")))?;
    let (builder, watcher) = Builder::new(plugins, components, tls, telemetry.clone());
    Ok((builder, watcher, environment))
}

/// Opens the folder that the cache keeps responses in, if a plan has one.
///
/// # Errors
/// It cannot be used.
fn open_disk(shared: &Shared, plan: &Plan) -> Result<(), Rejection> {
    let Some(disk) = &plan.cache.disk else { return Ok(()) };
    let options = DiskOptions { folder: disk.folder.clone(), size: disk.size.bytes() };
    shared.cache.open_disk(&options).map_err(|error| {
        let folder = disk.folder.display();
        Rejection::Other(format!("the cache's folder {folder} cannot be used: {error}"))
    })
}

/// Opens the access log that a plan asks for.
///
/// # Errors
/// Its file cannot be opened.
pub(crate) fn access_log(plan: &Plan) -> Result<AccessLog, Rejection> {
    let opened = match &plan.log.access {
        AccessPlan::Off => Ok(AccessLog::off()),
        AccessPlan::Stdout => AccessLog::stdout(),
        AccessPlan::File(path) => AccessLog::file(path).map_err(|error| {
            std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        }),
    };
    opened.map_err(|error| Rejection::Other(format!("the access log cannot be opened: {error}")))
}

/// The listeners of the process, which a reload may change.
pub(crate) struct ListenerSet {
    workers: usize,
    current: watch::Sender<Listeners>,
}

impl ListenerSet {
    fn new(workers: usize) -> ListenerSet {
        ListenerSet { workers, current: watch::Sender::new(Arc::from([])) }
    }

    /// Binds what `plan` adds; what it keeps stays bound.
    ///
    /// # Errors
    /// An address cannot be bound.
    pub(crate) fn prepare(&self, plan: &Plan) -> Result<Listeners, Rejection> {
        let current = self.current.borrow().clone();
        let bind = |listener: &hither_config::ListenerPlan| {
            let configured: Arc<str> = listener.address.to_string().into();
            if let Some(kept) = current.iter().find(|bound| bound.configured == configured) {
                return Ok(kept.clone());
            }
            let bound = Bound::new(configured.clone(), listener.address, self.workers, key_seed());
            bound.map(Arc::new).map_err(|error| {
                Rejection::Other(format!("listener {configured} cannot be bound: {error}"))
            })
        };
        plan.listeners.iter().map(bind).collect()
    }

    /// From now on these accept, and others no longer.
    pub(crate) fn open(&self, listeners: Listeners) {
        let before = self.current.borrow().clone();
        for bound in listeners.iter().filter(|bound| !before.iter().any(|b| Arc::ptr_eq(b, bound)))
        {
            tracing::info!(listener = %bound.configured, address = %bound.address, "listening");
        }
        self.current.send_replace(listeners);
    }

    /// Nothing accepts any more.
    fn close(&self) {
        self.current.send_replace(Arc::from([]));
    }

    fn subscribe(&self) -> watch::Receiver<Listeners> {
        self.current.subscribe()
    }
}

/// A running edge.
struct Edge {
    shared: Arc<Shared>,
    reloader: Arc<Reloader>,
    stage: watch::Sender<Stage>,
    listeners: Arc<ListenerSet>,
    workers: Vec<thread::JoinHandle<()>>,
    drain_timeout: Duration,
}

impl Edge {
    async fn start(config: &Path, materials: Materials) -> Result<Edge, Rejection> {
        let plan = materials.plan.clone();
        let telemetry = telemetry(access_log(&plan)?)?;
        start_origins(&plan)?;
        let (builder, watcher, environment) = builder(&plan, &telemetry)?;
        let built = builder.build(&materials, &Trials::new(), None)?;
        let first = built.snapshot.clone();
        let threads = plan.edge.threads.get() as usize;
        let listeners = Arc::new(ListenerSet::new(threads));
        let bound = listeners.prepare(&plan)?;
        tokio::spawn(watcher.run(telemetry.clone()));
        built.settle();
        hear_of_dns(&first).await;
        let shared = Shared::new(first, telemetry);
        open_disk(&shared, &plan)?;
        environment.serves(&shared);
        let reloader =
            Reloader::new(config.to_owned(), shared.clone(), builder, listeners.clone(), materials)
                .map_err(|error| {
                    Rejection::Other(format!("the reload thread could not start: {error}"))
                })?;
        let stage = watch::Sender::new(Stage::Serving);
        let admin =
            Admin::bind(&plan.admin, reloader.clone(), shared.clone(), stage.subscribe()).await?;
        let workers = start_workers(threads, &shared, &listeners, &stage)?;
        listeners.open(bound);
        tokio::spawn(admin.serve());
        tokio::spawn(crate::reload::watch(reloader.clone()));
        tokio::spawn(crate::overload::watch(shared.clone()));
        tokio::spawn(reloader.clone().drain());
        tokio::spawn(crate::reload::watch_rollouts(reloader.clone()));
        let drain_timeout = plan.edge.drain_timeout;
        Ok(Edge { shared, reloader, stage, listeners, workers, drain_timeout })
    }

    /// Serves until SIGTERM or SIGINT, then drains. SIGHUP reloads.
    async fn until_told(self) {
        let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) = (
            signal(SignalKind::hangup()),
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        ) else {
            tracing::error!("signals cannot be received");
            return;
        };
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    let reloader = self.reloader.clone();
                    // Its outcome is logged where it is known.
                    tokio::spawn(async move { reloader.reload().await });
                }
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        self.drain(terminate, interrupt).await;
    }

    /// Stops accepting, lets what runs finish, for `drain_timeout` at most. A second signal ends it.
    async fn drain(self, mut terminate: Signal, mut interrupt: Signal) {
        tracing::info!(timeout = ?self.drain_timeout, "draining");
        self.listeners.close();
        self.stage.send_replace(Stage::Draining);
        let (workers, shared) = (self.workers, self.shared);
        let telemetry = shared.telemetry.clone();
        let joined = tokio::task::spawn_blocking(move || {
            workers.into_iter().for_each(|worker| drop(worker.join()));
            // Nothing ends any more: what has ended is told.
            let snapshot = shared.snapshot();
            let beside = snapshot.trials.iter().map(|trial| &trial.plugin);
            snapshot.plugins.iter().chain(beside).for_each(|plugin| plugin.finish());
        });
        tokio::select! {
            _ = joined => tracing::info!("drained"),
            () = tokio::time::sleep(self.drain_timeout) => {
                tracing::warn!("drain timeout: what still ran is cut");
            }
            _ = terminate.recv() => tracing::warn!("told twice: what still ran is cut"),
            _ = interrupt.recv() => tracing::warn!("told twice: what still ran is cut"),
        }
        // What has been told is written, unless whoever takes it is stuck.
        let written = tokio::task::spawn_blocking(move || telemetry.finish());
        let _ = tokio::time::timeout(LAST_LINES, written).await;
        // The runtime would wait for the join; the process need not.
        std::process::exit(0);
    }
}

fn start_workers(
    threads: usize,
    shared: &Arc<Shared>,
    listeners: &ListenerSet,
    stage: &watch::Sender<Stage>,
) -> Result<Vec<thread::JoinHandle<()>>, Rejection> {
    let start = |index: usize| {
        let worker = Worker {
            index,
            shared: shared.clone(),
            listeners: listeners.subscribe(),
            stage: stage.subscribe(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new()
            .name(format!("worker-{index}"))
            .stack_size(WORKER_STACK)
            .spawn(move || runtime.block_on(worker.run()))
    };
    let started: std::io::Result<Vec<_>> = (0..threads).map(start).collect();
    started.map_err(|error| Rejection::Other(format!("a worker could not be started: {error}")))
}

/// Instances that only DNS knows should be there when the first request is; but an edge that cannot
/// ask serves its other services.
async fn hear_of_dns(snapshot: &Snapshot) {
    let heard = snapshot.services.iter().filter_map(|service| service.fleet.heard_of_dns());
    let all = async {
        for mut heard in heard {
            // The sender goes only with its service, which then has nothing to wait for.
            let _ = heard.wait_for(|heard| *heard).await;
        }
    };
    let _ = tokio::time::timeout(FIRST_ANSWERS, all).await;
}

/// Runs the `[[origin]]` tables on a thread of their own, so that they do not steal the edge's time
/// more than another process would.
fn start_origins(plan: &Plan) -> Result<(), Rejection> {
    if plan.origins.is_empty() {
        return Ok(());
    }
    let fail = |what: String| Rejection::Other(what);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fail(format!("the origins' runtime could not start: {error}")))?;
    let mut bound = Vec::new();
    for origin in &plan.origins {
        let spec = OriginSpec {
            address: origin.address,
            region: origin.region.to_string(),
            delay: origin.delay,
        };
        let one = thread::scope(|scope| {
            // Blocking on a runtime is not allowed inside another one's thread.
            scope.spawn(|| runtime.block_on(Origin::bind(spec))).join()
        });
        match one {
            Ok(Ok(one)) => bound.push(one),
            Ok(Err(error)) => {
                return Err(fail(format!("origin {} cannot be bound: {error}", origin.address)));
            }
            Err(_) => return Err(fail(format!("origin {} could not be started", origin.address))),
        }
    }
    thread::Builder::new()
        .name("origins".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                for one in bound {
                    tracing::info!(address = %one.local_address(), "origin listening");
                    tokio::spawn(crate::origin::serve(one, std::future::pending()));
                }
                std::future::pending::<()>().await;
            });
        })
        .map(drop)
        .map_err(|error| fail(format!("the origins' thread could not start: {error}")))
}

/// Where a running edge with this configuration can be administered.
///
/// # Errors
/// The configuration is not usable.
pub(crate) fn admin_of(config: PathBuf) -> Result<hither_config::AdminPlan, Rejection> {
    let source = hither_config::Source::read(config).map_err(Rejection::Unreadable)?;
    Ok(hither_config::load(&source, &crate::host_facts::environment())?.admin.clone())
}
