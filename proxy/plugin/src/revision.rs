//! A configured plugin that takes traffic: calls its hooks on pooled instances, under budgets, behind a
//! breaker. It counts nothing and decides nothing about a failure: both are the caller's.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::block_on::block_on;
use crate::body::Streams;
use crate::capability::Capabilities;
use crate::contract::hither::plugin::types;
use crate::fault::{ConfigureError, Failure};
use crate::gate::Gate;
use crate::hook::Hooks;
use crate::input::{InputName, InputPattern};
use crate::instance::Instance;
use crate::judge::{self, Bounds, Wrong};
use crate::lent::Lent;
use crate::loaded::Loaded;
use crate::manifest::Manifest;
use crate::pool::{Lease, Pool};
use crate::recall::{Question, Recall, Recalled, Verdict};
use crate::report::Report;
use crate::request::{RequestHead, ResponseHead, Values};
use crate::spec::{Config, Isolation};
use crate::verdict::{RequestVerdict, ResponseVerdict, Routing};

/// A fresh instance on the request path may take this many times the budget of a call: enough to read
/// configurations, too little to hold a worker for long.
pub(crate) const FRESH_START: u32 = 10;

/// What a call is made for.
#[derive(Clone, Copy)]
pub(crate) struct Occasion {
    pub(crate) exchange: u64,
    pub(crate) config: u32,
    pub(crate) rehearsal: bool,
}

impl RequestHead<'_> {
    pub(crate) fn occasion(&self) -> Occasion {
        Occasion { exchange: self.exchange, config: self.config, rehearsal: self.rehearsal }
    }
}

impl ResponseHead<'_> {
    pub(crate) fn occasion(&self) -> Occasion {
        Occasion { exchange: self.exchange, config: self.config, rehearsal: false }
    }
}

/// What is particular to a hook, but for the call itself.
struct Ask<R, T> {
    recall: fn(&Recalled) -> &Recall<T>,
    judge: fn(R, Bounds) -> Result<T, Wrong>,
}

/// One configuration, and the inputs that its calls are given.
pub(crate) struct Configured {
    pub(crate) config: Config,
    pub(crate) request: Vec<Option<InputName>>,
    pub(crate) response: Vec<Option<InputName>>,
}

impl Configured {
    /// The error is a sentence for the operator.
    fn new(manifest: &Manifest, config: Config) -> Result<Self, String> {
        // A plugin may take a configuration that is no JSON; then it cannot take names out of it.
        let json = serde_json::from_slice(&config.json).unwrap_or(serde_json::Value::Null);
        let resolve = |patterns: &[InputPattern]| {
            patterns.iter().map(|pattern| pattern.resolve(&json)).collect::<Result<Vec<_>, _>>()
        };
        let request = resolve(&manifest.request_inputs)?;
        let response = resolve(&manifest.response_inputs)?;
        Ok(Self { config, request, response })
    }
}

/// A plugin with its configurations. Dropping it frees its instances and, with the last revision of a
/// [`Loaded`], its code: do that off the request threads.
pub struct Revision {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) configs: Vec<Configured>,
    pub(crate) capabilities: Arc<Capabilities>,
    pub(crate) pool: Pool<Box<Instance>>,
    pub(crate) streams: Streams,
    pub(crate) gate: Gate,
    /// Of calls that no request waits for.
    gate_aside: Gate,
    /// Where verdicts are by inputs.
    recalled: Option<Box<Recalled>>,
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revision")
            .field("id", &self.id())
            .field("loaded", &self.loaded)
            .finish_non_exhaustive()
    }
}

impl Revision {
    pub(crate) fn new(
        loaded: Arc<Loaded>,
        configs: Vec<Config>,
        may: Capabilities,
    ) -> Result<Self, ConfigureError> {
        let configure =
            |config: Config| {
                let id = config.id;
                Configured::new(loaded.manifest(), config).map_err(|reason| {
                    ConfigureError::Refused { plugin: loaded.name().to_owned(), config: id, reason }
                })
            };
        let mut configs = configs.into_iter().map(configure).collect::<Result<Vec<_>, _>>()?;
        configs.sort_by_key(|configured| configured.config.id);
        let pool = Pool::new(loaded.budget.instances);
        let streams = Streams::of(loaded.budget.instances);
        let recalled = loaded.manifest().by_inputs.then(Box::default);
        let gate = if may.watches { Gate::never_open() } else { Gate::default() };
        let (capabilities, gate_aside) = (Arc::new(may), Gate::default());
        Ok(Self { loaded, configs, capabilities, pool, streams, gate, gate_aside, recalled })
    }

    /// A number that no other revision in this process has.
    pub fn id(&self) -> u64 {
        self.capabilities.revision
    }

    /// Its code.
    pub fn loaded(&self) -> &Arc<Loaded> {
        &self.loaded
    }

    /// The operator's name for it.
    pub fn name(&self) -> &str {
        self.loaded.name()
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn gate_aside(&self) -> &Gate {
        &self.gate_aside
    }

    pub(crate) fn lent(&self) -> &Lent {
        &self.capabilities.lent
    }

    /// The hooks that it exports.
    pub fn hooks(&self) -> Hooks {
        self.loaded.hooks()
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.loaded.manifest()
    }

    /// Instances alive now, idle or in a call.
    pub fn instances(&self) -> usize {
        self.pool.live()
    }

    /// Whether it is being left alone after too many failures.
    pub fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// Whether verdicts follow from the declared inputs, so that heads may come without the rest.
    pub fn by_inputs(&self) -> bool {
        self.recalled.is_some()
    }

    /// A request as the plugin may see it.
    pub(crate) fn shown<'a>(&self, head: &RequestHead<'a>) -> RequestHead<'a> {
        if self.by_inputs() { head.blank() } else { *head }
    }

    /// `routing.select`. A plugin without this hook passes. For one that waits there is
    /// [`Revision::select_waiting`]; here it holds this thread up.
    pub fn select(&self, request: &RequestHead<'_>) -> Report<Routing> {
        if self.waits() {
            return block_on(self.select_waiting(request));
        }
        let ask = Ask { recall: |recalled| &recalled.routing, judge: judge::routing };
        self.ask_of_request(request, ask, Routing::Pass, |instance, request| {
            let hook = instance.interfaces.routing.as_ref()?;
            Some(hook.call_select(&mut instance.store, request))
        })
    }

    /// `request-filter.on-request`. A plugin without this hook passes. For one that waits there is
    /// [`Revision::on_request_waiting`]; here it holds this thread up.
    pub fn on_request(&self, request: &RequestHead<'_>) -> Report<RequestVerdict> {
        if self.waits() {
            return block_on(self.on_request_waiting(request));
        }
        let ask = Ask { recall: |recalled| &recalled.request, judge: judge::request };
        self.ask_of_request(request, ask, RequestVerdict::Pass, |instance, request| {
            let hook = instance.interfaces.request_filter.as_ref()?;
            Some(hook.call_on_request(&mut instance.store, request))
        })
    }

    fn ask_of_request<R, T: Verdict>(
        &self,
        head: &RequestHead<'_>,
        ask: Ask<R, T>,
        pass: T,
        run: impl FnOnce(&mut Instance, types::Request<'_>) -> Option<wasmtime::Result<R>>,
    ) -> Report<T> {
        let Some(given) = self.configured(head.config) else {
            return Report::unconfigured(head.config);
        };
        let values = Values::read(head.inputs, &given.request);
        let question = || Question::of_request(head.config, &values);
        self.remembering(ask.recall, head.rehearsal, question, || {
            let head = self.shown(head);
            let inputs = values.lowered();
            self.call(head.occasion(), ask.judge, pass, |instance| {
                run(instance, head.lowered(&inputs))
            })
        })
    }

    /// `response-filter.on-response`, with the memo that an earlier hook of this plugin left. A plugin
    /// without this hook passes.
    pub fn on_response(&self, head: &ResponseHead<'_>, memo: u64) -> Report<ResponseVerdict> {
        let Some(given) = self.configured(head.config) else {
            return Report::unconfigured(head.config);
        };
        let values = Values::read(head.inputs, &given.response);
        let status = head.status.as_u16();
        let question = || Question::of_response(head.config, status, memo, &values);
        self.remembering(
            |recalled| &recalled.response,
            false,
            question,
            || {
                let head = if self.by_inputs() { head.blank() } else { *head };
                let inputs = values.lowered();
                let pass = ResponseVerdict::Pass;
                self.call(head.occasion(), judge::response, pass, |instance| {
                    let hook = instance.interfaces.response_filter.as_ref()?;
                    Some(hook.call_on_response(&mut instance.store, head.lowered(&inputs), memo))
                })
            },
        )
    }

    /// Answers from memory where verdicts are by inputs, and remembers what a call says. A rehearsal
    /// does neither: who asks why wants to see it asked.
    fn remembering<T: Verdict>(
        &self,
        recall: fn(&Recalled) -> &Recall<T>,
        rehearsal: bool,
        question: impl FnOnce() -> Question,
        call: impl FnOnce() -> Report<T>,
    ) -> Report<T> {
        let Some(recalled) = self.recalled.as_deref().filter(|_| !rehearsal) else { return call() };
        let (recall, question) = (recall(recalled), question());
        if let Some(verdict) = recall.recall(&question) {
            return Report::remembered(verdict);
        }
        let report = call();
        if let Ok(verdict) = &report.outcome {
            recall.learn(&question, verdict);
        }
        report
    }

    /// One call that a request waits for: breaker, instance, budgets, run, judgement. `run` gives none when
    /// the plugin has no such hook.
    pub(crate) fn call<R, T>(
        &self,
        Occasion { exchange, config, rehearsal }: Occasion,
        judge: impl FnOnce(R, Bounds) -> Result<T, Wrong>,
        pass: T,
        run: impl FnOnce(&mut Instance) -> Option<wasmtime::Result<R>>,
    ) -> Report<T> {
        let begin = Instant::now();
        let Some(ticket) = self.gate.ask(begin, rehearsal) else { return Report::left_alone() };
        let usual = self.loaded.budget.time;
        let report = self.report(begin, usual * FRESH_START, |instance, now| {
            instance.begin(&self.loaded.bounded(), now, usual, Some(exchange), config);
            let returned = run(instance);
            instance.end();
            match returned {
                None => Ok(pass),
                Some(Err(error)) => Err(instance.failure(&error)),
                Some(Ok(raw)) => judge(raw, self.bounds()).map_err(Failure::InvalidOutput),
            }
        });
        if !rehearsal {
            self.gate.tell_of(begin, &ticket, &report);
        }
        report
    }

    /// Runs on a leased instance, which is kept when all went well.
    pub(crate) fn report<T>(
        &self,
        begin: Instant,
        fresh_start: Duration,
        run: impl FnOnce(&mut Instance, Instant) -> Result<T, Failure>,
    ) -> Report<T> {
        let mut fresh = false;
        let mut memory = 0;
        let outcome = self.lease(&mut fresh, fresh_start).and_then(|(mut lease, mut instance)| {
            // What starting it took is not the call's.
            let now = if fresh { Instant::now() } else { begin };
            let outcome = run(&mut instance, now);
            memory = instance.memory();
            if outcome.is_ok() && self.may_serve_again(&instance) {
                lease.thing = Some(instance);
                lease.keep();
            }
            outcome
        });
        Report { outcome, time: begin.elapsed(), memory, fresh, remembered: false }
    }

    pub(crate) fn configured(&self, id: u32) -> Option<&Configured> {
        let index = self.configs.binary_search_by_key(&id, |one| one.config.id).ok()?;
        self.configs.get(index)
    }

    /// An instance to call, and the place in the pool that it takes.
    pub(crate) fn lease(
        &self,
        fresh: &mut bool,
        fresh_start: Duration,
    ) -> Result<(Lease<'_, Box<Instance>>, Box<Instance>), Failure> {
        let mut lease = self.place()?;
        if let Some(instance) = lease.thing.take() {
            return Ok((lease, instance));
        }
        *fresh = true;
        let instance = self.start(fresh_start)?;
        Ok((lease, instance))
    }

    /// What an answer of it is judged by.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds { edits: self.loaded.budget.edits, hooks: self.hooks() }
    }

    /// An instance that was carried away and is well.
    pub(crate) fn take_back(&self, instance: Box<Instance>) {
        let again = self.may_serve_again(&instance);
        let lease = self.pool.resume(Some(instance));
        if again {
            lease.keep();
        }
    }

    /// A place in the pool, with an instance if one is idle.
    pub(crate) fn place(&self) -> Result<Lease<'_, Box<Instance>>, Failure> {
        let most = self.loaded.budget.instances;
        let none = || Failure::NoInstance(format!("all {most} of this plugin are in use"));
        self.pool.lease().ok_or_else(none)
    }

    pub(crate) fn may_serve_again(&self, instance: &Instance) -> bool {
        self.loaded.isolation == Isolation::Pooled
            && instance.calls() < self.loaded.budget.calls_per_instance
    }
}
