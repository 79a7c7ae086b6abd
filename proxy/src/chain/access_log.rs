//! What plugins are told of exchanges that have ended: queued on the request's thread, handed over in batches
//! on a thread of the plugin's own. A queue that is full drops and counts; nothing here ever waits for a
//! plugin. Upgraded connections are not told of: a tunnel outlives its plugins.

use super::inputs::Facts;
use super::{Chain, Exchange, Plugin, RequestMessage};
use crate::gathering::{Gathering, Pace};
use crate::snapshot::Edge;
use hither_plugin_host::{Hook, Summary};
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Summaries that are handed over at once.
const BATCH: usize = 128;
/// Each takes at most 9 KiB.
const PACE: Pace = Pace { most: 1024, enough: BATCH, patience: Duration::from_millis(200) };

/// What is told of an exchange beside its head and what its plugins said.
pub(crate) struct Finished<'a> {
    pub(crate) exchange: u64,
    pub(crate) client: IpAddr,
    pub(crate) service: &'a Arc<str>,
    pub(crate) edge: &'a Edge,
    pub(crate) duration: Duration,
    pub(crate) upstream: Duration,
    pub(crate) status: u16,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) instance: Option<(&'a str, &'a str)>,
    /// As in Cache-Status; empty: no cache was asked.
    pub(crate) cache: &'static str,
    pub(crate) fault: &'static str,
}

impl Chain {
    /// Whether anybody wants to be told of exchanges that have ended.
    pub(crate) fn watches_ends(&self) -> bool {
        self.watches_ends
    }

    /// Queues what each plugin with the hook is to be told. An exchange that ended before its plugins were
    /// asked is told of as well, under the same condition.
    pub(crate) fn on_complete(
        &self,
        head: &impl RequestMessage,
        finished: &Finished<'_>,
        exchange: &mut Exchange,
    ) {
        let started_ms = exchange.began_ms(finished.duration);
        for (place, link) in self.links.iter().enumerate() {
            let misses = || link.when.as_ref().is_some_and(|when| when.misses(head).is_some());
            let plugin = link.decider(exchange, place);
            let Some(queue) = plugin.log() else { continue };
            if exchange.passed_over(place).unwrap_or_else(misses) {
                continue;
            }
            let facts =
                Facts::of_finished(head.headers(), head.path(), finished, exchange.metadata());
            let (id, region) = finished.instance.unwrap_or_default();
            queue.push(Summary {
                exchange: finished.exchange,
                config: link.config,
                memo: exchange.memo(place),
                started_ms,
                duration: finished.duration,
                upstream: finished.upstream,
                status: finished.status,
                request_bytes: finished.request_bytes,
                response_bytes: finished.response_bytes,
                service: finished.service.clone(),
                instance: id.into(),
                region: region.into(),
                cache: finished.cache,
                fault: finished.fault,
                inputs: plugin.revision.inputs_of(link.config, &facts),
            });
        }
    }
}

/// The queue of one plugin, and the thread that hands it over. Dropped, it hands over what is left.
pub(super) struct Log {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Queue {
    waiting: Gathering<Summary>,
    /// Since they were last counted.
    dropped: AtomicU64,
}

impl Log {
    /// Begins to hand over, until it is dropped.
    pub(super) fn start(plugin: &Arc<Plugin>) -> std::io::Result<Log> {
        let dropped = AtomicU64::new(0);
        let queue = Arc::new(Queue { waiting: Gathering::new(PACE), dropped });
        let (taken, weak) = (queue.clone(), Arc::downgrade(plugin));
        let revision = plugin.revision.clone();
        let runtime = runtime(revision.waits())?;
        let thread =
            std::thread::Builder::new().name(format!("log-{}", plugin.name)).spawn(move || {
                let mut batch = Vec::new();
                while taken.waiting.take(&mut batch, BATCH) {
                    let told = || match &runtime {
                        None => revision.on_complete(&batch),
                        Some(runtime) => runtime.block_on(revision.on_complete_waiting(&batch)),
                    };
                    let lost = tell(&weak, Hook::AccessLog, told());
                    let dropped = taken.dropped.swap(0, Ordering::Relaxed);
                    if let Some(plugin) = weak.upgrade() {
                        let lost = if lost { batch.len() as u64 } else { 0 };
                        plugin.metrics.summaries_dropped(dropped + lost);
                    }
                }
            })?;
        Ok(Log { queue, thread: Mutex::new(Some(thread)) })
    }

    fn push(&self, summary: Summary) {
        if !self.queue.waiting.put(1, |all| all.push(summary)) {
            self.queue.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands over what is left and waits for that; blocks for as long as the plugin may take.
    pub(super) fn finish(&self) {
        self.queue.waiting.close();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.waiting.close();
    }
}

/// For calls that wait, on a thread where nobody else does.
pub(super) fn runtime(waits: bool) -> std::io::Result<Option<Runtime>> {
    let build = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    waits.then(build).transpose()
}

/// Counts a call that no request waited for; whether it failed.
pub(super) fn tell(
    plugin: &Weak<Plugin>,
    hook: Hook,
    report: hither_plugin_host::Report<()>,
) -> bool {
    match plugin.upgrade() {
        Some(plugin) => plugin.judge(hook, report, false).is_err(),
        None => report.outcome.is_err(),
    }
}
