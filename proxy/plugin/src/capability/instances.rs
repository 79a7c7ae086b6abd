//! `instances`: what the balancer knows.

use std::time::Duration;

use crate::contract::hither::plugin::instances;
use crate::environment::{Band, InstanceView};
use crate::guest::Guest;

/// A service with more instances shows the first of them.
const MOST_INSTANCES: usize = 4096;

impl From<InstanceView> for instances::Instance {
    fn from(view: InstanceView) -> Self {
        let micros = |rtt: Duration| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
        Self {
            id: view.id,
            region: view.region,
            healthy: view.healthy,
            band: match view.band {
                Band::Open => instances::Band::Open,
                Band::Busy => instances::Band::Busy,
                Band::Full => instances::Band::Full,
            },
            in_flight: view.in_flight,
            soft_limit: view.soft_limit,
            rtt_us: view.rtt.map(micros),
        }
    }
}

impl instances::Host for Guest {
    fn of_service(
        &mut self,
        service: String,
    ) -> wasmtime::Result<Result<Vec<instances::Instance>, String>> {
        let may = self.enter("instances")?;
        Ok(match may.environment.instances(&service) {
            Some(views) => Ok(views.into_iter().take(MOST_INSTANCES).map(Into::into).collect()),
            None => Err("no service bears this name".to_owned()),
        })
    }
}
