//! What the binary lends to plugins: a log, metrics, the balancer's picture, limiters. Only the shape is
//! here.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::manifest::Metric;

/// What stands behind the capabilities. Called on request threads from inside a plugin's call, whose
/// time runs on meanwhile: implementations must neither block nor wait.
pub trait Environment: Send + Sync + 'static {
    /// Whether lines of this level are kept; asked by guests that save themselves the formatting.
    fn log_enabled(&self, plugin: &str, level: Level) -> bool;

    /// Takes one line. The host has bounded its size and rate and escaped control characters.
    fn log(&self, line: &LogLine<'_>);

    /// Takes the metrics that a plugin's manifest declares, and gives what its calls report to.
    /// Asked once for each configured revision: the same declaration again is the same metrics.
    ///
    /// # Errors
    /// Why they cannot be had, for example a kind that differs from what an earlier revision declared
    /// under the same name; the revision is then refused with this text.
    fn metrics(&self, plugin: &str, declared: &[Metric]) -> Result<Arc<dyn MetricSink>, String>;

    /// The instances of a service, or none when no service bears this name.
    fn instances(&self, service: &str) -> Option<Vec<InstanceView>>;

    /// Takes `cost` units of a limiter under a key, or none; none when there is no such limiter now.
    fn take(&self, limiter: &str, key: &[u8], cost: u32) -> Option<Charged>;

    /// What [`Environment::take`] would say, without taking any.
    fn peek(&self, limiter: &str, key: &[u8], cost: u32) -> Option<Charged>;

    /// Purges what is kept with a tag for the services that the plugin is attached to. How many responses
    /// that were, or about how many, where that is so many that they are purged beside the call.
    fn purge_tag(&self, plugin: &str, tag: &str) -> u64;

    /// Purges what is kept of a URL for the services that the plugin is attached to. How many responses
    /// that were.
    ///
    /// # Errors
    /// Why it is no URL, in words for the plugin's author.
    fn purge_url(&self, plugin: &str, url: &str) -> Result<u64, String>;

    /// Calls a service. The call ends when it is dropped; nothing of it may block.
    fn call(&self, call: HttpCall) -> HttpFuture;
}

/// What a call of [`Environment::call`] comes to.
pub type HttpFuture = Pin<Box<dyn Future<Output = Result<HttpAnswer, HttpError>> + Send>>;

/// A call to a service that the plugin was granted. The host has judged every part of it.
#[derive(Debug, Clone)]
pub struct HttpCall {
    /// The service's name.
    pub service: String,
    /// The method; never CONNECT.
    pub method: Method,
    /// In origin form.
    pub path: PathAndQuery,
    /// Without framing and `host`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// By then there must be an answer or an error.
    pub timeout: Duration,
    /// Bytes that head and body of the answer may have.
    pub most: usize,
}

/// What a service answered.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// It took too long.
    #[error("there was no answer in time")]
    Timeout,
    /// Nobody could be reached, or what came was no answer.
    #[error("{0}")]
    Unavailable(String),
    /// The answer is larger than it may be.
    #[error("the answer is too large")]
    TooLarge,
}

/// What a limiter said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// It may pass, and was charged; in shadow it always may.
    pub allowed: bool,
    /// Units that could pass right now.
    pub remaining: u64,
    /// When it would pass; zero if it did.
    pub retry_after: Duration,
}

/// The declared metrics of one plugin. Indexes are positions in the manifest, and are within it.
pub trait MetricSink: Send + Sync + 'static {
    /// Adds to a counter.
    fn add(&self, metric: usize, delta: u64);
    /// Sets a gauge; the value is finite.
    fn set(&self, metric: usize, value: f64);
    /// Observes a value in a histogram; the value is finite.
    fn observe(&self, metric: usize, value: f64);
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the usual five")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// One line of a plugin's log.
#[derive(Debug)]
pub struct LogLine<'a> {
    /// The operator's name of the plugin.
    pub plugin: &'a str,
    /// Which revision spoke.
    pub revision: u64,
    /// The exchange of the call, or none while the plugin was being configured or no request waited.
    pub exchange: Option<u64>,
    /// The configuration of the call, which tells the service.
    pub config: u32,
    /// How much it matters.
    pub level: Level,
    /// At most 8 KiB.
    pub message: &'a str,
    /// At most 32 pairs, each name and value at most 1 KiB.
    pub fields: &'a [(String, String)],
    /// Lines of this plugin that were dropped for their rate since its last line.
    pub dropped: u64,
}

/// How full an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Band {
    /// Below its soft limit.
    Open,
    /// Between its limits.
    Busy,
    /// At its hard limit.
    Full,
}

/// One instance of a service, as a plugin may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceView {
    /// Its id in the configuration.
    pub id: String,
    /// Where it runs.
    pub region: String,
    /// Whether the health checks think it well.
    pub healthy: bool,
    /// How full it is.
    pub band: Band,
    /// Requests or connections on it now.
    pub in_flight: u32,
    /// Where it stops being open.
    pub soft_limit: u32,
    /// The measured or configured round trip.
    pub rtt: Option<Duration>,
}
