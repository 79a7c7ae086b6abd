//! Routes: a host and a path prefix lead to one service.

use super::Check;
use super::unique::Firsts;
use crate::findings::{Finding, Spot};
use crate::raw::RawService;
use crate::read::At;
use crate::value::{HostPattern, Name};

impl Check<'_> {
    /// No two services may claim the same requests, and none the same ones twice.
    pub(super) fn distinct_routes(&mut self, services: &[(At<Name>, RawService)]) {
        let mut claims = Firsts::new();
        for (_, service) in services {
            let prefix = &service.path_prefix.value;
            let mut claim = |host: &HostPattern, spot: &Spot| {
                if let Some(first) = claims.before((host.clone(), prefix.clone()), spot) {
                    self.findings.push(claimed(host, prefix.as_str(), spot, first));
                }
            };
            for host in &service.hosts.value {
                claim(&host.value, &host.spot);
            }
            if service.hosts.value.is_empty() {
                claim(&HostPattern::Any, &service.spot);
            }
        }
    }
}

fn claimed(host: &HostPattern, prefix: &str, spot: &Spot, first: &Spot) -> Finding {
    let all = if prefix == "/" { String::new() } else { format!(" and paths under {prefix}") };
    let finding = Finding::at(spot, format!("{host}{all} is claimed twice"))
        .related(first, "claimed here first")
        .help("a host and a path prefix lead to one service: give one of them another");
    match host {
        HostPattern::Any => finding.example("hosts = [\"api.example.com\"]"),
        _ => finding.example("path_prefix = \"/api\""),
    }
}
