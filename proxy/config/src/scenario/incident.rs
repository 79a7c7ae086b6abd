//! Outages and deploys: whom they mean, and deploys as the outages that they are.

use std::time::Duration;

use super::plan::{ScenarioInstance, ScenarioOutage};
use super::raw::{RawDeploy, RawOutage};
use crate::findings::{Finding, Findings};
use crate::read::{At, closest};
use crate::value::{Name, OutageKind};

/// More incidents than a bad day has.
const MOST: usize = 100;
/// A time that no scenario reaches; sums of times below it cannot overflow.
const LATEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// All of them.
pub(super) fn outages(
    raw: Vec<RawOutage>,
    deploys: Vec<RawDeploy>,
    instances: &[ScenarioInstance],
    regions: &[Name],
    findings: &mut Findings,
) -> Vec<ScenarioOutage> {
    if raw.len() + deploys.len() > MOST {
        let message = format!("{} incidents are too many", raw.len() + deploys.len());
        let finding = Finding::outside("", message)
            .label(format!("at most {MOST} outages and deploys"))
            .example("[[outage]]\nregion = \"ams\"\nfrom = \"20s\"\nto = \"40s\"");
        findings.push(finding);
        return Vec::new();
    }
    let mut list = Vec::new();
    for outage in raw {
        list.extend(self::outage(outage, instances, regions, findings));
    }
    for deploy in deploys {
        list.extend(self::deploy(&deploy, instances.len(), findings));
    }
    list
}

fn outage(
    raw: RawOutage,
    instances: &[ScenarioInstance],
    regions: &[Name],
    findings: &mut Findings,
) -> Option<ScenarioOutage> {
    let hit = hit(&raw, instances, regions, findings);
    let (from, to) =
        (time("from", raw.from.as_ref(), findings), time("to", raw.to.as_ref(), findings));
    let (from, to) = (from?, to?);
    if from >= to {
        let at = raw.to.as_ref()?;
        let finding = Finding::at(&at.spot, "this outage ends before it begins")
            .related(&raw.from.as_ref()?.spot, "it begins here")
            .help("both are times since the scenario's beginning")
            .example("from = \"20s\"\nto = \"40s\"");
        findings.push(finding);
        return None;
    }
    let (kind, warm_up) = (raw.kind.value, raw.warm_up.value);
    Some(ScenarioOutage { instances: hit?, from, to, kind, warm_up })
}

/// The instances that an outage means.
fn hit(
    raw: &RawOutage,
    instances: &[ScenarioInstance],
    regions: &[Name],
    findings: &mut Findings,
) -> Option<Vec<usize>> {
    let all = |chosen: &dyn Fn(&ScenarioInstance) -> bool| {
        let places = instances.iter().enumerate().filter(|(_, instance)| chosen(instance));
        places.map(|(place, _)| place).collect::<Vec<_>>()
    };
    let place = &raw.spot.place;
    match (&raw.region, &raw.instance) {
        (Some(at), None) => match regions.iter().position(|region| *region == at.value) {
            Some(region) => Some(all(&|instance| instance.region == region)),
            None => {
                nobody(at, "region", regions.iter().map(Name::as_str), findings);
                None
            }
        },
        (None, Some(at)) => {
            let found = all(&|instance| instance.id == at.value || instance.group == at.value);
            if found.is_empty() {
                let ids = instances.iter().map(|instance| instance.id.as_str());
                nobody(at, "instance", ids, findings);
                return None;
            }
            Some(found)
        }
        (None, None) if findings.has(place, "region") || findings.has(place, "instance") => None,
        (region, _) => {
            let message = match region {
                Some(_) => "an outage has a `region` or an `instance`, not both",
                None => "this outage has neither a `region` nor an `instance`",
            };
            let finding = Finding::at(&raw.spot, message)
                .help("it says who is down: all of a region, a group, or one instance")
                .example("[[outage]]\nregion = \"ams\"\nfrom = \"20s\"\nto = \"40s\"");
            findings.push(if region.is_some() { finding } else { finding.absent() });
            None
        }
    }
}

fn nobody<'n>(
    at: &At<Name>,
    what: &str,
    known: impl Iterator<Item = &'n str>,
    findings: &mut Findings,
) {
    let known: Vec<&str> = known.collect();
    let near = closest(&at.value, known.iter().copied());
    let example = near.or(known.first().copied()).unwrap_or("ams");
    let mut finding = Finding::at(&at.spot, format!("there is no {what} {}", at.value))
        .help("regions and instances are those of [instances.NAME]")
        .example(format!("{what} = \"{example}\""));
    if let Some(near) = near {
        finding = finding.label(format!("did you mean \"{near}\"?"));
    }
    findings.push(finding);
}

fn deploy(raw: &RawDeploy, instances: usize, findings: &mut Findings) -> Vec<ScenarioOutage> {
    let Some(at) = time("at", raw.at.as_ref(), findings) else { return Vec::new() };
    let (down, warm_up, kind) = (raw.down.value, raw.warm_up.value, OutageKind::Refused);
    if raw.at_once.value {
        let instances = (0..instances).collect();
        return vec![ScenarioOutage { instances, from: at, to: at + down, kind, warm_up }];
    }
    let starts = std::iter::successors(Some(at), |start| Some(start.saturating_add(down)));
    let one = |(instance, from): (usize, Duration)| {
        let to = from.saturating_add(down);
        ScenarioOutage { instances: vec![instance], from, to, kind, warm_up }
    };
    (0..instances).zip(starts).map(one).collect()
}

fn time(key: &str, at: Option<&At<Duration>>, findings: &mut Findings) -> Option<Duration> {
    let at = at?;
    if at.value > LATEST {
        let finding = Finding::at(&at.spot, "this is later than any scenario goes")
            .label("at most a week after its beginning")
            .help("it is a time since the scenario's beginning")
            .example(format!("{key} = \"20s\""));
        findings.push(finding);
        return None;
    }
    Some(at.value)
}
