//! What the operator wishes for one plugin, as plain data. It knows no file format and no guest.

use std::time::Duration;

use crate::hook::Capability;

/// One plugin to load.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The operator's name for it: in logs, metrics, and the key of its `store`.
    pub name: String,
    /// A component, or a core module with a `component-type` section.
    pub bytes: Vec<u8>,
    /// The expected digest of `bytes`, as 64 hexadecimal digits in either case.
    pub sha256: Option<String>,
    /// What it may import.
    pub grants: Vec<Capability>,
    /// How much it may use.
    pub budget: Budget,
    /// Whether instances are reused.
    pub isolation: Isolation,
}

impl Spec {
    /// A plugin with no grants and the default budget.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
            sha256: None,
            grants: Vec::new(),
            budget: Budget::default(),
            isolation: Isolation::default(),
        }
    }
}

/// How much one plugin may use. Whatever is not per call is per plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Longest run of one call; it is ended at most [`GRACE`](crate::GRACE) after that.
    /// Default 5 ms.
    pub time: Duration,
    /// Longest time of one call of a plugin that waits, its waits included. Default 1 s.
    pub wait: Duration,
    /// Calls by `http` under way at once. Default 64.
    pub http_calls: usize,
    /// Bytes of an answer to a call by `http`, head and body. Default 1 MiB.
    pub http_answer: usize,
    /// Longest run of a call that no request waits for: `access-log`, `background`. Default 1 s.
    pub aside: Duration,
    /// Longest run of `describe`, and of starting and configuring an instance off the request path.
    /// On the request path a fresh instance gets ten times `time` instead. Default 2 s.
    pub startup: Duration,
    /// Bytes of linear memory per instance. Default 32 MiB, at most 4 GiB.
    pub memory: usize,
    /// Instances alive at once; a call beyond them fails. Default 64.
    pub instances: usize,
    /// Instances started before the revision takes its first call. Default 1.
    pub warm: usize,
    /// Calls after which an instance is replaced. Default 100,000.
    pub calls_per_instance: u32,
    /// Calls of host functions in one call. Default 10,000.
    pub host_calls: u32,
    /// Bytes handed to the host at once, as arguments of one host call or as the answer of one hook;
    /// list elements count with their size in host memory. Default 2 MiB.
    pub output: usize,
    /// Header edits, or headers of a reply, in one answer. Default 256.
    pub edits: usize,
    /// Log lines per second. Default 100.
    pub log_lines: u32,
    /// Bytes in `store`, keys and bookkeeping included. Default 16 MiB.
    pub store: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(5),
            wait: Duration::from_secs(1),
            http_calls: 64,
            http_answer: 1 << 20,
            aside: Duration::from_secs(1),
            startup: Duration::from_secs(2),
            memory: 32 << 20,
            instances: 64,
            warm: 1,
            calls_per_instance: 100_000,
            host_calls: 10_000,
            output: 2 << 20,
            edits: 256,
            log_lines: 100,
            store: 16 << 20,
        }
    }
}

/// Whether one instance serves many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// An instance is reused, by any request, until it fails or is over age.
    #[default]
    Pooled,
    /// Every call gets an instance of its own, which is thrown away (30-40 us more per call).
    PerRequest,
}

/// One configuration of a plugin; every instance takes all of them before its first call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What [`RequestHead::config`](crate::RequestHead) names.
    pub id: u32,
    /// JSON.
    pub json: Vec<u8>,
}
