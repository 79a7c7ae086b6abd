//! What changes between two snapshots, in words for the one who asked for the change.

use super::{Materials, PluginBytes, Snapshot};
use hither_config::{AdminPlan, Name};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One line per change, for the answer of a reload, the log and the history.
pub(crate) fn diff(before: &Materials, after: &Materials) -> Vec<String> {
    let (old, new) = (&before.plan, &after.plan);
    let mut lines = Vec::new();
    section(&mut lines, "edge", &old.edge, &new.edge);
    section(&mut lines, "admin", &old.admin, &new.admin);
    if before.trace_token != after.trace_token {
        lines.push("admin.trace has another token".to_owned());
    }
    section(&mut lines, "log", &old.log, &new.log);
    section(&mut lines, "cache", &old.cache, &new.cache);
    if old.listeners != new.listeners {
        lines.push("listeners changed".to_owned());
    }
    if old.origins != new.origins {
        lines.push("origins changed".to_owned());
    }
    tables(&mut lines, "service", &old.services, &new.services, |lines, name, old, new| {
        let place = |part: &str| format!("service.{name}.{part}");
        part(lines, place("hosts"), &old.hosts, &new.hosts);
        part(lines, place("path_prefix"), &old.path_prefix, &new.path_prefix);
        part(lines, place("plugins"), &old.plugins, &new.plugins);
        part(lines, place("force_https"), &old.force_https, &new.force_https);
        part(lines, place("max_body"), &old.max_body, &new.max_body);
        part(lines, place("component"), &old.component, &new.component);
        part(lines, place("concurrency"), &old.concurrency, &new.concurrency);
        part(lines, place("queue"), &old.queue, &new.queue);
        part(lines, place("retry"), &old.retry, &new.retry);
        part(lines, place("timeouts"), &old.timeouts, &new.timeouts);
        part(lines, place("ejection"), &old.ejection, &new.ejection);
        part(lines, place("check"), &old.checks, &new.checks);
        part(lines, place("dns"), &old.dns, &new.dns);
        part(lines, place("limit"), &old.limits, &new.limits);
        part(lines, place("cache"), &old.cache, &new.cache);
        part(lines, place("instance"), &old.instances, &new.instances);
    });
    tables(&mut lines, "plugin", &old.plugins, &new.plugins, |lines, name, old, new| {
        if old != new {
            lines.push(format!("plugin.{name} settings changed"));
        }
    });
    tables(&mut lines, "limiter", &old.limiters, &new.limiters, |lines, name, old, new| {
        part(lines, format!("limiter.{name}"), old, new);
    });
    for (name, secrets) in &after.secrets {
        if before.secrets.get(name).is_some_and(|old| old != secrets) {
            lines.push(format!("plugin.{name}.secrets changed"));
        }
    }
    for (place, certificates) in &after.certificates {
        let address = new.listeners.get(*place).map(|listener| listener.address);
        let changed = before.certificates.get(place).is_some_and(|old| old != certificates);
        lines.extend(
            address.filter(|_| changed).map(|at| format!("listener {at}: other certificates")),
        );
    }
    files(&mut lines, "plugin", &before.plugins, &after.plugins);
    files(&mut lines, "service", &before.components, &after.components);
    lines
}

fn files(
    lines: &mut Vec<String>,
    kind: &str,
    old: &BTreeMap<String, PluginBytes>,
    new: &BTreeMap<String, PluginBytes>,
) {
    for (name, bytes) in new {
        let Some(old) = old.get(name).filter(|old| *old != bytes) else { continue };
        lines.push(format!("{kind}.{name}: {} -> {}", short(old), short(bytes)));
    }
}

fn section<T: PartialEq>(lines: &mut Vec<String>, name: &str, old: &T, new: &T) {
    part(lines, name.to_owned(), old, new);
}

fn part<T: PartialEq>(lines: &mut Vec<String>, place: String, old: &T, new: &T) {
    if old != new {
        lines.push(format!("{place} changed"));
    }
}

fn tables<T: PartialEq>(
    lines: &mut Vec<String>,
    kind: &str,
    old: &BTreeMap<Name, T>,
    new: &BTreeMap<Name, T>,
    mut compare: impl FnMut(&mut Vec<String>, &Name, &T, &T),
) {
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        lines.push(format!("{kind}.{name} removed"));
    }
    for (name, after) in new {
        match old.get(name) {
            None => lines.push(format!("{kind}.{name} added")),
            Some(before) => compare(lines, name, before, after),
        }
    }
}

fn short(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

impl Snapshot {
    /// Changes that only a restart can make, of those that `next` asks for.
    pub(crate) fn needs_restart(&self, next: &hither_config::Plan) -> Vec<&'static str> {
        let now = &self.plan;
        let mut fixed = Vec::new();
        let mut check = |changed: bool, key| changed.then(|| fixed.push(key));
        check(now.edge.threads != next.edge.threads, "edge.threads");
        check(
            now.edge.upstream_keepalive != next.edge.upstream_keepalive,
            "edge.upstream_keepalive",
        );
        check(now.edge.plugin_cache != next.edge.plugin_cache, "edge.plugin_cache");
        let fixed_admin = |plan: &AdminPlan| AdminPlan { trace: None, ..plan.clone() };
        check(fixed_admin(&now.admin) != fixed_admin(&next.admin), "admin");
        check(now.log.format != next.log.format || now.log.level != next.log.level, "log");
        check(now.cache.disk != next.cache.disk, "cache.disk");
        check(now.origins != next.origins, "origin");
        fixed
    }
}
