//! What one call of a plugin costs, by what it asks for, and what a fresh instance costs beside it.

#![allow(clippy::expect_used, reason = "a benchmark that cannot start has nothing to say")]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use hither_plugin_host::{
    Budget, Charged, Config, Environment, Host, HostOptions, HttpCall, HttpError, HttpFuture,
    InputName, Inputs, InstanceView, Isolation, Level, LogLine, Metric, MetricSink, Protocol,
    RequestHead, Revision, Spec, Values,
};
use http::Method;

struct Silence;

impl Environment for Silence {
    fn log_enabled(&self, _: &str, _: Level) -> bool {
        false
    }
    fn log(&self, _: &LogLine<'_>) {}
    fn metrics(&self, _: &str, _: &[Metric]) -> Result<Arc<dyn MetricSink>, String> {
        Ok(Arc::new(NoMetrics))
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
    fn call(&self, _: HttpCall) -> HttpFuture {
        Box::pin(async { Err(HttpError::Timeout) })
    }
}

struct NoMetrics;

impl MetricSink for NoMetrics {
    fn add(&self, _: usize, _: u64) {}
    fn set(&self, _: usize, _: f64) {}
    fn observe(&self, _: usize, _: f64) {}
}

/// A request whose inputs are found as a proxy finds them, without the search for a header's name.
struct Request;

impl Inputs for Request {
    fn read<'a>(&'a self, name: &InputName, values: &mut Values<'a>) {
        let value: &[u8] = match name {
            InputName::Header(name) if name == "x-tenant" => b"acme",
            InputName::Header(name) if name == "x-tier" => b"gold",
            InputName::Header(_) => b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
            InputName::Cookie(_) => b"0123456789abcdef0123456789abcdef",
            _ => b"203.0.113.7",
        };
        values.push(value);
    }
}

fn revision(host: &Host, guest: &str, isolation: Isolation) -> Arc<Revision> {
    let bytes = fs::read(hither_guests::guest(guest)).expect("the guest can be read");
    let budget = Budget { time: Duration::from_millis(100), ..Budget::default() };
    let spec = Spec { isolation, budget, ..Spec::new(guest, bytes) };
    let loaded = host.load(spec).expect("the guest loads");
    let config = Config { id: 0, json: b"{}".to_vec() };
    loaded.configure(vec![config]).expect("the guest takes its configuration")
}

const fn head() -> RequestHead<'static> {
    RequestHead {
        exchange: 1,
        now_ms: 1_700_000_000_000,
        config: 0,
        rehearsal: false,
        method: &Method::GET,
        protocol: Protocol::Http11,
        tls: false,
        end_of_stream: true,
        authority: "example.com",
        path: "/index.html?a=b",
        inputs: &Request,
    }
}

fn call(revision: &Revision) {
    let report = revision.select(black_box(&head()));
    assert!(black_box(report).outcome.is_ok());
}

fn calls(criterion: &mut Criterion) {
    let host = Host::new(HostOptions::new(Arc::new(Silence))).expect("the host starts");
    for (name, guest, isolation) in [
        ("no-op", "noop", Isolation::Pooled),
        ("route by 2 inputs", "route2", Isolation::Pooled),
        ("route by 2 inputs, remembered", "route2_by_inputs", Isolation::Pooled),
        ("route by 5 inputs", "route5", Isolation::Pooled),
        ("fresh instance, 2 inputs", "route2", Isolation::PerRequest),
    ] {
        let revision = revision(&host, guest, isolation);
        criterion.bench_function(name, |bencher| bencher.iter(|| call(&revision)));
    }
    // What the host adds of its own: clock, breaker, pool, budgets, for a hook that is not there.
    let revision = revision(&host, "noop", Isolation::Pooled);
    criterion.bench_function("no hook", |bencher| {
        bencher.iter(|| black_box(revision.on_request(black_box(&head()))));
    });
}

criterion_group!(benches, calls);
criterion_main!(benches);
