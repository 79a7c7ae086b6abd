//! The instances of a service: at least one, and no two that are the same.

use super::Check;
use super::unique::Firsts;
use super::world::labels;
use crate::findings::{Finding, Spot};
use crate::plan::InstancePlan;
use crate::raw::RawInstance;
use crate::value::Name;

/// Ids become label values of metrics; a file with more is a mistake.
const MOST_INSTANCES: usize = 100_000;

impl Check<'_> {
    /// `spot` is the service's; `found` says that DNS finds it others.
    pub(super) fn instances(
        &mut self,
        (service, spot): (&Name, &Spot),
        raw: Vec<RawInstance>,
        found: bool,
        edge_region: &Name,
    ) -> Vec<InstancePlan> {
        if raw.is_empty() && !found && !self.findings.has(&spot.place, "instance") {
            let header = format!("[[{}.instance]]", spot.place);
            let finding = Finding::at(spot, format!("service {service} has no instance"))
                .help("its requests could be sent nowhere")
                .example(format!("{header}\nid = \"ams-1\"\naddress = \"127.0.0.1:9001\""));
            self.findings.push(finding.absent());
        }
        if raw.len() > MOST_INSTANCES {
            let message = format!("service {service} has {} instances", raw.len());
            let finding = Finding::at(spot, message)
                .label(format!("at most {MOST_INSTANCES}"))
                .help("each one is watched and shown by itself")
                .example("[service.web-2]");
            self.findings.push(finding);
            return Vec::new();
        }
        let mut ids = Firsts::new();
        let mut addresses = Firsts::new();
        let mut list = Vec::with_capacity(raw.len());
        for instance in raw {
            if let Some(id) = &instance.id
                && let Some(first) = ids.before(id.value.clone(), &id.spot)
            {
                let finding = Finding::at(&id.spot, format!("two instances named {}", id.value))
                    .related(first, "the first one")
                    .help("an instance is counted and shown under its id")
                    .example(format!("id = \"{}-2\"", id.value));
                self.findings.push(finding);
            }
            if let Some(address) = &instance.address
                && let Some(first) = addresses.before(address.value.0, &address.spot)
            {
                let message = format!("two instances at {}", address.value.0);
                let finding = Finding::at(&address.spot, message)
                    .related(first, "the first one")
                    .help("the same server would get twice its limits")
                    .example("address = \"127.0.0.1:9002\"");
                self.findings.push(finding);
            }
            list.extend(self.instance(instance, edge_region));
        }
        list
    }

    fn instance(&mut self, raw: RawInstance, edge_region: &Name) -> Option<InstancePlan> {
        let labels = labels(raw.labels, self.findings);
        Some(InstancePlan {
            id: raw.id?.value,
            address: raw.address?.value.0,
            region: raw.region.map_or_else(|| edge_region.clone(), |at| at.value),
            labels,
            rtt: raw.rtt.map(|at| at.value),
            http2: raw.http2.value,
        })
    }
}
