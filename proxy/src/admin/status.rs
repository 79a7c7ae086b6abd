//! `GET /status`: what runs, as JSON.

use super::State;
use crate::chain::Plugin;
use crate::component::Answerer;
use crate::serve::Stage;
use crate::snapshot::{Concurrency, ListenerRules, Service, Snapshot, unix_time};
use serde_json::{Value, json};
use std::time::UNIX_EPOCH;

pub(super) fn status(state: &State) -> Value {
    let snapshot = state.shared.snapshot();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "edge": &*snapshot.edge.name,
        "region": &*snapshot.edge.region,
        "stage": match *state.stage.borrow() {
            Stage::Serving => "serving",
            Stage::Draining => "draining",
        },
        "snapshot": {
            "id": snapshot.id,
            "built": snapshot.built.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            "age_seconds": snapshot.built.elapsed().unwrap_or_default().as_secs(),
        },
        "cache": {
            "bytes": state.shared.cache.bytes(),
            "memory": snapshot.plan.cache.memory.bytes(),
            "entries": state.shared.cache.entries(),
            "disk": state.shared.cache.disk().map(|disk| json!({
                "bytes": disk.bytes,
                "objects": disk.objects,
                "failures": disk.failures,
            })),
        },
        "listeners": snapshot.listeners.iter().map(listener).collect::<Vec<_>>(),
        "services": snapshot.services.iter().map(|s| service(s, &snapshot)).collect::<Vec<_>>(),
        "plugins": snapshot.plugins.iter().map(|p| plugin(p)).collect::<Vec<_>>(),
        "rollouts": state.reloader.rollouts(),
        "swaps": state.reloader.swaps(),
    })
}

fn listener(listener: &ListenerRules) -> Value {
    let now = unix_time();
    let certificates = listener.tls.iter().flat_map(|tls| tls.certificates());
    let certificates = certificates.map(|certificate| {
        json!({
            "names": certificate.names().iter().map(|name| &**name).collect::<Vec<_>>(),
            "expires": certificate.expires(),
            "good": certificate.is_good(now),
        })
    });
    json!({
        "address": &*listener.address,
        "tls": listener.tls.is_some(),
        "certificates": certificates.collect::<Vec<_>>(),
    })
}

fn service(service: &Service, snapshot: &Snapshot) -> Value {
    let queue = service.balancer.queue(snapshot.clock.now());
    let instances = service.balancer.instances();
    let sources = service.fleet.sources();
    let instances: Vec<Value> = instances
        .iter()
        .map(|instance| {
            let labels: serde_json::Map<_, _> =
                instance.labels.iter().map(|(k, v)| (k.to_string(), json!(&**v))).collect();
            json!({
                "id": &*instance.id,
                "address": &*instance.address,
                "region": &*instance.region,
                "labels": labels,
                "band": instance.band.name(),
                "in_flight": instance.in_flight,
                "soft_limit": instance.soft_limit,
                "hard_limit": instance.hard_limit,
                "rtt_seconds": instance.rtt.map(|rtt| rtt.as_secs_f64()),
                "class": instance.class.name(),
                "source": sources.get(&*instance.id).map(|source| source.name()),
                "healthy": instance.healthy,
                "ejected_seconds": instance
                    .ejected_until
                    .map(|until| until.saturating_sub(snapshot.clock.now()).as_secs_f64()),
                "draining": instance.draining,
            })
        })
        .collect();
    json!({
        "name": &*service.name,
        "concurrency": match service.concurrency {
            Concurrency::Requests => "requests",
            Concurrency::Connections => "connections",
        },
        "queue": {
            "waiting": queue.waiting,
            "places": queue.places,
            "age_seconds": queue.age.as_secs_f64(),
            "shedding": queue.shedding,
        },
        "instances": instances,
        "cache": service.cache.is_some(),
        "component": service.component.as_ref().map(|answerer| component(answerer)),
    })
}

fn component(answerer: &Answerer) -> Value {
    let (failures, last_failure) = answerer.failures();
    let (in_flight, most) = answerer.load();
    json!({
        "revision": answerer.revision(),
        "digest": answerer.digest(),
        "in_flight": in_flight,
        "instances": most,
        "failures": failures,
        "last_failure": last_failure,
    })
}

fn plugin(plugin: &Plugin) -> Value {
    let loaded = plugin.revision.loaded();
    let manifest = plugin.revision.manifest();
    let (failures, last_failure) = plugin.failures();
    json!({
        "name": &*plugin.name,
        "revision": plugin.revision.id(),
        "digest": loaded.digest(),
        "version": manifest.version,
        "hooks": plugin.revision.hooks().iter().map(|hook| hook.name()).collect::<Vec<_>>(),
        "instances": plugin.revision.instances(),
        "open": plugin.revision.is_open(),
        "failures": failures,
        "last_failure": last_failure,
    })
}
