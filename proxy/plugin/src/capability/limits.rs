//! `limits`: charging and looking at the limiters that the operator lent this plugin.

use std::time::Duration;

use crate::contract::hither::plugin::limits;
use crate::environment::Charged;
use crate::guest::Guest;

/// Whether units are taken or only looked at.
#[derive(Clone, Copy)]
enum Way {
    Take(u32),
    Peek,
}

impl Guest {
    fn limiter(
        &mut self,
        name: &str,
        key: &[u8],
        way: Way,
    ) -> wasmtime::Result<Result<limits::Outcome, String>> {
        let may = self.enter("limits")?;
        if !may.lent.limiters.contains(name) {
            return Ok(Err("this plugin was lent no limiter of this name".to_owned()));
        }
        let charged = match way {
            Way::Take(cost) => may.environment.take(name, key, cost),
            Way::Peek => may.environment.peek(name, key, 1),
        };
        Ok(charged.map(Into::into).ok_or_else(|| "this limiter is not there now".to_owned()))
    }
}

impl From<Charged> for limits::Outcome {
    fn from(charged: Charged) -> Self {
        // Rounded up: sooner would only be refused again.
        let millis = |wait: Duration| u32::try_from(wait.as_nanos().div_ceil(1_000_000));
        Self {
            allowed: charged.allowed,
            remaining: charged.remaining,
            retry_after_ms: millis(charged.retry_after).unwrap_or(u32::MAX),
        }
    }
}

impl limits::Host for Guest {
    fn take(
        &mut self,
        limiter: String,
        key: Vec<u8>,
        cost: u32,
    ) -> wasmtime::Result<Result<limits::Outcome, String>> {
        self.limiter(&limiter, &key, Way::Take(cost))
    }

    fn peek(
        &mut self,
        limiter: String,
        key: Vec<u8>,
    ) -> wasmtime::Result<Result<limits::Outcome, String>> {
        self.limiter(&limiter, &key, Way::Peek)
    }
}
