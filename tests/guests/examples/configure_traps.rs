//! Traps when it is configured.

use hither_plugin::{Decision, NoConfig, Plugin, Request, Routing, plugin};

struct Traps;

#[plugin(routing)]
impl Plugin for Traps {
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, String> {
        std::process::abort()
    }
}

impl Routing for Traps {
    fn select(&self, _: &Request) -> Decision {
        Decision::Pass
    }
}
