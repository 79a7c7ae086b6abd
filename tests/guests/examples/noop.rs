//! Passes, and asks for nothing: what a call costs at least.

use hither_plugin::{Decision, NoConfig, Plugin, Request, Routing, plugin};

struct Noop;

#[plugin(routing)]
impl Plugin for Noop {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Routing for Noop {
    fn select(&self, _: &Request) -> Decision {
        Decision::Pass
    }
}
