//! One instance of a plugin: started, configured, called under its budgets. It knows one run at a time;
//! which instance serves which call is the pool's business.

use std::time::{Duration, Instant};

use wasmtime::component::InstancePre;
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
        let mut store = Store::new(bounded.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().run_time.tick()));
        store.set_hostcall_fuel(bounded.budget.output);
        store.set_max_component_handles(HANDLES);
        begin(&mut store, bounded, Instant::now(), time, None, 0);
        let started = (|| {
            let instance = pre.instantiate(&mut store)?;
            exports.load(&mut store, &instance)
        })();
        store.data().run_time.end();
        match started {
            Ok(interfaces) => Ok(Self { store, interfaces, calls: 0 }),
            Err(error) => Err(Failure::of_start(&error, store.data().memory.refused())
                .after(store.data().last_words())),
        }
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
