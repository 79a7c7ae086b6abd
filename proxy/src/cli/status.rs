//! `hither status`

use super::remote::Target;
use crate::cli::shown::say;
use crate::snapshot::unix_time;
use http::{Method, StatusCode};
use serde_json::Value;
use std::process::ExitCode;

pub(super) fn status(target: &Target) -> ExitCode {
    match target.ask(Method::GET, "/status") {
        Ok((StatusCode::OK, status)) => {
            print(&status);
            ExitCode::SUCCESS
        }
        Ok((status, answer)) => super::fail(format!("{status}: {answer}")),
        Err(error) => super::fail(error),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn component(service: &Value) {
    let component = &service["component"];
    say!(
        "\nservice {}: answered by a component, revision {}, sha256 {:.12}, {} of {} in flight, {} failed",
        text(service, "name"),
        component["revision"],
        text(component, "digest"),
        component["in_flight"],
        component["instances"],
        component["failures"],
    );
    if let Some(reason) = component["last_failure"].as_str() {
        say!("  last failure: {reason}");
    }
}

fn certificates(listener: &Value) {
    for certificate in list(listener, "certificates") {
        let names: Vec<&str> = list(certificate, "names").filter_map(Value::as_str).collect();
        let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
        let left = certificate["expires"].as_i64().unwrap_or_default() - unix_time();
        let state = match (certificate["good"] == true, left / (24 * 3600)) {
            (true, days) => format!("good for {days} days more"),
            (false, days) if left < 0 => format!("EXPIRED {} days ago", -days),
            (false, _) => "NOT GOOD YET".to_owned(),
        };
        say!("listener {}: certificate for {names}, {state}", text(listener, "address"));
    }
}

fn print(status: &Value) {
    say!(
        "{} in {}: hither {}, {}, snapshot {} for {} s",
        text(status, "edge"),
        text(status, "region"),
        text(status, "version"),
        text(status, "stage"),
        status["snapshot"]["id"],
        status["snapshot"]["age_seconds"],
    );
    for listener in list(status, "listeners") {
        certificates(listener);
    }
    for service in list(status, "services") {
        if service["component"].is_object() {
            component(service);
            continue;
        }
        let queue = &service["queue"];
        say!(
            "\nservice {}: {} of {} waiting",
            text(service, "name"),
            queue["waiting"],
            queue["places"]
        );
        say!(
            "  {:<20} {:<10} {:<6} {:>12} {:>9}  {:<6} state",
            "instance",
            "region",
            "band",
            "in flight",
            "rtt",
            "source"
        );
        for instance in list(service, "instances") {
            let limit = &instance["hard_limit"];
            let limit = if limit.is_null() { "-".to_owned() } else { limit.to_string() };
            let load = format!("{}/{}/{limit}", instance["in_flight"], instance["soft_limit"]);
            let rtt = instance["rtt_seconds"].as_f64().map(|s| format!("{:.1} ms", s * 1000.0));
            let mut state = Vec::new();
            if instance["healthy"] == false {
                state.push("unhealthy".to_owned());
            }
            if let Some(seconds) = instance["ejected_seconds"].as_f64() {
                state.push(format!("ejected for {seconds:.0} s"));
            }
            if instance["draining"] == true {
                state.push("draining".to_owned());
            }
            let state = if state.is_empty() { "healthy".to_owned() } else { state.join(", ") };
            say!(
                "  {:<20} {:<10} {:<6} {:>12} {:>9}  {:<6} {state}",
                text(instance, "id"),
                text(instance, "region"),
                text(instance, "band"),
                load,
                rtt.as_deref().unwrap_or("unknown"),
                text(instance, "source"),
            );
        }
    }
    for plugin in list(status, "plugins") {
        let hooks: Vec<&str> = list(plugin, "hooks").filter_map(Value::as_str).collect();
        say!(
            "\nplugin {}: revision {}, sha256 {:.12}, {}, {} failed calls",
            text(plugin, "name"),
            plugin["revision"],
            text(plugin, "digest"),
            hooks.join(" + "),
            plugin["failures"],
        );
        if let Some(reason) = plugin["last_failure"].as_str() {
            say!("  last failure: {reason}");
        }
    }
}
