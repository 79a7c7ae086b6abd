//! Calls that no request waits for: a budget and breakers of their own.

use std::time::Instant;

use crate::fault::Failure;
use crate::instance::Instance;
use crate::report::Report;
use crate::revision::Revision;

impl Revision {
    /// One call that no request waits for, with a budget and a breaker of its own.
    pub(crate) fn call_aside(
        &self,
        run: impl FnOnce(&mut Instance) -> Option<wasmtime::Result<()>>,
    ) -> Report<()> {
        let begin = Instant::now();
        let Some(ticket) = self.gate_aside().ask(begin, false) else { return Report::left_alone() };
        let report = self.report(begin, self.loaded().budget().startup, |instance, now| {
            self.run_aside(instance, now, run)
        });
        self.gate_aside().tell_of(begin, &ticket, &report);
        report
    }

    fn run_aside(
        &self,
        instance: &mut Instance,
        now: Instant,
        run: impl FnOnce(&mut Instance) -> Option<wasmtime::Result<()>>,
    ) -> Result<(), Failure> {
        let bounded = self.loaded().bounded();
        instance.begin(&bounded, now, self.loaded().budget().aside, None, 0);
        let returned = run(instance);
        instance.end();
        returned.unwrap_or(Ok(())).map_err(|error| instance.failure(&error))
    }

    /// A tick on an instance that is the background's alone.
    pub(crate) fn tick_on(
        &self,
        own: &mut Option<Box<Instance>>,
        begin: Instant,
        now_ms: u64,
    ) -> Report<()> {
        let fresh = own.is_none();
        let taken = own.take().map_or_else(|| self.start(self.loaded().budget().startup), Ok);
        let mut memory = 0;
        let outcome = taken.and_then(|mut instance| {
            let now = if fresh { Instant::now() } else { begin };
            let ran = self.run_aside(&mut instance, now, |instance| {
                let hook = instance.interfaces.background.as_ref()?;
                Some(hook.call_on_tick(&mut instance.store, now_ms))
            });
            memory = instance.memory();
            if ran.is_ok() && instance.calls() < self.loaded().budget().calls_per_instance {
                *own = Some(instance);
            }
            ran
        });
        Report { outcome, time: begin.elapsed(), memory, fresh, remembered: false }
    }
}
