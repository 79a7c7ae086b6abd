//! Builds of a plugin that tell themselves apart, and the wait for a proxy that holds nothing any more.

use crate::support::SOON;
use hither_harness::{Hither, Metrics};

/// The name in a guest that tells it as it is compiled.
const COMPILED: &[u8] = b"build-000000000000000000";

/// A build of the guest `stamp` that puts `name` into `x-build` of every request and response.
pub(crate) struct Stamp {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Stamp {
    /// As many builds as are asked for, from one compiled file.
    pub(crate) fn builds(count: usize) -> Vec<Stamp> {
        Stamp::builds_of("stamp", count)
    }

    /// The same of another guest that tells its name.
    pub(crate) fn builds_of(guest: &str, count: usize) -> Vec<Stamp> {
        let compiled = std::fs::read(hither_guests::guest(guest)).unwrap();
        let places: Vec<usize> = compiled
            .windows(COMPILED.len())
            .enumerate()
            .filter(|(_, window)| *window == COMPILED)
            .map(|(place, _)| place)
            .collect();
        assert_eq!(places.len(), 1, "the guest's name is in its file once");
        let build = |number| {
            let name = format!("build-{number:018}");
            let mut bytes = compiled.clone();
            bytes[places[0]..places[0] + name.len()].copy_from_slice(name.as_bytes());
            Stamp { name, bytes }
        };
        (1..=count).map(build).collect()
    }
}

/// Waits until no instance of any service has anything in flight and nobody waits: no permit leaked.
pub(crate) async fn at_rest(edge: &Hither) {
    edge.status_when(SOON, "nothing to be in flight", |status| {
        let services = status["services"].as_array()?;
        let idle = services.iter().all(|service| {
            let instances = service["instances"].as_array().unwrap();
            service["queue"]["waiting"] == 0 && instances.iter().all(|one| one["in_flight"] == 0)
        });
        idle.then_some(())
    })
    .await;
    let metrics = edge.metrics().await;
    assert_eq!(metrics.sum("hither_app_concurrency", &[]), 0.0);
    assert_eq!(metrics.sum("hither_queue_waiting", &[]), 0.0);
}

/// The current revision of a plugin, by `/status`.
pub(crate) async fn revision(edge: &Hither, plugin: &str) -> u64 {
    let status = edge.status().await;
    let plugins = status["plugins"].as_array().unwrap();
    let found = plugins.iter().find(|one| one["name"] == plugin);
    found.unwrap_or_else(|| panic!("no plugin {plugin}: {status:#}"))["revision"].as_u64().unwrap()
}

/// How many swaps ended so.
pub(crate) fn swaps(metrics: &Metrics, result: &str) -> f64 {
    metrics.sum("hither_swaps_total", &[("result", result)])
}
