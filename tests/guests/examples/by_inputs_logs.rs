//! Promises that its verdicts follow from its inputs, and would like to log: both cannot be.

use hither_plugin::{Decision, NoConfig, Plugin, Request, Routing, log, plugin};

struct Logs;

#[plugin(routing)]
impl Plugin for Logs {
    type Config = NoConfig;
    const BY_INPUTS: bool = true;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Routing for Logs {
    fn select(&self, _: &Request) -> Decision {
        log::emit(log::Level::Info, "every call", &[]);
        Decision::Pass
    }
}
