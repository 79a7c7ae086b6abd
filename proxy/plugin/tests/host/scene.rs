//! What every test needs: a host, its environment, plugins, requests. No promises here.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hither_plugin_host::{
    Budget, Capability, Charged, Config, Environment, Host, HostOptions, HttpAnswer, HttpCall,
    HttpError, HttpFuture, InputName, Inputs, InstanceView, Level, LoadError, Loaded, LogLine,
    Metric, MetricSink, Protocol, Report, RequestHead, RequestVerdict, ResponseHead, Revision,
    Spec, Values,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;

/// Level, message, fields, and how many lines were dropped before.
pub(crate) type Line = (Level, String, Vec<(String, String)>, u64);

/// What the plugins of a test said and asked.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) lines: Mutex<Vec<Line>>,
    pub(crate) metrics: Arc<Mutex<Vec<(usize, f64)>>>,
    pub(crate) services: Mutex<HashMap<String, Vec<InstanceView>>>,
    pub(crate) called: Mutex<Vec<HttpCall>>,
    pub(crate) waiting: Arc<AtomicUsize>,
    /// What is left under each key of each limiter; nothing comes back.
    pub(crate) limiters: Mutex<HashMap<(String, Vec<u8>), u32>>,
    /// Who purged what.
    pub(crate) purged: Mutex<Vec<(String, String)>>,
}

struct Sink(Arc<Mutex<Vec<(usize, f64)>>>);

impl MetricSink for Sink {
    fn add(&self, metric: usize, delta: u64) {
        self.0.lock().push((metric, f64::from(u32::try_from(delta).unwrap())));
    }
    fn set(&self, metric: usize, value: f64) {
        self.0.lock().push((metric, value));
    }
    fn observe(&self, metric: usize, value: f64) {
        self.0.lock().push((metric, value));
    }
}

impl Environment for World {
    fn log_enabled(&self, _: &str, level: Level) -> bool {
        level >= Level::Info
    }
    fn log(&self, line: &LogLine<'_>) {
        let fields = line.fields.to_vec();
        self.lines.lock().push((line.level, line.message.to_owned(), fields, line.dropped));
    }
    fn metrics(&self, _: &str, _: &[Metric]) -> Result<Arc<dyn MetricSink>, String> {
        Ok(Arc::new(Sink(Arc::clone(&self.metrics))))
    }
    fn instances(&self, service: &str) -> Option<Vec<InstanceView>> {
        self.services.lock().get(service).cloned()
    }
    fn take(&self, limiter: &str, key: &[u8], cost: u32) -> Option<Charged> {
        let mut left = self.limiters.lock();
        let left = left.get_mut(&(limiter.to_owned(), key.to_vec()))?;
        let after = left.checked_sub(cost);
        *left = after.unwrap_or(*left);
        Some(charged(after.is_some(), *left))
    }
    fn peek(&self, limiter: &str, key: &[u8], cost: u32) -> Option<Charged> {
        let left = *self.limiters.lock().get(&(limiter.to_owned(), key.to_vec()))?;
        Some(charged(left >= cost, left))
    }
    fn purge_tag(&self, plugin: &str, tag: &str) -> u64 {
        self.purged.lock().push((plugin.to_owned(), tag.to_owned()));
        3
    }
    fn purge_url(&self, plugin: &str, url: &str) -> Result<u64, String> {
        self.purged.lock().push((plugin.to_owned(), url.to_owned()));
        if url.starts_with("http") { Ok(1) } else { Err("not a URL".to_owned()) }
    }
    fn call(&self, call: HttpCall) -> HttpFuture {
        let (timeout, path) = (call.timeout, call.path.to_string());
        self.called.lock().push(call);
        let alive = Alive::new(&self.waiting);
        Box::pin(async move {
            let _alive = alive;
            let answer = async {
                match path.as_str() {
                    "/never" => std::future::pending().await,
                    "/slow" => tokio::time::sleep(Duration::from_millis(30)).await,
                    "/large" => return Err(HttpError::TooLarge),
                    "/gone" => return Err(HttpError::Unavailable("nobody is there".to_owned())),
                    _ => {}
                }
                let headers =
                    [(HeaderName::from_static("x-kind"), HeaderValue::from_static("kind"))];
                let body = path.into_bytes();
                Ok(HttpAnswer {
                    status: StatusCode::OK,
                    headers: headers.into_iter().collect(),
                    body,
                })
            };
            tokio::time::timeout(timeout, answer).await.unwrap_or(Err(HttpError::Timeout))
        })
    }
}

/// Counts calls that are under way.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(waiting: &Arc<AtomicUsize>) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(waiting))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn charged(allowed: bool, left: u32) -> Charged {
    let retry_after = if allowed { Duration::ZERO } else { Duration::from_micros(1500) };
    Charged { allowed, remaining: left.into(), retry_after }
}

pub(crate) fn host() -> (Host, Arc<World>) {
    let world = Arc::new(World::default());
    let host = Host::new(HostOptions::new(Arc::clone(&world) as Arc<dyn Environment>));
    (host.expect("the host starts"), world)
}

pub(crate) fn bytes(guest: &str) -> Vec<u8> {
    fs::read(hither_guests::guest(guest)).expect("the guest can be read")
}

/// A guest with every capability granted and its time budget stretched: what is tested is rarely the
/// time, and the machine may be busy.
pub(crate) fn spec(guest: &str) -> Spec {
    Spec {
        grants: Capability::ALL.to_vec(),
        budget: Budget { time: Duration::from_millis(200), ..Budget::default() },
        ..Spec::new(guest, bytes(guest))
    }
}

pub(crate) fn load(host: &Host, spec: Spec) -> Arc<Loaded> {
    host.load(spec).unwrap_or_else(|error| panic!("it does not load: {error}"))
}

pub(crate) fn refused(host: &Host, spec: Spec) -> LoadError {
    match host.load(spec) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error,
    }
}

pub(crate) fn one_config(json: &str) -> Vec<Config> {
    vec![Config { id: 0, json: json.as_bytes().to_vec() }]
}

/// Loaded, and configured with `{}` as configuration 0.
pub(crate) fn revision(host: &Host, spec: Spec) -> Arc<Revision> {
    load(host, spec).configure(one_config("{}")).unwrap_or_else(|error| panic!("{error}"))
}

/// Inputs by the names that the contract gives them.
#[derive(Default)]
pub(crate) struct Given(pub(crate) Vec<(&'static str, &'static str)>);

impl Inputs for Given {
    fn read<'a>(&'a self, name: &InputName, values: &mut Values<'a>) {
        let name = name.to_string();
        for (_, value) in self.0.iter().filter(|(given, _)| *given == name) {
            values.push(value.as_bytes());
        }
    }
}

pub(crate) fn request<'a>(path: &'a str, inputs: &'a Given) -> RequestHead<'a> {
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
        path,
        inputs,
    }
}

pub(crate) fn response(inputs: &Given) -> ResponseHead<'_> {
    ResponseHead {
        exchange: 1,
        now_ms: 1_700_000_000_000,
        config: 0,
        status: StatusCode::OK,
        from_cache: false,
        end_of_stream: true,
        inputs,
    }
}

/// Asks the request filter about a path.
pub(crate) fn ask(revision: &Revision, path: &str) -> Report<RequestVerdict> {
    revision.on_request(&request(path, &Given::default()))
}

/// The value of one metadata key in a request filter's answer.
pub(crate) fn metadata(report: &Report<RequestVerdict>, key: &str) -> String {
    match &report.outcome {
        Ok(RequestVerdict::Next(patch)) => {
            let found = patch.metadata.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| value.clone()).expect("the key is there")
        }
        other => panic!("no patch: {other:?}"),
    }
}

/// Waits until a condition holds, and says what it last was when it never does.
pub(crate) fn eventually<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> (bool, T)) {
    let begin = Instant::now();
    loop {
        let (good, last) = look();
        if good {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: {last:?}");
        std::thread::yield_now();
    }
}
