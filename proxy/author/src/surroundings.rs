//! What a plugin is lent on the bench: its log goes to standard error, its metrics nowhere, no service has
//! an instance or can be called, no limiter counts, and nothing is cached.

use std::sync::Arc;

use hither_plugin_host::{
    Charged, Environment, HttpCall, HttpError, HttpFuture, InstanceView, Level, LogLine, Metric,
    MetricSink,
};

pub(crate) struct Bench {
    /// Whether its log is shown.
    pub(crate) log: bool,
}

impl Environment for Bench {
    fn log_enabled(&self, _: &str, _: Level) -> bool {
        self.log
    }

    fn log(&self, line: &LogLine<'_>) {
        let fields = line.fields.iter().map(|(name, value)| format!(" {name}={value:?}"));
        let fields: String = fields.collect();
        eprintln!("{:?}: {}{fields}", line.level, line.message);
    }

    fn metrics(&self, _: &str, _: &[Metric]) -> Result<Arc<dyn MetricSink>, String> {
        Ok(Arc::new(Nowhere))
    }

    fn instances(&self, _: &str) -> Option<Vec<InstanceView>> {
        None
    }

    fn take(&self, _: &str, _: &[u8], _: u32) -> Option<Charged> {
        None
    }

    fn peek(&self, _: &str, _: &[u8], _: u32) -> Option<Charged> {
        None
    }

    fn purge_tag(&self, _: &str, _: &str) -> u64 {
        0
    }

    fn purge_url(&self, _: &str, _: &str) -> Result<u64, String> {
        Ok(0)
    }

    /// Never asked: on the bench no service is granted, so every call is denied before.
    fn call(&self, call: HttpCall) -> HttpFuture {
        let why = format!("there is no service {} on the bench", call.service);
        Box::pin(std::future::ready(Err(HttpError::Unavailable(why))))
    }
}

struct Nowhere;

impl MetricSink for Nowhere {
    fn add(&self, _: usize, _: u64) {}
    fn set(&self, _: usize, _: f64) {}
    fn observe(&self, _: usize, _: f64) {}
}
