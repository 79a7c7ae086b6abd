//! Raw -> plan: names that must resolve, groups that become instances, and bounds that only the
//! whole file can tell.

use std::num::NonZeroU32;
use std::time::Duration;

use super::arrivals::ArrivalStep;
use super::incident;
use super::plan::{
    ScenarioCheck, ScenarioEdge, ScenarioInstance, ScenarioPlan, ScenarioRetry, ScenarioTimeouts,
};
use super::raw::{MOST_INSTANCES, RawGroup, RawScenario, RawScenarioEdge, RawTraffic, RawWork};
use crate::check::{Firsts, concurrency, ejection, queue};
use crate::findings::{Finding, Findings, join};
use crate::read::{At, closest};
use crate::value::{ConcurrencyType, Name};

/// Each has a balancer, and each checks every instance.
const MOST_EDGES: usize = 64;
/// More steps than a day has quarters of an hour.
const MOST_STEPS: usize = 100;
/// Each one is a row of the table.
const MOST_LOOKS: usize = 100;
/// What a run holds in memory and a person waits for.
const MOST_REQUESTS: f64 = 1_000_000.0;

/// Checks the whole file. `None` only if something was found.
pub(super) fn check(mut raw: RawScenario, findings: &mut Findings) -> Option<ScenarioPlan> {
    // As they stand in the file: that is how tables and pictures show them.
    raw.groups.sort_by_key(|(name, _)| name.spot.span.start);
    raw.edges.sort_by_key(|(name, _)| name.spot.span.start);
    let concurrency = concurrency(&raw.concurrency, findings);
    if raw.concurrency.counts.value == ConcurrencyType::Connections {
        let finding = Finding::at(&raw.concurrency.counts.spot, "connections are not simulated")
            .help("simulated clients have no connections: a scenario counts requests")
            .example("type = \"requests\"");
        findings.push(finding);
    }
    let workers = raw.service.workers.as_ref().or(raw.concurrency.hard_limit.as_ref());
    let workers = workers.and_then(|at| NonZeroU32::new(at.value));
    let (regions, instances) = instances(&raw.groups, &raw.service, workers, findings);
    let edges = edges(raw.edges, &raw.traffic, &regions, findings);
    let outages = incident::outages(raw.outages, raw.deploys, &instances, &regions, findings);
    let show_after = looks(raw.show_after, findings);
    let concurrency = concurrency?;
    Some(ScenarioPlan {
        title: raw.title?.value.0,
        seed: raw.seed.value,
        queue: queue(&raw.queue, &concurrency, instances.len()),
        edges,
        regions,
        instances,
        concurrency,
        ejection: ejection(&raw.ejection),
        retry: ScenarioRetry {
            attempts: NonZeroU32::new(raw.retry.attempts.value)?,
            budget: raw.retry.budget.value,
        },
        timeouts: ScenarioTimeouts {
            connect: raw.timeouts.connect.value,
            first_byte: raw.timeouts.first_byte.value,
            client: raw.timeouts.client.map(|at| at.value),
        },
        check: ScenarioCheck {
            interval: raw.check.interval.value,
            timeout: raw.check.timeout.value,
        },
        cancels: raw.service.cancels.value,
        outages,
        show_after,
    })
}

fn instances(
    groups: &[(At<Name>, RawGroup)],
    service: &RawWork,
    workers: Option<NonZeroU32>,
    findings: &mut Findings,
) -> (Vec<Name>, Vec<ScenarioInstance>) {
    if groups.is_empty() && !findings.has("", "instances") {
        let finding = Finding::outside("", "there is no instance")
            .help("requests could be sent nowhere")
            .example("[instances.ams]\ncount = 3");
        findings.push(finding.absent());
    }
    let (mut regions, mut list, mut ids) = (Vec::new(), Vec::new(), Firsts::new());
    for (name, group) in groups {
        let count = group.count.value;
        if list.len() + count as usize > MOST_INSTANCES as usize {
            let finding = Finding::at(&group.spot, "these are too many instances")
                .label(format!("more than {MOST_INSTANCES} with those before"))
                .help("some policies look at every instance for every request")
                .example("count = 100");
            findings.push(finding);
            break;
        }
        let region = group.region.as_ref().map_or(&name.value, |at| &at.value);
        let place = regions.iter().position(|known| known == region).unwrap_or_else(|| {
            regions.push(region.clone());
            regions.len() - 1
        });
        for number in 1..=count {
            let Some(id) = id(&name.value, number, count) else {
                let finding = Finding::at(&name.spot, "this name is too long for a group")
                    .help(
                        "its instances have a hyphen and a number more, and 64 characters at most",
                    )
                    .example("[instances.ams]");
                findings.push(finding);
                break;
            };
            if let Some(first) = ids.before(id.clone(), &group.spot) {
                let finding = Finding::at(&name.spot, format!("two instances are called {id}"))
                    .related(first, "one of them is among these")
                    .help("a group of several gives its instances its name with numbers")
                    .example(format!("[instances.{}-more]", name.value));
                findings.push(finding);
            }
            let own = group.workers.as_ref().and_then(|at| NonZeroU32::new(at.value));
            list.push(ScenarioInstance {
                id,
                group: name.value.clone(),
                region: place,
                time: group.time.as_ref().unwrap_or(&service.time).value.clone(),
                workers: own.or(workers),
            });
        }
    }
    (regions, list)
}

/// What one of a group is called.
fn id(group: &Name, number: u32, count: u32) -> Option<Name> {
    match count {
        1 => Some(group.clone()),
        _ => Name::new(&format!("{group}-{number}")),
    }
}

fn edges(
    raw: Vec<(At<Name>, RawScenarioEdge)>,
    traffic: &RawTraffic,
    regions: &[Name],
    findings: &mut Findings,
) -> Vec<ScenarioEdge> {
    if raw.is_empty() && !findings.has("", "edge") {
        let finding = Finding::outside("", "there is no edge")
            .help("requests could arrive nowhere")
            .example("[edge.ams]\nrtt = { ams = \"1ms\" }");
        findings.push(finding.absent());
    }
    if let Some((name, _)) = raw.get(MOST_EDGES) {
        let finding = Finding::at(&name.spot, format!("{} edges are too many", raw.len()))
            .label(format!("at most {MOST_EDGES}"))
            .help("each edge has a balancer of its own")
            .example("[edge.ams]");
        findings.push(finding);
    }
    let mut budget = MOST_REQUESTS;
    let edges = raw.into_iter().filter_map(|(name, edge)| {
        let own = !edge.arrivals.value.is_empty();
        let arrivals = if own { &edge.arrivals } else { &traffic.arrivals };
        Some(ScenarioEdge {
            rtt: round_trips(&edge, regions, findings)?,
            arrivals: steps(&name.value, &edge, arrivals, &mut budget, findings)?,
            process: edge.process.as_ref().unwrap_or(&traffic.process).value,
            name: name.value,
        })
    });
    edges.collect()
}

/// In the order of the regions.
fn round_trips(
    edge: &RawScenarioEdge,
    regions: &[Name],
    findings: &mut Findings,
) -> Option<Vec<Duration>> {
    let place = &edge.spot.place;
    for (region, _) in &edge.rtt {
        if !regions.contains(&region.value) {
            let message = format!("there is no instance in {}", region.value);
            let mut finding = Finding::at(&region.spot, message)
                .help("regions are those of [instances.NAME]")
                .example(format!("[instances.{}]", region.value));
            if let Some(near) = closest(&region.value, regions.iter().map(Name::as_str)) {
                finding = finding.label(format!("did you mean `{near}`?"));
            }
            findings.push(finding);
        }
    }
    let written = |region: &Name| edge.rtt.iter().find(|(name, _)| name.value == *region);
    let table = join(place, "rtt");
    let known = |region: &Name| written(region).is_some() || findings.has(&table, region);
    let missing: Vec<&str> =
        regions.iter().filter(|region| !known(region)).map(Name::as_str).collect();
    if !missing.is_empty() && !findings.has(place, "rtt") {
        let example: Vec<_> = missing.iter().map(|region| format!("{region} = \"1ms\"")).collect();
        let message = format!("{place} has no round trip to {}", missing.join(", "));
        let finding = Finding::at(&edge.spot, message)
            .help("an edge has a round trip to every region with instances")
            .example(format!("rtt = {{ {} }}", example.join(", ")));
        findings.push(finding.absent());
    }
    regions.iter().map(|region| written(region).map(|(_, at)| at.value)).collect()
}

/// `left` is what the edges before have left of the requests that may be.
fn steps(
    name: &Name,
    edge: &RawScenarioEdge,
    arrivals: &At<Vec<At<ArrivalStep>>>,
    left: &mut f64,
    findings: &mut Findings,
) -> Option<Vec<ArrivalStep>> {
    let steps: Vec<ArrivalStep> = arrivals.value.iter().map(|at| at.value).collect();
    let requests: f64 = steps.iter().map(|step| step.requests()).sum();
    let known = findings.has("traffic", "arrivals") || findings.has(&edge.spot.place, "arrivals");
    let example = "arrivals = [\"300/s for 60s\"]";
    if requests < 1.0 {
        if !known {
            let finding = Finding::at(&edge.spot, format!("nothing arrives at edge {name}"))
                .help("an edge has arrivals of its own or those of [traffic]")
                .example(format!("[traffic]\n{example}"));
            findings.push(finding.absent());
        }
        return None;
    }
    *left -= requests;
    if (*left < 0.0 || steps.len() > MOST_STEPS) && !known {
        let (what, most) = match *left < 0.0 {
            true => (format!("{requests:.0} requests at edge {name} are too many"), MOST_REQUESTS),
            false => (format!("{} steps of traffic are too many", steps.len()), MOST_STEPS as f64),
        };
        let finding = Finding::at(&arrivals.spot, what)
            .label(format!("at most {most} in all"))
            .help("every policy plays each of them, and their times are kept for the table")
            .example(example);
        findings.push(finding);
    }
    Some(steps)
}

fn looks(raw: At<Vec<At<u32>>>, findings: &mut Findings) -> Vec<u32> {
    if raw.value.len() > MOST_LOOKS {
        let finding = Finding::at(&raw.spot, format!("{} looks are too many", raw.value.len()))
            .label(format!("at most {MOST_LOOKS}"))
            .help("each one is a row of the table")
            .example("show_after = [100, 200]");
        findings.push(finding);
    }
    let mut looks: Vec<u32> = raw.value.into_iter().map(|at| at.value).collect();
    looks.sort_unstable();
    looks.dedup();
    looks
}
