//! Routes by two inputs as `route2` does, and promises that they are all it goes by.

use hither_plugin::{Decision, NoConfig, Plugin, Request, Routing, Target, plugin};

struct Route;

#[plugin(routing)]
impl Plugin for Route {
    type Config = NoConfig;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:x-tenant", "header:x-tier"];
    const BY_INPUTS: bool = true;

    fn configure(_: NoConfig) -> Result<Self, String> {
        Ok(Self)
    }
}

impl Routing for Route {
    fn select(&self, request: &Request) -> Decision {
        match (request.header("x-tenant"), request.header("x-tier")) {
            (Some("acme"), Some(tier)) => Target::default().require("tier", tier).into(),
            _ => Decision::Pass,
        }
    }
}
