//! Calls of plugins that wait: the same hooks on fibers. Whoever drops such a call ends it, and its instance
//! with it.

use std::time::Instant;

use wasmtime::component::{ComponentNamedList, Lift, Lower};

use super::rate_limit::{self, Classified};
use super::{Background, Summary};
use crate::breaker::Ticket;
use crate::fault::Failure;
use crate::gate::Gate;
use crate::hook::Hook;
use crate::input::InputName;
use crate::instance::Instance;
use crate::judge::{self, Bounds, Wrong};
use crate::report::Report;
use crate::request::{RequestHead, Values};
use crate::revision::{FRESH_START, Occasion, Revision};
use crate::verdict::{RequestVerdict, Routing};

/// What a waiting call is made of.
struct Call<P> {
    hook: Hook,
    function: &'static str,
    params: P,
}

/// A question to the breaker that is answered even if the call is dropped.
struct Asked<'a> {
    gate: &'a Gate,
    ticket: Option<Ticket>,
    begin: Instant,
}

impl<'a> Asked<'a> {
    fn new(gate: &'a Gate, begin: Instant, rehearsal: bool) -> Option<Self> {
        let ticket = gate.ask(begin, rehearsal)?;
        Some(Self { gate, ticket: Some(ticket).filter(|_| !rehearsal), begin })
    }

    fn answered<T>(mut self, report: &Report<T>) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.tell_of(self.begin, &ticket, report);
        }
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.tell_not_made(self.begin, &ticket);
        }
    }
}

impl Revision {
    /// Whether its hooks are to be called by the functions that wait.
    pub fn waits(&self) -> bool {
        self.loaded().waits
    }

    /// As [`Revision::select`], of a plugin that waits.
    pub async fn select_waiting(&self, request: &RequestHead<'_>) -> Report<Routing> {
        let values = Values::read(request.inputs, self.request_inputs(request.config));
        let inputs = values.lowered();
        let params = (request.lowered(&inputs),);
        let call = Call { hook: Hook::Routing, function: "select", params };
        self.wait(request.occasion(), call, judge::routing, Routing::Pass).await
    }

    /// As [`Revision::on_request`], of a plugin that waits.
    pub async fn on_request_waiting(&self, request: &RequestHead<'_>) -> Report<RequestVerdict> {
        let values = Values::read(request.inputs, self.request_inputs(request.config));
        let inputs = values.lowered();
        let params = (request.lowered(&inputs),);
        let call = Call { hook: Hook::RequestFilter, function: "on-request", params };
        self.wait(request.occasion(), call, judge::request, RequestVerdict::Pass).await
    }

    /// As [`Revision::classify`], of a plugin that waits.
    pub async fn classify_waiting(&self, request: &RequestHead<'_>) -> Report<Classified> {
        let values = Values::read(request.inputs, self.request_inputs(request.config));
        let inputs = values.lowered();
        let params = (request.lowered(&inputs),);
        let call = Call { hook: Hook::RateLimit, function: "classify", params };
        let judge = |raw, bounds| rate_limit::judge(raw, bounds, self.lent());
        self.wait(request.occasion(), call, judge, Classified::Allow).await
    }

    /// As [`Revision::on_complete`], of a plugin that waits.
    pub async fn on_complete_waiting(&self, done: &[Summary]) -> Report<()> {
        let inputs: Vec<_> = done.iter().map(|one| one.inputs.lowered()).collect();
        let lowered: Vec<_> =
            done.iter().zip(&inputs).map(|(one, inputs)| one.lowered(inputs)).collect();
        let begin = Instant::now();
        let Some(asked) = Asked::new(self.gate_aside(), begin, false) else {
            return Report::left_alone();
        };
        let params = (&*lowered,);
        let call = Call { hook: Hook::AccessLog, function: "on-complete", params };
        let report = self.wait_aside(begin, call).await;
        asked.answered(&report);
        report
    }

    fn request_inputs(&self, config: u32) -> &[Option<InputName>] {
        self.configured(config).map_or(&[], |given| &given.request)
    }

    async fn wait<P, R, T>(
        &self,
        Occasion { exchange, config, rehearsal }: Occasion,
        call: Call<P>,
        judge: impl FnOnce(R, Bounds) -> Result<T, Wrong>,
        pass: T,
    ) -> Report<T>
    where
        P: ComponentNamedList + Lower,
        (R,): ComponentNamedList + Lift + 'static,
    {
        if !self.hooks().contains(call.hook) {
            return Report::not_called(Ok(pass));
        }
        if self.configured(config).is_none() {
            let reason = "this revision was not given it".to_owned();
            return Report::not_called(Err(Failure::Unconfigured { config, reason }));
        }
        let begin = Instant::now();
        let Some(asked) = Asked::new(self.gate(), begin, rehearsal) else {
            return Report::left_alone();
        };
        let budget = self.loaded().budget();
        let raw = self.leased(begin, budget.time * FRESH_START, async |instance, now| {
            instance.begin(&self.loaded().bounded(), now, budget.time, Some(exchange), config);
            instance.may_wait(begin + budget.wait);
            let name = (call.hook.name(), call.function);
            let returned = instance.call_waiting::<P, R>(name, call.params).await;
            instance.end();
            let raw = returned.map_err(|error| instance.failure(&error))?;
            judge(raw, self.bounds()).map_err(Failure::InvalidOutput)
        });
        let report = raw.await;
        asked.answered(&report);
        report
    }

    async fn wait_aside<P>(&self, begin: Instant, call: Call<P>) -> Report<()>
    where
        P: ComponentNamedList + Lower,
    {
        let budget = self.loaded().budget();
        self.leased(begin, budget.startup, async |instance, now| {
            self.run_aside_waiting(instance, now, call).await
        })
        .await
    }

    async fn run_aside_waiting<P>(
        &self,
        instance: &mut Instance,
        now: Instant,
        call: Call<P>,
    ) -> Result<(), Failure>
    where
        P: ComponentNamedList + Lower,
    {
        let budget = self.loaded().budget();
        instance.begin(&self.loaded().bounded(), now, budget.aside, None, 0);
        instance.may_wait(now + budget.aside);
        let name = (call.hook.name(), call.function);
        let returned = instance.call_waiting_unit(name, call.params).await;
        instance.end();
        returned.map_err(|error| instance.failure(&error))
    }

    /// Runs on a leased instance, which is kept when all went well, and gone when this is dropped.
    async fn leased<T>(
        &self,
        begin: Instant,
        fresh_start: std::time::Duration,
        run: impl AsyncFnOnce(&mut Instance, Instant) -> Result<T, Failure>,
    ) -> Report<T> {
        let mut fresh = false;
        let mut memory = 0;
        let outcome = async {
            let mut lease = self.place()?;
            let mut instance = match lease.thing.take() {
                Some(instance) => instance,
                None => {
                    fresh = true;
                    self.start_waiting(fresh_start).await?
                }
            };
            let now = if fresh { Instant::now() } else { begin };
            let outcome = run(&mut instance, now).await;
            memory = instance.memory();
            if outcome.is_ok() && self.may_serve_again(&instance) {
                lease.thing = Some(instance);
                lease.keep();
            }
            outcome
        }
        .await;
        Report { outcome, time: begin.elapsed(), memory, fresh, remembered: false }
    }
}

impl Background {
    /// As [`Background::tick`], of a plugin that waits.
    pub async fn tick_waiting(&mut self, now_ms: u64) -> Report<()> {
        let begin = Instant::now();
        let Some(asked) = Asked::new(&self.gate, begin, false) else { return Report::left_alone() };
        let revision = &self.revision;
        let budget = revision.loaded().budget();
        let taken = self.instance.take();
        let fresh = taken.is_none();
        let mut memory = 0;
        let own = &mut self.instance;
        let outcome = async {
            let mut instance = match taken {
                Some(instance) => instance,
                None => revision.start_waiting(budget.startup).await?,
            };
            let now = if fresh { Instant::now() } else { begin };
            let call = Call { hook: Hook::Background, function: "on-tick", params: (now_ms,) };
            let ran = revision.run_aside_waiting(&mut instance, now, call).await;
            memory = instance.memory();
            if ran.is_ok() && instance.calls() < budget.calls_per_instance {
                *own = Some(instance);
            }
            ran
        }
        .await;
        let report = Report { outcome, time: begin.elapsed(), memory, fresh, remembered: false };
        asked.answered(&report);
        report
    }

    /// Whether it is to be called by [`Background::tick_waiting`].
    pub fn waits(&self) -> bool {
        self.revision.waits()
    }
}
