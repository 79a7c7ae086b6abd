//! Every way in which a plugin can fail, at load and in a call, and how Wasmtime's errors become one of
//! them. It decides nothing about what follows.

use std::fmt;

use wasmtime::Trap;

use crate::hook::{Capability, Hook};

/// The longest text kept of what a guest or the engine says.
const LONGEST_TEXT: usize = 2048;

/// The host could not be started.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine or its pool of memory could not be set up.
    #[error("the plugin engine could not be started: {0}")]
    Engine(String),
    /// The clock that ends calls could not be started.
    #[error("the thread that ends overdue plugin calls could not be started: {0}")]
    Ticker(#[source] std::io::Error),
}

/// A plugin could not be loaded; nothing that runs was touched.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The bytes are not those that were asked for.
    #[error("digest is {found}, but the configuration asks for {expected}")]
    Digest {
        /// As configured.
        expected: String,
        /// Of the bytes.
        found: String,
    },
    /// Compiled code from outside is never run, since nothing could check it.
    #[error("this is precompiled code; give the .wasm file that it was compiled from")]
    Precompiled,
    /// Not WebAssembly at all.
    #[error("this is not WebAssembly: {0}")]
    NotWasm(&'static str),
    /// A core module that says nothing of the contract.
    #[error(
        "this is a core module without a component-type section, so not a plugin; build it with the \
         hither-plugin crate or wit-bindgen"
    )]
    NotAPlugin,
    /// The file is half written, or is not valid.
    #[error("the file is damaged or not complete: {0}")]
    Damaged(String),
    /// It wants or offers something that it may not; all problems at once.
    #[error("{}", list(.0))]
    Refused(Vec<Problem>),
    /// A budget that no instance could have.
    #[error("{0}")]
    Budget(String),
    /// It could not be compiled or linked.
    #[error("it could not be compiled: {0}")]
    Compile(String),
    /// A core module that says nothing of WASI.
    #[error(
        "this is a core module without a component-type section, so not a component; build it for \
         wasm32-wasip2"
    )]
    NotAComponent,
    /// `describe` failed.
    #[error("describe failed: {0}")]
    Describe(Failure),
    /// What `describe` said cannot be right.
    #[error("describe gave a manifest that cannot be used: {0}")]
    Manifest(String),
}

/// One reason for which a plugin is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// It imports capabilities that were not granted.
    Grants {
        /// Those.
        missing: Vec<Capability>,
        /// Everything that it imports, which is what `grants` must hold.
        needed: Vec<Capability>,
    },
    /// It imports something of WASI that is not inert.
    Wasi(Vec<String>),
    /// It is a core module for WASI 0.1, as Go and C's standard library make.
    Preview1,
    /// It imports something that no host of this contract has.
    UnknownImport(String),
    /// It exports a hook that is in the contract but not served.
    HookNotServed(String),
    /// It imports `http`, so it waits, and exports hooks in which nobody may.
    MayNotWait(Vec<Hook>),
    /// It exports an interface that the contract does not have.
    UnknownExport(String),
    /// It was built for another version of the contract.
    OtherVersion(String),
    /// Without `lifecycle` it can be neither described nor configured.
    NoLifecycle,
    /// It has no hook, so it would never be called.
    NoHook,
    /// A component that answers requests imports what none gets.
    NotForComponents(Vec<String>),
    /// It does not answer requests.
    NoHandler,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grants { missing, needed } => {
                let missing: Vec<_> = missing.iter().map(|one| one.name()).collect();
                let needed: Vec<_> = needed.iter().map(|one| format!("\"{one}\"")).collect();
                let (missing, needed) = (missing.join(", "), needed.join(", "));
                write!(f, "it needs what is not granted: {missing}; add `grants = [{needed}]`")
            }
            Self::Wasi(names) => write!(
                f,
                "it imports {}, which plugins do not get; of WASI they get cli, clocks, filesystem, \
                 io, random and sockets in version 0.2, without files or sockets in them",
                names.join(", ")
            ),
            Self::Preview1 => f.write_str(
                "it is a core module that wants `wasi_snapshot_preview1`, which belongs to programs; \
                 `hither plugin build` makes a plugin of it",
            ),
            Self::UnknownImport(name) => write!(f, "it imports `{name}`, which no plugin gets"),
            Self::HookNotServed(name) => {
                write!(f, "it exports `{name}`, a hook which this version does not serve yet")
            }
            Self::MayNotWait(hooks) => {
                let hooks: Vec<_> = hooks.iter().map(|hook| format!("`{hook}`")).collect();
                write!(
                    f,
                    "it imports `http`, so it waits, but nobody may wait in {}: make two plugins of it",
                    hooks.join(" and ")
                )
            }
            Self::UnknownExport(name) => {
                write!(f, "it exports `{name}`, which the contract does not have")
            }
            Self::OtherVersion(name) => write!(
                f,
                "it was built for another version of the contract (`{name}`); this host serves {}",
                crate::hook::VERSION
            ),
            Self::NoLifecycle => f.write_str("it does not export `lifecycle`"),
            Self::NotForComponents(names) => write!(
                f,
                "it imports {}, which components that answer requests do not get; they get WASI 0.2: cli, \
                 clocks, filesystem, io, random and sockets, without files or sockets in them, and http",
                names.join(", ")
            ),
            Self::NoHandler => f.write_str(
                "it does not export `wasi:http/incoming-handler` in version 0.2, so it answers no request",
            ),
            Self::NoHook => f.write_str("it exports no hook, so nothing would ever call it"),
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// A loaded plugin could not be configured; nothing that runs was touched.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The plugin does not like a configuration.
    #[error("plugin `{plugin}` refuses configuration {config}: {reason}")]
    Refused {
        /// The operator's name of it.
        plugin: String,
        /// Which one.
        config: u32,
        /// The plugin's words.
        reason: String,
    },
    /// It failed while it was started or took a configuration.
    #[error("plugin `{plugin}` failed when it was started: {failure}")]
    Failed {
        /// The operator's name of it.
        plugin: String,
        /// How.
        failure: Failure,
    },
    /// Its metrics were refused.
    #[error("plugin `{plugin}` cannot have its metrics: {reason}")]
    Metrics {
        /// The operator's name of it.
        plugin: String,
        /// The environment's words.
        reason: String,
    },
}

/// A call that gave no verdict. The instance it ran on is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The guest ended itself, or did what WebAssembly forbids.
    #[error("it trapped: {0}")]
    Trap(String),
    /// It ran longer than its time budget.
    #[error("it ran longer than its time budget")]
    Timeout,
    /// It wanted more memory than its budget.
    #[error("it wanted more memory than its budget")]
    Memory,
    /// It recursed too deeply.
    #[error("it used more stack than a plugin has")]
    Stack,
    /// It called the host too often in one call.
    #[error("it called the host more often than a call may")]
    HostCalls,
    /// It used a capability where there is none, as in `describe`.
    #[error("it used `{0}` during describe, where there are no capabilities")]
    NoCapability(&'static str),
    /// What it gave the host is not allowed.
    #[error("its output is not valid: {0}")]
    InvalidOutput(String),
    /// While starting a fresh instance, it refused a configuration that it once took.
    #[error("a fresh instance refused configuration {config}: {reason}")]
    Unconfigured {
        /// Which one.
        config: u32,
        /// The plugin's words.
        reason: String,
    },
    /// All instances that it or the process may have are in use; the plugin is not to blame.
    #[error("no instance is free: {0}")]
    NoInstance(String),
    /// It took longer than it may with its waits.
    #[error("it took longer than it may, waits included")]
    Wait,
    /// It ended without an answer.
    #[error("it ended without an answer")]
    NoAnswer,
    /// It answered with an error instead of an answer.
    #[error("it gave an error for an answer: {0}")]
    Refused(String),
    /// It failed too often lately and was not called.
    #[error("it failed too often lately and is left alone for a while")]
    Open,
}

impl Failure {
    /// A short word for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::HostCalls => "host-calls",
            Self::NoCapability(_) => "no-capability",
            Self::InvalidOutput(_) => "invalid-output",
            Self::Unconfigured { .. } => "unconfigured",
            Self::NoInstance(_) => "no-instance",
            Self::Wait => "wait",
            Self::NoAnswer => "no-answer",
            Self::Refused(_) => "refused",
            Self::Open => "open",
        }
    }

    /// Whether the plugin is to blame, so that it counts towards leaving it alone.
    pub(crate) fn blames_plugin(&self) -> bool {
        !matches!(self, Self::NoInstance(_) | Self::Open)
    }

    /// Finds out what an error of a guest's run was. `refused_memory`: it was denied memory in this
    /// run, after which guests usually end themselves with an unreachable instruction.
    pub(crate) fn of_run(error: &wasmtime::Error, refused_memory: bool) -> Self {
        if let Some(abuse) = error.downcast_ref::<Abuse>() {
            return match abuse {
                Abuse::HostCalls => Self::HostCalls,
                Abuse::NoCapability(name) => Self::NoCapability(name),
                Abuse::Argument(reason) => Self::InvalidOutput((*reason).to_owned()),
                Abuse::Wasi(reason) => Self::Trap(bounded(reason)),
            };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => Self::Timeout,
            Some(Trap::StackOverflow) => Self::Stack,
            _ if refused_memory => Self::Memory,
            Some(_) => Self::Trap(bounded(&format!("{error:#}"))),
            // Not a trap: the host could not read what the guest pointed at.
            None => Self::InvalidOutput(bounded(&format!("{error:#}"))),
        }
    }

    /// With what it printed before it ended, which is where most toolchains put the reason.
    pub(crate) fn after(self, last_words: Option<String>) -> Self {
        match (self, last_words) {
            (Self::Trap(why), Some(words)) => {
                Self::Trap(bounded(&format!("{why}; it printed: {words}")))
            }
            (failure, _) => failure,
        }
    }

    /// Finds out what an error of an instance's start was.
    pub(crate) fn of_start(error: &wasmtime::Error, refused_memory: bool) -> Self {
        if error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some() {
            return Self::NoInstance(bounded(&error.to_string()));
        }
        match Self::of_run(error, refused_memory) {
            Self::InvalidOutput(text) => Self::Trap(text),
            other => other,
        }
    }
}

/// What a host function ends a guest for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Abuse {
    #[error("too many host calls")]
    HostCalls,
    #[error("no capability `{0}` here")]
    NoCapability(&'static str),
    #[error("{0}")]
    Argument(&'static str),
    /// It used a part of WASI that cannot be inert.
    #[error("{0}")]
    Wasi(String),
}

/// Cuts a foreign text to a length that logs can bear.
pub(crate) fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(LONGEST_TEXT);
    let mut cut = text[..end].to_owned();
    if end < text.len() {
        cut.push('…');
    }
    cut
}
