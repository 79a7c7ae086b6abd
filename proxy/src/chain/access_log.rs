//! What plugins are told of exchanges that have ended: queued on the request's thread, handed over in batches
//! on a thread of the plugin's own. A queue that is full drops and counts; nothing here ever waits for a
//! plugin. Upgraded connections are not told of: a tunnel outlives its plugins.

use super::inputs::Facts;
use super::{Chain, Exchange, Plugin, RequestMessage};
use crate::snapshot::Edge;
use hither_plugin_host::{Hook, Summary};
use parking_lot::{Condvar, Mutex};
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Summaries that wait for one plugin; each takes at most 9 KiB.
const MOST_WAITING: usize = 1024;
/// So many are handed over at once,
const BATCH: usize = 128;
/// or what there is after this time.
const PATIENCE: Duration = Duration::from_millis(200);

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
                // No cache is asked in this version.
                cache: "",
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

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

#[derive(Default)]
struct Waiting {
    summaries: Vec<Summary>,
    /// Since they were last counted.
    dropped: u64,
    closed: bool,
}

impl Log {
    /// Begins to hand over, until it is dropped.
    pub(super) fn start(plugin: &Arc<Plugin>) -> std::io::Result<Log> {
        let queue = Arc::<Queue>::default();
        let (taken, weak) = (queue.clone(), Arc::downgrade(plugin));
        let revision = plugin.revision.clone();
        let runtime = runtime(revision.waits())?;
        let thread =
            std::thread::Builder::new().name(format!("log-{}", plugin.name)).spawn(move || {
                while let Some((batch, dropped)) = taken.next() {
                    let told = || match &runtime {
                        None => revision.on_complete(&batch),
                        Some(runtime) => runtime.block_on(revision.on_complete_waiting(&batch)),
                    };
                    let lost = !batch.is_empty() && tell(&weak, Hook::AccessLog, told());
                    if let Some(plugin) = weak.upgrade() {
                        let lost = if lost { batch.len() as u64 } else { 0 };
                        plugin.metrics.summaries_dropped(dropped + lost);
                    }
                }
            })?;
        Ok(Log { queue, thread: Mutex::new(Some(thread)) })
    }

    fn push(&self, summary: Summary) {
        let mut waiting = self.queue.waiting.lock();
        if waiting.summaries.len() >= MOST_WAITING {
            waiting.dropped += 1;
            return;
        }
        waiting.summaries.push(summary);
        // Not for each: the thread sleeps while a batch gathers.
        let wake = matches!(waiting.summaries.len(), 1 | BATCH);
        drop(waiting);
        if wake {
            self.queue.filled.notify_one();
        }
    }

    /// Hands over what is left and waits for that; blocks for as long as the plugin may take.
    pub(super) fn finish(&self) {
        self.queue.close();
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl Queue {
    fn close(&self) {
        self.waiting.lock().closed = true;
        self.filled.notify_one();
    }

    /// The next batch, and how many were dropped since the last; none when all is done.
    fn next(&self) -> Option<(Vec<Summary>, u64)> {
        let mut waiting = self.waiting.lock();
        while waiting.summaries.is_empty() && !waiting.closed {
            self.filled.wait(&mut waiting);
        }
        let until = Instant::now() + PATIENCE;
        while waiting.summaries.len() < BATCH && !waiting.closed {
            if self.filled.wait_until(&mut waiting, until).timed_out() {
                break;
            }
        }
        let dropped = std::mem::take(&mut waiting.dropped);
        if waiting.closed && waiting.summaries.is_empty() && dropped == 0 {
            return None;
        }
        let many = waiting.summaries.len().min(BATCH);
        Some((waiting.summaries.drain(..many).collect(), dropped))
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
