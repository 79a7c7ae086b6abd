//! Fresh instances of a revision, with all its configurations.

use std::sync::Arc;
use std::time::Duration;

use crate::block_on::block_on;
use crate::fault::Failure;
use crate::guest::Guest;
use crate::instance::Instance;
use crate::pool::Lease;
use crate::revision::Revision;
use crate::spec::Isolation;

impl Revision {
    /// Starts the first instances, so that a plugin which cannot is known before traffic meets it.
    pub(crate) fn warm(&self) -> Result<(), Failure> {
        let mut leases = Vec::new();
        for _ in 0..self.loaded.budget.warm.clamp(1, self.loaded.budget.instances) {
            let Some(mut lease) = self.pool.lease() else { break };
            lease.thing = Some(self.start(self.loaded.budget.startup)?);
            leases.push(lease);
        }
        if self.loaded.isolation == Isolation::Pooled {
            leases.into_iter().for_each(Lease::keep);
        }
        Ok(())
    }

    /// Starts an instance. Of a plugin that waits, too: nothing waits while it is started.
    pub(crate) fn start(&self, time: Duration) -> Result<Box<Instance>, Failure> {
        if self.waits() {
            return block_on(self.start_waiting(time));
        }
        let (loaded, bounded) = (&self.loaded, self.loaded.bounded());
        let mut instance =
            Instance::start(&bounded, &loaded.pre, &loaded.exports, self.guest(), time)?;
        for configured in &self.configs {
            instance.configure(&bounded, &configured.config, time)?;
        }
        Ok(Box::new(instance))
    }

    pub(crate) async fn start_waiting(&self, time: Duration) -> Result<Box<Instance>, Failure> {
        let (loaded, bounded) = (&self.loaded, self.loaded.bounded());
        let (pre, exports, guest) = (&loaded.pre, &loaded.exports, self.guest());
        let mut instance = Instance::start_waiting(&bounded, pre, exports, guest, time).await?;
        for configured in &self.configs {
            instance.configure_waiting(&bounded, &configured.config, time).await?;
        }
        Ok(Box::new(instance))
    }

    fn guest(&self) -> Guest {
        let (loaded, may) = (&self.loaded, Arc::clone(&self.capabilities));
        Guest::new(loaded.budget.memory, loaded.host.ticker.enrol(), Some(may))
    }
}
