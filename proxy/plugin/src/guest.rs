//! What the host keeps for one instance: its memory budget, its host calls, and which call runs now.
//! It knows no hook.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

use crate::capability::Capabilities;
use crate::engine::TABLE_ELEMENTS;
use crate::environment::Level;
use crate::fault::Abuse;
use crate::run_time::RunTime;
use crate::ticker::Running;
use crate::wasi::{Output, Stream};

/// The data of one instance's store.
pub(crate) struct Guest {
    pub(crate) memory: Memory,
    pub(crate) run_time: RunTime,
    /// None during `describe`: what it says must not depend on anything outside it.
    capabilities: Option<Arc<Capabilities>>,
    host_calls_left: u32,
    /// None while it is being started.
    pub(crate) exchange: Option<u64>,
    pub(crate) config: u32,
    /// Until when the run may wait for others; none: not at all.
    pub(crate) wait_until: Option<Instant>,
    /// None until it prints something.
    output: Option<Box<Output>>,
}

impl Guest {
    pub(crate) fn new(
        memory: usize,
        running: Arc<Running>,
        capabilities: Option<Arc<Capabilities>>,
    ) -> Self {
        Self {
            memory: Memory::new(memory),
            run_time: RunTime::new(running),
            capabilities,
            host_calls_left: 0,
            exchange: None,
            config: 0,
            wait_until: None,
            output: None,
        }
    }

    /// A run begins.
    pub(crate) fn begin(
        &mut self,
        now: Instant,
        time: Duration,
        host_calls: u32,
        exchange: Option<u64>,
        config: u32,
    ) {
        self.memory.refused = false;
        self.run_time.begin(now, time);
        self.host_calls_left = host_calls;
        self.exchange = exchange;
        self.config = config;
        self.wait_until = None;
        if let Some(output) = &mut self.output {
            output.forget();
        }
    }

    /// Every capability's function begins with this: counts the call, and gives what it may use.
    pub(crate) fn enter(&mut self, capability: &'static str) -> Result<Arc<Capabilities>, Abuse> {
        self.count()?;
        self.capabilities.clone().ok_or(Abuse::NoCapability(capability))
    }

    /// Counts a call of a host function.
    pub(crate) fn count(&mut self) -> Result<(), Abuse> {
        let Some(left) = self.host_calls_left.checked_sub(1) else {
            return Err(Abuse::HostCalls);
        };
        self.host_calls_left = left;
        Ok(())
    }

    /// Takes what it prints: into its log, line by line, which no grant is needed for, since it cannot
    /// be read there by anybody but the operator. `describe` has no log; what it prints is told when it
    /// fails.
    pub(crate) fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let output = self.output.get_or_insert_default();
        let (exchange, config) = (self.exchange, self.config);
        let level = match stream {
            Stream::Out => Level::Info,
            Stream::Error => Level::Warn,
        };
        output.take(stream, bytes, |line| {
            if let Some(may) = &self.capabilities {
                may.write(exchange, config, level, line.to_owned(), Vec::new());
            }
        });
    }

    /// The end of what the last run printed.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.output.as_ref()?.last_words()
    }
}

/// Linear memory of one instance, all its core modules together.
pub(crate) struct Memory {
    used: usize,
    most: usize,
    growing: usize,
    refused: bool,
}

impl Memory {
    pub(crate) fn new(most: usize) -> Self {
        Self { used: 0, most, growing: 0, refused: false }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Whether this run wanted more than there is.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        let used = self.used.saturating_add(growth);
        if used > self.most || maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = true;
            return Ok(false);
        }
        self.used = used;
        self.growing = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.used -= std::mem::take(&mut self.growing);
        self.refused = true;
        Ok(())
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let allowed = desired <= maximum.unwrap_or(TABLE_ELEMENTS).min(TABLE_ELEMENTS);
        self.refused |= !allowed;
        Ok(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_of_an_instance_share_one_budget() {
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.refused());
        assert!(memory.memory_growing(60, 100, None).unwrap());
        assert_eq!(memory.used(), 100);
        assert!(!memory.memory_growing(0, 1, None).unwrap());
    }

    #[test]
    fn a_huge_table_is_refused() {
        let mut memory = Memory::new(100);
        assert!(memory.table_growing(0, 20_000, None).unwrap());
        assert!(!memory.table_growing(0, 20_001, None).unwrap());
        assert!(!memory.table_growing(0, usize::MAX, Some(usize::MAX)).unwrap());
    }
}
