//! Routes: a host and a path prefix lead to one service.

use super::Check;
use super::unique::Firsts;
use crate::findings::{Finding, Spot};
use crate::raw::RawService;
use crate::read::At;
use crate::value::{HostPattern, Name, PathPrefix};

/// What a service says it answers for, and where it says so.
struct Claim<'r> {
    host: &'r HostPattern,
    prefix: &'r PathPrefix,
    spot: &'r Spot,
}

impl Check<'_> {
    /// No two services may claim the same requests, and none the same ones twice.
    pub(super) fn distinct_routes(&mut self, services: &[(At<Name>, RawService)]) {
        let mut claims = Vec::new();
        for (_, service) in services {
            let place = &service.spot.place;
            // What could not be read may well have been another route.
            if self.findings.has(place, "hosts") || self.findings.has(place, "path_prefix") {
                continue;
            }
            let prefix = &service.path_prefix.value;
            let hosts = service.hosts.value.iter();
            claims.extend(hosts.map(|at| Claim { host: &at.value, prefix, spot: &at.spot }));
            if service.hosts.value.is_empty() {
                claims.push(Claim { host: &HostPattern::Any, prefix, spot: &service.spot });
            }
        }
        claims.sort_by_key(|claim| claim.spot.span.start);
        let mut firsts = Firsts::new();
        for claim in claims {
            if let Some(first) = firsts.before((claim.host, claim.prefix), claim.spot) {
                self.findings.push(claimed_twice(&claim, first));
            }
        }
    }
}

fn claimed_twice(claim: &Claim<'_>, first: &Spot) -> Finding {
    let paths = match claim.prefix.as_str() {
        "/" => String::new(),
        prefix => format!(" with paths under {prefix}"),
    };
    let message = match claim.host {
        HostPattern::Any => format!("every host{paths} is claimed twice"),
        host => format!("{host}{paths} is claimed twice"),
    };
    Finding::at(claim.spot, message)
        .related(first, "claimed here first")
        .help("a host and a path prefix lead to one service: change one of them")
        .example(match claim.host {
            HostPattern::Any => "hosts = [\"api.example.com\"]",
            _ => "path_prefix = \"/api\"",
        })
}
