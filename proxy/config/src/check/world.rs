//! Health checks, ejection and DNS: one kind per check, places that fit something.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::Check;
use crate::findings::{Finding, Findings, Spot};
use crate::plan::{CheckKind, CheckPlan, DnsPlan, EjectionPlan, Fits, HttpCheckPlan, PlacePlan};
use crate::raw::{RawCheck, RawDns, RawEjection, RawHttpCheck, RawPlace};
use crate::read::At;
use crate::value::{DnsName, LabelValue, Name};

/// Each check costs every instance a connection in every interval.
const MOST_CHECKS: usize = 8;

/// What frames a message is ours.
const FRAMING: [&str; 5] =
    ["connection", "content-length", "transfer-encoding", "upgrade", "expect"];

impl Check<'_> {
    /// `spot` is the service's.
    pub(super) fn checks(&mut self, spot: &Spot, raw: Vec<RawCheck>) -> Vec<CheckPlan> {
        if raw.len() > MOST_CHECKS {
            let finding = Finding::at(spot, format!("there are {} health checks", raw.len()))
                .label(format!("at most {MOST_CHECKS}"))
                .help("every instance is asked by each of them, and all must pass")
                .example(format!("[[{}.check]]\ntcp = true", spot.place));
            self.findings.push(finding);
            return Vec::new();
        }
        raw.into_iter().filter_map(|check| self.check(check)).collect()
    }

    fn check(&mut self, raw: RawCheck) -> Option<CheckPlan> {
        let kind = match (raw.tcp.value, raw.http) {
            (true, None) => CheckKind::Tcp,
            (false, Some(http)) => CheckKind::Http(self.http_check(http)),
            (tcp, _) => {
                let bad_http = self.findings.has(&raw.spot.place, "http");
                if !bad_http && !self.findings.has(&raw.spot.place, "tcp") {
                    self.findings.push(kindless(&raw.spot, tcp));
                }
                return None;
            }
        };
        Some(CheckPlan {
            kind,
            interval: raw.interval.value,
            timeout: raw.timeout.value,
            grace_period: raw.grace_period.value,
            failures: NonZeroU32::new(raw.failures.value)?,
            successes: NonZeroU32::new(raw.successes.value)?,
        })
    }

    fn http_check(&mut self, raw: RawHttpCheck) -> HttpCheckPlan {
        let mut headers = Vec::with_capacity(raw.headers.len());
        for (name, value) in raw.headers {
            if FRAMING.contains(&name.value.as_str()) {
                let message = format!("`{}` is set by the check itself", name.value);
                let finding = Finding::at(&name.spot, message)
                    .help("each check is one request without a body on a connection of its own")
                    .example("headers = { host = \"example.com\" }");
                self.findings.push(finding);
            }
            headers.push((name.value.to_string(), value.value.0));
        }
        HttpCheckPlan { path: raw.path.value.0, method: raw.method.value, headers }
    }

    pub(super) fn dns(&mut self, raw: Option<RawDns>, edge_region: &Name) -> Option<DnsPlan> {
        let raw = raw?;
        let region = raw.region.map_or_else(|| edge_region.clone(), |at| at.value);
        let mut resolvers = Vec::new();
        for at in raw.resolvers.value {
            if at.value.0.port() == 0 || at.value.0.ip().is_unspecified() {
                let finding =
                    Finding::at(&at.spot, format!("nobody can be asked at {}", at.value.0))
                        .help("a resolver has an address and a port of its own")
                        .example("resolvers = [\"127.0.0.1:53\"]");
                self.findings.push(finding);
            }
            resolvers.push(at.value.0);
        }
        let is_service = matches!(&raw.name, Some(At { value: DnsName::Service(_), .. }));
        let mut places = Vec::with_capacity(raw.places.len());
        for place in raw.places {
            places.extend(self.place(place, &region, is_service || raw.name.is_none()));
        }
        Some(DnsPlan { name: raw.name?.value, resolvers, region, http2: raw.http2.value, places })
    }

    fn place(&mut self, raw: RawPlace, region: &Name, has_targets: bool) -> Option<PlacePlan> {
        let bad = ["network", "target"].iter().any(|key| self.findings.has(&raw.spot.place, key));
        if let Some(target) = raw.target.as_ref().filter(|_| !has_targets) {
            let finding = Finding::at(&target.spot, "this name has no targets")
                .help("targets come from SRV records, which have names as _http._tcp.web.internal")
                .example("network = \"10.1.0.0/16\"");
            self.findings.push(finding);
        }
        let fits = match (raw.network, raw.target) {
            (Some(network), None) => Fits::Network(network.value.0),
            (None, Some(target)) => Fits::Target(target.value),
            (network, _) => {
                if !bad {
                    let message = match network {
                        Some(_) => "a place has a network or a target, not both",
                        None => "this place fits no instance",
                    };
                    let finding = Finding::at(&raw.spot, message)
                        .help("it is said by the instances' network or by their SRV target")
                        .example("network = \"10.1.0.0/16\"\nregion = \"ams\"");
                    self.findings.push(finding);
                }
                return None;
            }
        };
        Some(PlacePlan {
            fits,
            region: raw.region.map_or_else(|| region.clone(), |at| at.value),
            labels: labels(raw.labels, self.findings),
        })
    }
}

/// An instance's own labels.
pub(crate) fn labels(
    raw: Vec<(At<Name>, At<LabelValue>)>,
    findings: &mut Findings,
) -> BTreeMap<Name, String> {
    let mut labels = BTreeMap::new();
    for (name, value) in raw {
        if matches!(name.value.as_str(), "id" | "region") {
            let key = &name.value;
            let finding = Finding::at(&name.spot, format!("`{key}` is a label by itself"))
                .label(format!("set the instance's own `{key}`"))
                .help("plugins can choose by id and region without further labels")
                .example(format!("{key} = {:?}", value.value.0));
            findings.push(finding);
        }
        labels.insert(name.value, value.value.0);
    }
    labels
}

/// Neither `tcp` nor `http`, or both.
fn kindless(spot: &Spot, both: bool) -> Finding {
    let message = match both {
        true => "a check is `tcp` or `http`, not both",
        false => "this check checks nothing",
    };
    Finding::at(spot, message)
        .help("an HTTP check connects anyway; for both, write two checks")
        .example(format!("[[{}]]\nhttp = {{ path = \"/health\" }}", table_of(&spot.place)))
}

/// `service.web.check[3]` as its header has it.
fn table_of(place: &str) -> &str {
    place.rsplit_once('[').map_or(place, |(table, _)| table)
}

pub(crate) fn ejection(raw: &RawEjection) -> EjectionPlan {
    EjectionPlan {
        failures: NonZeroU32::new(raw.failures.value),
        time: raw.time.value,
        max_share: raw.max_share.value,
    }
}
