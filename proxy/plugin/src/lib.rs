//! The plugin host: loads WebAssembly components that decide things about a request, and calls them.
//!
//! It is the only crate that names Wasmtime, and no type of Wasmtime's leaves it. It knows nothing
//! of configuration files, snapshots, services or sockets: the binary tells it through [`Spec`],
//! [`RequestHead`] and the [`Environment`] trait, and reads a [`Report`] for each call. It counts
//! nothing itself and applies no failure policy: both belong to the caller.
//!
//! The life of a plugin, one room each:
//!
//! | step | room |
//! |---|---|
//! | bytes become a component; imports against grants, exports against what is served | `admit` |
//! | what toolchains want of WASI is linked, without anything behind it | `wasi` |
//! | compile, or take from the cache on disk | `compile`, `cache` |
//! | `describe` without any capability | `loaded` -> [`Loaded`] |
//! | `configure` with every configuration | `revision` -> [`Revision`] |
//! | calls, on pooled instances with budgets | `revision`, `calls`, `instance`, `pool`, `guest`, `run_time`, `ticker` |
//! | calls with a body | `body` |
//! | copies of requests, for a revision that only watches | `kept`, `shadow` |
//! | what came back becomes something that can be applied without failing | `judge` -> `verdict` |
//! | a plugin that keeps failing is left alone for a while | `breaker`, `gate` |
//!
//! Beside plugins it runs components that answer requests themselves: `component`.
//!
//! A call runs on the caller's thread and its stack: a guest may use 512 KiB of it, so threads that call need
//! the usual 2 MiB. Only a plugin that imports `http` waits: its calls are futures, on fibers of their own
//! (`waiting`), and dropping one is safe.

mod admit;
mod block_on;
mod body;
mod breaker;
mod cache;
mod calls;
mod capability;
mod compile;
mod component;
mod contract;
mod engine;
mod environment;
mod exports;
mod fault;
mod gate;
mod guest;
mod hook;
mod host;
mod input;
mod instance;
mod judge;
mod kept;
mod lent;
mod loaded;
mod manifest;
mod memory;
mod pool;
mod recall;
mod report;
mod request;
mod revision;
mod run_time;
mod shadow;
mod shelf;
mod spec;
mod start;
mod ticker;
mod verdict;
mod wasi;

pub use body::{Bearer, BodyStream, LARGEST_CHUNK, Side};
pub use calls::{
    Background, CacheKey, Charge, Classified, Freshness, KeptInputs, Lookup, Storage, Summary,
};
pub use component::{
    AnswerBody, BrokenOff, Component, ComponentBudget, ComponentHost, ComponentHostOptions,
    ComponentSpec, PrintedLine, Printer, Visit, Visited,
};
pub use environment::{
    Band, Charged, Environment, HttpAnswer, HttpCall, HttpError, HttpFuture, InstanceView, Level,
    LogLine, MetricSink,
};
pub use fault::{ConfigureError, Failure, HostError, LoadError, Problem};
pub use hook::{Capability, Hook, Hooks, OnFailure, UnknownCapability};
pub use host::{Host, HostOptions};
pub use input::{InputName, InputPattern};
pub use kept::{KeptRequest, KeptResponse};
pub use lent::{Lent, Secret};
pub use loaded::Loaded;
pub use manifest::{Manifest, Metric, MetricKind};
pub use report::Report;
pub use request::{Attempt, Inputs, Protocol, RequestHead, ResponseHead, Values};
pub use revision::Revision;
pub use shadow::Shadow;
pub use spec::{Budget, Config, Isolation, Spec};
pub use ticker::GRACE;
pub use verdict::{
    BodyMode, ChunkVerdict, Edits, Failover, Pair, Reply, RequestPatch, RequestVerdict,
    ResponsePatch, ResponseVerdict, Routing, Target, WholeVerdict,
};
