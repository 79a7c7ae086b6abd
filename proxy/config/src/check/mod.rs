//! Raw -> Plan: what only the whole file, or the machine, can tell. Defaults that depend on others,
//! names that must resolve, things that must differ. Must not know how values are written.

mod attachment;
mod bind;
mod cache;
mod code;
mod component;
mod edge;
mod http;
mod instance;
mod limit;
mod plugin;
mod route;
mod secret;
mod service;
mod tls;
mod unique;
mod world;

pub(crate) use world::labels;

pub(crate) use service::{concurrency, queue};
pub(crate) use unique::Firsts;
pub(crate) use world::ejection;

use std::path::Path;

use crate::environment::Environment;
use crate::findings::{Finding, Findings};
use crate::plan::Plan;
use crate::raw::RawFile;
use http::Callable;

/// What every check may use.
struct Check<'a> {
    folder: &'a Path,
    environment: &'a Environment,
    findings: &'a mut Findings,
}

/// Checks the whole file. `None` only if something was found.
pub(crate) fn check(
    raw: RawFile,
    folder: &Path,
    environment: &Environment,
    findings: &mut Findings,
) -> Option<Plan> {
    let mut check = Check { folder, environment, findings };
    if raw.listeners.is_empty() && !check.findings.has("", "listener") {
        let finding = Finding::outside("", "there is no listener")
            .help("nobody could reach this proxy")
            .example("[[listener]]\naddress = \"127.0.0.1:8080\"");
        check.findings.push(finding.absent());
    }
    if raw.services.is_empty() && !check.findings.has("", "service") {
        let finding = Finding::outside("", "there is no service")
            .help("there would be nothing to serve")
            .example("[[service.web.instance]]\nid = \"ams-1\"\naddress = \"127.0.0.1:9001\"");
        check.findings.push(finding.absent());
    }
    check.distinct_binds(&raw);
    check.distinct_listeners(&raw);
    check.distinct_routes(&raw.services);
    check.tls_of_services(&raw);
    let edge = check.edge(raw.edge);
    // Without an edge there is no plan, but the rest may have problems worth telling.
    let region = edge.as_ref().map_or_else(edge::default_region, |edge| edge.region.clone());
    let admin = check.admin(raw.admin);
    let log = check.log(raw.log);
    let listeners = raw.listeners.into_iter().filter_map(|raw| check.listener(raw)).collect();
    let origins =
        raw.origins.into_iter().filter_map(|origin| edge::origin(origin, &region)).collect();
    let callable: Vec<Callable> = raw.services.iter().map(Callable::of).collect();
    let cache = check.cache(raw.cache);
    let services = check.services(raw.services, &raw.plugins, &region, cache.memory);
    let plugins = check.plugins(raw.plugins, &raw.limiters, &callable);
    let limiters = check.limiters(raw.limiters);
    let edge = edge?;
    Some(Plan { edge, admin, log, cache, listeners, services, plugins, limiters, origins })
}
