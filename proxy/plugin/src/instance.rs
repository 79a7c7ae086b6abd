//! One instance of a plugin: started, configured, called under its budgets. It knows one run at a time;
//! which instance serves which call is the pool's business.

use std::time::{Duration, Instant};

use wasmtime::component::{ComponentNamedList, Func, InstancePre, Lift, Lower};
use wasmtime::{Engine, Store};

use crate::contract::exports::hither::plugin::lifecycle;
use crate::exports::{Exports, Interfaces};
use crate::fault::Failure;
use crate::guest::Guest;
use crate::spec::{Budget, Config};

/// Handles that one instance may hold of what the host gave it: streams, waits. A wait is made and put
/// away again in one breath, so more is a leak.
const HANDLES: usize = 1024;

/// An instance and its exports.
pub(crate) struct Instance {
    pub(crate) store: Store<Guest>,
    pub(crate) interfaces: Interfaces,
    component: wasmtime::component::Instance,
    calls: u32,
}

/// What a run is bounded by.
pub(crate) struct Bounded<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) budget: &'a Budget,
}

impl Instance {
    /// Starts an instance. Its start function and initialisers are guest code and run under `time`.
    pub(crate) fn start(
        bounded: &Bounded<'_>,
        pre: &InstancePre<Guest>,
        exports: &Exports,
        guest: Guest,
        time: Duration,
    ) -> Result<Self, Failure> {
        let mut store = store(bounded, guest, time);
        let instance = pre.instantiate(&mut store);
        Self::started(store, exports, instance)
    }

    /// The same for a component that imports what waits. Nobody waits for anything yet.
    pub(crate) async fn start_waiting(
        bounded: &Bounded<'_>,
        pre: &InstancePre<Guest>,
        exports: &Exports,
        guest: Guest,
        time: Duration,
    ) -> Result<Self, Failure> {
        let mut store = store(bounded, guest, time);
        let instance = pre.instantiate_async(&mut store).await;
        Self::started(store, exports, instance)
    }

    fn started(
        mut store: Store<Guest>,
        exports: &Exports,
        instance: wasmtime::Result<wasmtime::component::Instance>,
    ) -> Result<Self, Failure> {
        let loaded = instance.and_then(|component| {
            let interfaces = exports.load(&mut store, &component)?;
            Ok((component, interfaces))
        });
        store.data().run_time.end();
        match loaded {
            Ok((component, interfaces)) => Ok(Self { store, interfaces, component, calls: 0 }),
            Err(error) => Err(Failure::of_start(&error, store.data().memory.refused())
                .after(store.data().last_words())),
        }
    }

    /// As [`Instance::call_waiting`], of a function that returns nothing.
    pub(crate) async fn call_waiting_unit<P>(
        &mut self,
        name: (&str, &str),
        params: P,
    ) -> wasmtime::Result<()>
    where
        P: ComponentNamedList + Lower,
    {
        let typed = self.find(name)?.typed::<P, ()>(&self.store)?;
        typed.call_async(&mut self.store, params).await
    }

    /// Calls an export on a fiber, so that it may wait. Its type is checked anew, which takes less than
    /// what it will wait for.
    pub(crate) async fn call_waiting<P, R>(
        &mut self,
        name: (&str, &str),
        params: P,
    ) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower,
        (R,): ComponentNamedList + Lift + 'static,
    {
        let typed = self.find(name)?.typed::<P, (R,)>(&self.store)?;
        let (returned,) = typed.call_async(&mut self.store, params).await?;
        Ok(returned)
    }

    fn find(&mut self, (interface, function): (&str, &str)) -> wasmtime::Result<Func> {
        let name = format!("{}{interface}@{}", crate::hook::PACKAGE, crate::hook::VERSION);
        let (component, store) = (self.component, &mut self.store);
        let found = component
            .get_export_index(&mut *store, None, &name)
            .and_then(|index| component.get_export_index(&mut *store, Some(&index), function))
            .and_then(|index| component.get_func(&mut *store, index));
        found.ok_or_else(|| wasmtime::Error::msg(format!("it exports no {function} of {name}")))
    }

    /// From now on, until then, the run may wait.
    pub(crate) fn may_wait(&mut self, until: Instant) {
        self.store.data_mut().wait_until = Some(until);
    }

    /// Asks what it is.
    pub(crate) fn describe(
        &mut self,
        bounded: &Bounded<'_>,
    ) -> Result<lifecycle::Manifest, Failure> {
        begin(&mut self.store, bounded, Instant::now(), bounded.budget.startup, None, 0);
        let described = self.interfaces.lifecycle.call_describe(&mut self.store);
        self.end();
        described.map_err(|error| self.failure(&error))
    }

    /// The same for one that waits elsewhere.
    pub(crate) async fn describe_waiting(
        &mut self,
        bounded: &Bounded<'_>,
    ) -> Result<lifecycle::Manifest, Failure> {
        begin(&mut self.store, bounded, Instant::now(), bounded.budget.startup, None, 0);
        let described = self.call_waiting(("lifecycle", "describe"), ()).await;
        self.end();
        described.map_err(|error| self.failure(&error))
    }

    /// Hands it one configuration.
    pub(crate) fn configure(
        &mut self,
        bounded: &Bounded<'_>,
        config: &Config,
        time: Duration,
    ) -> Result<(), Failure> {
        begin(&mut self.store, bounded, Instant::now(), time, None, config.id);
        let configured =
            self.interfaces.lifecycle.call_configure(&mut self.store, config.id, &config.json);
        self.configured(config, configured)
    }

    /// The same for one that waits elsewhere.
    pub(crate) async fn configure_waiting(
        &mut self,
        bounded: &Bounded<'_>,
        config: &Config,
        time: Duration,
    ) -> Result<(), Failure> {
        begin(&mut self.store, bounded, Instant::now(), time, None, config.id);
        let params = (config.id, &*config.json);
        let configured = self.call_waiting(("lifecycle", "configure"), params).await;
        self.configured(config, configured)
    }

    fn configured(
        &mut self,
        config: &Config,
        configured: wasmtime::Result<Result<(), String>>,
    ) -> Result<(), Failure> {
        self.end();
        match configured {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Failure::Unconfigured {
                config: config.id,
                reason: crate::fault::bounded(&reason),
            }),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Prepares a call of a hook: within this time, and for this exchange if it is for one.
    pub(crate) fn begin(
        &mut self,
        bounded: &Bounded<'_>,
        now: Instant,
        time: Duration,
        exchange: Option<u64>,
        config: u32,
    ) {
        self.calls = self.calls.saturating_add(1);
        begin(&mut self.store, bounded, now, time, exchange, config);
    }

    /// The run has ended.
    pub(crate) fn end(&self) {
        self.store.data().run_time.end();
    }

    /// What an error of the last run was.
    pub(crate) fn failure(&self, error: &wasmtime::Error) -> Failure {
        let guest = self.store.data();
        Failure::of_run(error, guest.memory.refused()).after(guest.last_words())
    }

    /// Hook calls made on it.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// Bytes of linear memory that it holds.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().memory.used()
    }
}

fn store(bounded: &Bounded<'_>, guest: Guest, time: Duration) -> Store<Guest> {
    let mut store = Store::new(bounded.engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.epoch_deadline_callback(|mut store| Ok(store.data_mut().run_time.tick()));
    store.set_hostcall_fuel(bounded.budget.output);
    store.set_max_component_handles(HANDLES);
    begin(&mut store, bounded, Instant::now(), time, None, 0);
    store
}

fn begin(
    store: &mut Store<Guest>,
    bounded: &Bounded<'_>,
    now: Instant,
    time: Duration,
    exchange: Option<u64>,
    config: u32,
) {
    store.set_epoch_deadline(1);
    store.data_mut().begin(now, time, bounded.budget.host_calls, exchange, config);
}
