//! The balancer in virtual time: what would happen, before it does.
//!
//! [`simulate`] plays a [`Scenario`] (edges, regions, instances, traffic, outages) with Hither's own
//! balancer, the same crate that the proxy links, and beside it with the policies that other proxies
//! have. A discrete-event simulation: nothing here has a socket or reads a clock, a minute takes
//! what its events take, and the same seed gives the same [`Report`].
//!
//! What is simulated and what is not:
//! - Each edge has a balancer of its own and knows only what it has sent itself.
//! - A request travels half a round trip, is worked on by one of the instance's workers (more wait
//!   inside it), and its answer travels back. Connections are there already and bandwidth is
//!   unlimited.
//! - Health checks, time limits, clients and retries are the same for every policy.
//! - The policies beside Hither have no limit per instance, no queue and no idea of closeness,
//!   which is how random, round robin, least requests and "power of two choices" come out of the
//!   box; with [`Others::Equipped`] they get Hither's hard limit as a circuit breaker, and its
//!   ejection as outlier detection.

mod arrivals;
mod engine;
mod measure;
mod plot;
mod policy;
mod report;
mod scenario;
mod service_time;
mod text;

pub use arrivals::{Arrivals, Process, Step};
pub use plot::{PlotError, plot};
pub use policy::{Others, PolicyKind};
pub use report::{InstanceReport, Look, Percentiles, PolicyReport, Report, Timeline};
pub use scenario::{
    Check, Edge, Instance, MOST_EDGES, MOST_INSTANCES, MOST_REQUESTS, Outage, OutageKind, Retry,
    Scenario, ScenarioError, Timeouts,
};
pub use service_time::{Part, ServiceTime, Shape};

/// Plays a scenario once with each policy.
///
/// # Errors
/// If the scenario is empty, refers to what is not there, or is larger than it may be.
pub fn simulate(
    scenario: &Scenario,
    policies: &[PolicyKind],
    others: Others,
    seed: u64,
) -> Result<Report, ScenarioError> {
    scenario.check()?;
    let runs = policies.iter().map(|kind| engine::run(scenario, *kind, others, seed));
    Ok(Report {
        title: scenario.title.clone(),
        seed,
        others,
        edges: scenario.edges.len(),
        instances: scenario.instances.len(),
        regions: scenario.regions.clone(),
        arrivals_seconds: scenario.arrivals_end().as_secs_f64(),
        soft_limit: scenario.balancing.soft_limit,
        hard_limit: scenario.balancing.hard_limit,
        first_byte_timeout_seconds: scenario.timeouts.first_byte.as_secs_f64(),
        client_timeout_seconds: scenario.timeouts.client.map(|time| time.as_secs_f64()),
        policies: runs.collect::<Result<_, _>>()?,
    })
}
