//! `store`: the memory of one plugin name.

use super::Capabilities;
use crate::contract::hither::plugin::store;
use crate::guest::Guest;
use crate::memory::Refusal;

impl Capabilities {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl From<Refusal> for store::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge => Self::TooLarge,
            Refusal::Full => Self::Full,
        }
    }
}

impl store::Host for Guest {
    fn get(&mut self, key: Vec<u8>) -> wasmtime::Result<Option<store::Entry>> {
        let may = self.enter("store")?;
        let entry = may.memory.get(may.now_ms(), &key);
        Ok(entry.map(|(value, version)| store::Entry { value, version }))
    }

    fn set(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<u64, store::Error>> {
        let may = self.enter("store")?;
        Ok(may.memory.set(may.now_ms(), &key, &value, ttl_ms).map_err(Into::into))
    }

    fn compare_and_set(
        &mut self,
        key: Vec<u8>,
        value: Vec<u8>,
        ttl_ms: u64,
        expected: u64,
    ) -> wasmtime::Result<Result<Option<u64>, store::Error>> {
        let may = self.enter("store")?;
        let written = may.memory.compare_and_set(may.now_ms(), &key, &value, ttl_ms, expected);
        Ok(written.map_err(Into::into))
    }

    fn increment(
        &mut self,
        key: Vec<u8>,
        delta: i64,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<i64, store::Error>> {
        let may = self.enter("store")?;
        Ok(may.memory.increment(may.now_ms(), &key, delta, ttl_ms).map_err(Into::into))
    }

    fn delete(&mut self, key: Vec<u8>) -> wasmtime::Result<()> {
        self.enter("store")?.memory.delete(&key);
        Ok(())
    }
}
