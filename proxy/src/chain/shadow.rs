//! Copies for a shadow: taken on the request's thread, within bounds, and shown to the new revision on a thread
//! of its own, exchange by exchange, so that a memo finds its later hooks.
//!
//! That thread has a low priority and a queue of so many bytes: when it cannot keep up, copies are thrown away
//! and counted. A request pays for a copy, and never waits: not for room, nor for a
//! lock that a thread of low priority may hold for long. Bodies are not copied.

use super::Plugin;
use super::compare::{self, Verdict};
use crate::rollout::{Call, Compared, Likeness, Rollout, Which};
use hither_plugin_host::{
    Attempt, Classified, Failover, Hook, KeptRequest, KeptResponse, Report, RequestVerdict,
    ResponseVerdict, Routing, Shadow,
};
use http::StatusCode;
use parking_lot::{Condvar, Mutex};
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Bytes of copies that wait, or belong to exchanges that have not ended.
const MOST_HELD: usize = 8 << 20;
/// Between two looks at whether it is over.
const PATIENCE: Duration = Duration::from_millis(100);
/// A tenth of a processor that others want as well. Not nicer: when it is kept waiting it may hold a lock,
/// such as the log's, that a request wants next.
const NICE: i32 = 10;

/// A message, and what was said of it.
pub(super) enum Asked {
    Limits(KeptRequest, Report<Classified>),
    Request(KeptRequest, Report<RequestVerdict>),
    Routing(KeptRequest, Report<Routing>),
    Response(KeptResponse, Report<ResponseVerdict>),
    Failover(KeptRequest, KeptAttempt, Report<Failover>),
}

/// An attempt that outlives its exchange.
pub(super) struct KeptAttempt {
    number: u32,
    instance: Box<str>,
    status: Option<StatusCode>,
    error: Option<Box<str>>,
    elapsed: Duration,
}

impl KeptAttempt {
    pub(super) fn of(attempt: &Attempt<'_>) -> KeptAttempt {
        KeptAttempt {
            number: attempt.number,
            instance: attempt.instance.into(),
            status: attempt.status,
            error: attempt.error.map(Box::from),
            elapsed: attempt.elapsed,
        }
    }

    fn attempt(&self) -> Attempt<'_> {
        Attempt {
            number: self.number,
            instance: &self.instance,
            status: self.status,
            error: self.error.as_deref(),
            elapsed: self.elapsed,
        }
    }
}

/// Copies of one exchange for one shadow; handed over when dropped.
pub(super) struct Copies {
    pub(super) place: usize,
    queue: Arc<Queue>,
    calls: Vec<(Held, Asked)>,
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} copies", self.calls.len())
    }
}

impl Copies {
    pub(super) fn new(place: usize, queue: Arc<Queue>) -> Copies {
        Copies { place, queue, calls: Vec::new() }
    }

    pub(super) fn add(&mut self, held: Held, asked: Asked) {
        self.calls.push((held, asked));
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        self.queue.push(std::mem::take(&mut self.calls));
    }
}

/// Copies on their way. It holds no plugin: an exchange that lasts for days must not keep a revision.
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Vec<(Held, Asked)>>>,
    filled: Condvar,
    held: AtomicUsize,
    closed: AtomicBool,
    rollout: Arc<Rollout>,
}

/// Room that a copy takes.
pub(super) struct Held(Arc<Queue>, usize);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.held.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Queue {
    fn new(rollout: Arc<Rollout>) -> Queue {
        Queue {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            held: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            rollout,
        }
    }

    /// Whether it is worth to make a copy; one that is not is counted.
    pub(super) fn has_room(&self) -> bool {
        if self.closed.load(Ordering::Relaxed) {
            return false;
        }
        let room = self.held.load(Ordering::Relaxed) < MOST_HELD;
        if !room {
            self.rollout.dropped(1);
        }
        room
    }

    /// Room for a copy; one that finds none is counted.
    pub(super) fn hold(queue: &Arc<Queue>, size: usize) -> Option<Held> {
        let take = |held: usize| held.checked_add(size).filter(|sum| *sum <= MOST_HELD);
        match queue.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Some(Held(queue.clone(), size)),
            Err(_) => {
                queue.rollout.dropped(1);
                None
            }
        }
    }

    fn push(&self, calls: Vec<(Held, Asked)>) {
        if calls.is_empty() {
            return;
        }
        let many = calls.len() as u64;
        match self.waiting.try_lock() {
            Some(mut waiting) if !self.closed.load(Ordering::Relaxed) => {
                waiting.push_back(calls);
                drop(waiting);
                self.filled.notify_one();
            }
            _ => self.rollout.dropped(many),
        }
    }

    /// The copies of the next exchange; none when it is over.
    fn next(&self) -> Option<Vec<(Held, Asked)>> {
        let mut waiting = self.waiting.lock();
        loop {
            if self.closed.load(Ordering::Relaxed) {
                let left: usize = waiting.drain(..).map(|calls| calls.len()).sum();
                self.rollout.dropped(left as u64);
                return None;
            }
            if let Some(calls) = waiting.pop_front() {
                return Some(calls);
            }
            self.filled.wait_for(&mut waiting, PATIENCE);
        }
    }
}

/// Who shows copies to a new revision, until it is dropped.
pub(super) struct Watcher(Arc<Queue>);

impl Watcher {
    pub(super) fn start(
        plugin: Arc<Plugin>,
        shadow: Shadow,
        rollout: Arc<Rollout>,
    ) -> std::io::Result<Watcher> {
        let queue = Arc::new(Queue::new(rollout));
        let taken = queue.clone();
        std::thread::Builder::new().name(format!("shadow-{}", plugin.name)).spawn(move || {
            // On Linux this is the thread's alone. Where it is refused the bound of the queue still holds.
            let _ = rustix::process::nice(NICE);
            while let Some(calls) = taken.next() {
                let mut eye = Eye { plugin: &plugin, shadow: &shadow, queue: &taken, memo: 0 };
                let of = name(&calls);
                calls.into_iter().for_each(|(_held, asked)| eye.look(&asked, &of));
            }
        })?;
        Ok(Watcher(queue))
    }

    pub(super) fn queue(&self) -> &Arc<Queue> {
        &self.0
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Relaxed);
        self.0.filled.notify_one();
    }
}

/// The exchange as a report names it. Without its query, which may hold what is nobody's business.
fn name(calls: &[(Held, Asked)]) -> String {
    match calls.first() {
        Some((_, Asked::Response(copy, _))) => {
            format!("the answer {}", copy.head().status.as_u16())
        }
        Some((
            _,
            Asked::Limits(copy, _)
            | Asked::Request(copy, _)
            | Asked::Routing(copy, _)
            | Asked::Failover(copy, ..),
        )) => {
            let head = copy.head();
            let path = head.path.split('?').next().unwrap_or_default();
            format!("{} {}{path}", head.method, head.authority)
        }
        None => String::new(),
    }
}

/// Looks at one exchange.
struct Eye<'a> {
    plugin: &'a Plugin,
    shadow: &'a Shadow,
    queue: &'a Queue,
    /// What the new revision left for its later hooks.
    memo: u64,
}

impl Eye<'_> {
    fn look(&mut self, asked: &Asked, of: &str) {
        let (revision, memo) = (self.shadow.revision(), self.memo);
        match asked {
            Asked::Limits(copy, old) => {
                self.compare(Hook::RateLimit, old, of, || revision.classify(&copy.head()));
            }
            Asked::Request(copy, old) => {
                let said = self
                    .compare(Hook::RequestFilter, old, of, || revision.on_request(&copy.head()));
                if let Some(RequestVerdict::Next(patch)) = said {
                    self.memo = patch.memo;
                }
            }
            Asked::Routing(copy, old) => {
                let said = self.compare(Hook::Routing, old, of, || revision.select(&copy.head()));
                if let Some(Routing::Route(target)) = said {
                    self.memo = target.memo;
                }
            }
            Asked::Response(copy, old) => {
                self.compare(Hook::ResponseFilter, old, of, || {
                    revision.on_response(&copy.head(), memo)
                });
            }
            Asked::Failover(copy, attempt, old) => {
                self.compare(Hook::Failover, old, of, || {
                    revision.on_failure(&copy.head(), memo, &attempt.attempt())
                });
            }
        }
    }

    /// Asks, compares and counts; gives what was said.
    fn compare<T: Verdict>(
        &self,
        hook: Hook,
        old: &Report<T>,
        of: &str,
        ask: impl FnOnce() -> Report<T>,
    ) -> Option<T> {
        let rollout = &self.queue.rollout;
        let (refused, began) = (self.shadow.refused(), thread_time());
        let new = ask();
        // The thread's own time: how long others kept it waiting is not the revision's.
        let took = thread_time().saturating_sub(began);
        let took = new.called_for().filter(|_| !new.fresh).map(|_| took);
        let usual = old.called_for().filter(|time| !old.fresh && !time.is_zero());
        let judge = |report: Report<T>| self.plugin.judge(hook, report, true);
        let (old, new) = (judge(old.clone()), judge(new));
        if self.shadow.refused() != refused {
            let (old, new) = (String::new(), String::new());
            let likeness = Likeness::NotComparable;
            let compared = Compared { likeness, old, new, differs: Vec::new() };
            rollout.compared(hook.name(), compared, String::new);
            return None;
        }
        rollout.count(Which::Old, Call { how: compare::how(&old), time: usual });
        rollout.count(Which::New, Call { how: compare::how(&new), time: took });
        rollout.compared(hook.name(), compare::compare(&old, &new), || of.to_owned());
        new.ok()
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}
