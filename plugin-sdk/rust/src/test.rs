//! A fake host, so that hooks run under plain `cargo test`: makes requests with exactly the inputs that
//! a plugin declared, and shows what it logged, counted and stored. Not there on WebAssembly.

use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use crate::bindings::imports::hither::plugin::types;
use crate::http::{Answer, Call, Error};
use crate::instances::Instance;
use crate::log::Level;
use crate::{Configured, Method, Plugin, Protocol, Request, Response, Summary, fake};

/// One logged line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Its message.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

/// A plugin with one configuration. It is the plugin: call its hooks on it.
#[derive(Debug)]
pub struct Subject<P> {
    plugin: Rc<P>,
    id: u32,
    config: serde_json::Value,
}

/// Configures a plugin with JSON, as the host would.
///
/// # Errors
/// What the operator would be told.
pub fn configure<P: Configured>(json: &str) -> Result<Subject<P>, String> {
    let plugin = Rc::new(crate::export::read::<P>(json.as_bytes())?);
    let text = if json.is_empty() { "{}" } else { json };
    let config = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let id = P::with(|values| {
        let mut values = values.borrow_mut();
        let id = u32::try_from(values.len()).unwrap_or(u32::MAX);
        values.push((id, Rc::clone(&plugin)));
        id
    });
    Ok(Subject { plugin, id, config })
}

impl<P> Deref for Subject<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.plugin
    }
}

impl<P: Plugin> Subject<P> {
    /// Begins a GET of this path.
    pub fn get(&self, path: &str) -> RequestBuilder<'_, P> {
        let raw = types::Request {
            exchange: 1,
            now_ms: fake::with(|state| state.now_ms),
            config: self.id,
            method: Method::Get,
            protocol: Protocol::Http11,
            tls: false,
            end_of_stream: true,
            authority: "example.com".to_owned(),
            path: path.to_owned(),
            inputs: Vec::new(),
        };
        RequestBuilder { raw, given: Given::new(&self.config), plugin: PhantomData }
    }

    /// Begins a response with this status.
    pub fn response(&self, status: u16) -> ResponseBuilder<'_, P> {
        let raw = types::Response {
            exchange: 1,
            now_ms: fake::with(|state| state.now_ms),
            config: self.id,
            status,
            from_cache: false,
            end_of_stream: true,
            inputs: Vec::new(),
        };
        ResponseBuilder { raw, given: Given::new(&self.config), plugin: PhantomData }
    }
}

impl<P: Plugin> Subject<P> {
    /// Begins the summary of an exchange that ended with this status.
    pub fn summary(&self, status: u16) -> SummaryBuilder<'_, P> {
        let raw = types::Summary {
            exchange: 1,
            config: self.id,
            memo: 0,
            started_ms: fake::with(|state| state.now_ms),
            duration_us: 0,
            upstream_us: 0,
            status,
            request_bytes: 0,
            response_bytes: 0,
            service: "web".to_owned(),
            instance: String::new(),
            region: String::new(),
            cache: String::new(),
            fault: String::new(),
            inputs: Vec::new(),
        };
        SummaryBuilder { raw, given: Given::new(&self.config), plugin: PhantomData }
    }
}

/// What a message holds, declared or not.
#[derive(Debug)]
struct Given<'a> {
    config: &'a serde_json::Value,
    inputs: Vec<(String, Vec<u8>)>,
}

impl<'a> Given<'a> {
    fn new(config: &'a serde_json::Value) -> Self {
        Self { config, inputs: Vec::new() }
    }

    fn add(&mut self, name: String, value: &[u8]) {
        self.inputs.push((name, value.to_vec()));
    }

    /// What of it the host would hand over.
    fn declared(&self, names: &[&str]) -> Vec<types::Input> {
        let mut inputs = Vec::new();
        for (slot, name) in (0..).zip(names) {
            let name = self.resolve(name.strip_suffix('?').unwrap_or(name));
            for (given, value) in &self.inputs {
                if *given == name {
                    inputs.push(types::Input { slot, value: value.clone() });
                }
            }
        }
        inputs
    }

    /// `header:{key=default}` becomes the header that the configuration names.
    fn resolve(&self, name: &str) -> String {
        let pattern = name.split_once(":{").and_then(|(kind, rest)| {
            let (key, default) = split_default(rest.strip_suffix('}')?);
            let configured = self.config.get(key).and_then(|value| value.as_str());
            Some(format!("{kind}:{}", configured.or(default)?.to_ascii_lowercase()))
        });
        pattern.unwrap_or_else(|| name.to_owned())
    }
}

fn split_default(pattern: &str) -> (&str, Option<&str>) {
    match pattern.split_once('=') {
        Some((key, default)) => (key, Some(default)),
        None => (pattern, None),
    }
}

/// Makes a request.
#[derive(Debug)]
pub struct RequestBuilder<'a, P> {
    raw: types::Request,
    given: Given<'a>,
    plugin: PhantomData<P>,
}

impl<P: Plugin> RequestBuilder<'_, P> {
    /// Another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.raw.method = method;
        self
    }

    /// Another authority.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        self.raw.authority = authority.to_owned();
        self
    }

    /// A header that the client sent; the plugin sees it if it declared it.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.given.add(format!("header:{}", name.to_ascii_lowercase()), value.as_ref());
        self
    }

    /// Any other input, such as `client.address` or `cookie:sid`; the plugin sees it if it declared
    /// it.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.given.add(name.to_owned(), value.as_ref());
        self
    }

    /// Sets any plain part of it.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut types::Request)) -> Self {
        set(&mut self.raw);
        self
    }

    /// The request.
    pub fn build(mut self) -> Request {
        self.raw.inputs = self.given.declared(P::REQUEST_INPUTS);
        if P::BY_INPUTS {
            self.raw = types::Request {
                config: self.raw.config,
                inputs: self.raw.inputs,
                ..blank_request()
            };
        }
        Request::new(self.raw, P::REQUEST_INPUTS)
    }
}

/// What a plugin that goes by its inputs is shown of everything else.
fn blank_request() -> types::Request {
    types::Request {
        exchange: 0,
        now_ms: 0,
        config: 0,
        method: Method::Get,
        protocol: Protocol::Http11,
        tls: false,
        end_of_stream: false,
        authority: String::new(),
        path: String::new(),
        inputs: Vec::new(),
    }
}

/// Makes a response.
#[derive(Debug)]
pub struct ResponseBuilder<'a, P> {
    raw: types::Response,
    given: Given<'a>,
    plugin: PhantomData<P>,
}

impl<P: Plugin> ResponseBuilder<'_, P> {
    /// A header that the upstream sent; the plugin sees it if it declared it.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.given.add(format!("header:{}", name.to_ascii_lowercase()), value.as_ref());
        self
    }

    /// Any other input, such as `client.address` or `request.path`; the plugin sees it if it declared it.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.given.add(name.to_owned(), value.as_ref());
        self
    }

    /// The response.
    pub fn build(mut self) -> Response {
        self.raw.inputs = self.given.declared(P::RESPONSE_INPUTS);
        if P::BY_INPUTS {
            self.raw = types::Response { exchange: 0, now_ms: 0, end_of_stream: false, ..self.raw };
        }
        Response::new(self.raw, P::RESPONSE_INPUTS)
    }
}

/// Makes a summary.
#[derive(Debug)]
pub struct SummaryBuilder<'a, P> {
    raw: types::Summary,
    given: Given<'a>,
    plugin: PhantomData<P>,
}

impl<P: Plugin> SummaryBuilder<'_, P> {
    /// An input of the request, such as `client.address` or `header:x-key`; the plugin sees it if it
    /// declared it.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.given.add(name.to_owned(), value.as_ref());
        self
    }

    /// Sets any plain part of it.
    #[must_use]
    pub fn with(mut self, set: impl FnOnce(&mut types::Summary)) -> Self {
        set(&mut self.raw);
        self
    }

    /// The summary.
    pub fn build(mut self) -> Summary {
        self.raw.inputs = self.given.declared(P::REQUEST_INPUTS);
        Summary::new(self.raw, P::REQUEST_INPUTS)
    }
}

/// Takes the lines logged on this thread so far.
pub fn take_log() -> Vec<Line> {
    fake::with(|state| std::mem::take(&mut state.lines))
}

/// What was added to a counter on this thread.
pub fn counter(metric: u32) -> u64 {
    fake::with(|state| state.counters.get(&metric).copied().unwrap_or(0))
}

/// What a gauge was last set to on this thread.
pub fn gauge(metric: u32) -> Option<f64> {
    fake::with(|state| state.gauges.get(&metric).copied())
}

/// What was observed in a histogram on this thread.
pub fn observations(metric: u32) -> Vec<f64> {
    fake::with(|state| state.observations.get(&metric).cloned().unwrap_or_default())
}

/// Lets time pass for the store, and for the `now_ms` of later requests.
pub fn advance(time: Duration) {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    fake::with(|state| state.now_ms = state.now_ms.saturating_add(millis));
}

/// Says which instances a service has.
pub fn set_instances(service: &str, instances: Vec<Instance>) {
    fake::with(|state| state.services.insert(service.to_owned(), instances));
}

/// Lends a secret under this name.
pub fn set_secret(name: &str, secret: &[u8]) {
    fake::with(|state| state.secrets.insert(name.to_owned(), secret.to_vec()));
}

/// Lends a limiter whose keys have so many units each; none come back.
pub fn set_limiter(name: &str, units: u32) {
    fake::with(|state| state.limiters.insert(name.to_owned(), (units, Default::default())));
}

/// Grants a service, and says what it answers to this path. Whatever is not said is denied.
pub fn set_answer(service: &str, path: &str, answer: Result<Answer, Error>) {
    fake::with(|state| state.answers.insert((service.to_owned(), path.to_owned()), answer));
}

/// Takes the calls sent on this thread so far.
pub fn take_calls() -> Vec<Call> {
    fake::with(|state| std::mem::take(&mut state.calls))
}

/// Takes the tags and URLs purged on this thread so far.
pub fn take_purged() -> Vec<String> {
    fake::with(|state| std::mem::take(&mut state.purged))
}
