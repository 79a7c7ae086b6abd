//! One service: limits that fit each other, instances that differ, names that resolve.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;

use super::Check;
use super::unique::Firsts;
use crate::findings::{Finding, Spot};
use crate::plan::{
    AttachmentPlan, ConcurrencyPlan, InstancePlan, LimitPlan, QueuePlan, RetryPlan, ServicePlan,
    TimeoutsPlan,
};
use crate::raw::{RawConcurrency, RawInstance, RawLimit, RawPlugin, RawQueue, RawService};
use crate::read::{At, closest};
use crate::value::{HostPattern, Name};

/// Names become label values of metrics; a file with more is a mistake.
const MOST_INSTANCES: usize = 100_000;
/// The queue's default where hard limits are low or none (`balancer.md`, Queue).
const LEAST_WAITING: u32 = 128;
/// The most a queue holds, whatever the hard limits add up to.
const MOST_WAITING: u32 = 1_000_000;
/// A burst that takes longer than this to come back is no rate limit.
const LONGEST_REFILL: Duration = Duration::from_secs(365 * 86_400);

/// The configuration of each plugin of the file, where it has one.
type Plugins<'r> = BTreeMap<&'r str, Option<&'r Value>>;

impl Check<'_> {
    pub(super) fn services(
        &mut self,
        services: Vec<(At<Name>, RawService)>,
        plugins: &[(At<Name>, RawPlugin)],
        edge_region: &Name,
    ) -> BTreeMap<Name, ServicePlan> {
        let plugins: Plugins<'_> = plugins
            .iter()
            .map(|(name, plugin)| (name.value.as_str(), plugin.config.as_ref()))
            .collect();
        services
            .into_iter()
            .filter_map(|(name, raw)| {
                let plan = self.service(&name.value, raw, &plugins, edge_region)?;
                Some((name.value, plan))
            })
            .collect()
    }

    fn service(
        &mut self,
        name: &Name,
        raw: RawService,
        plugins: &Plugins<'_>,
        edge_region: &Name,
    ) -> Option<ServicePlan> {
        let attachments = self.attachments(name, &raw, plugins);
        let instances = self.instances(name, &raw.spot, raw.instances, edge_region);
        let limits = self.limits(raw.limits);
        let concurrency = self.concurrency(&raw.concurrency);
        let mut hosts: Vec<_> = raw.hosts.value.into_iter().map(|at| at.value).collect();
        if hosts.is_empty() {
            hosts.push(HostPattern::Any);
        }
        let concurrency = concurrency?;
        let queue = queue(&raw.queue, &concurrency, instances.len());
        Some(ServicePlan {
            hosts,
            path_prefix: raw.path_prefix.value,
            plugins: attachments,
            max_body: raw.max_body.map(|at| at.value),
            concurrency,
            queue,
            retry: RetryPlan { attempts: NonZeroU32::new(raw.retry.attempts.value)? },
            timeouts: TimeoutsPlan {
                connect: raw.timeouts.connect.value,
                first_byte: raw.timeouts.first_byte.value,
                idle: raw.timeouts.idle.value,
            },
            limits,
            instances,
        })
    }

    fn concurrency(&mut self, raw: &RawConcurrency) -> Option<ConcurrencyPlan> {
        let soft = raw.soft_limit.value;
        if let Some(hard) = &raw.hard_limit
            && hard.value < soft
        {
            let message = format!("hard_limit {} is below soft_limit {soft}", hard.value);
            let finding = Finding::at(&hard.spot, message)
                .help(
                    "an instance is busy from soft_limit on (default 20) and full at hard_limit, \
                     so hard_limit is the same or higher",
                )
                .example(format!("soft_limit = {soft}\nhard_limit = {}", soft.saturating_add(5)));
            let finding = match raw.soft_limit.spot.span == hard.spot.span {
                true => finding,
                false => finding.related(&raw.soft_limit.spot, "the soft limit"),
            };
            self.findings.push(finding);
        }
        let hard_limit = raw.hard_limit.as_ref().and_then(|at| NonZeroU32::new(at.value));
        Some(ConcurrencyPlan {
            counts: raw.counts.value,
            soft_limit: NonZeroU32::new(soft)?,
            hard_limit,
            soft_limit_scope: raw.soft_limit_scope.value,
            spread: raw.spread.value,
        })
    }

    fn attachments(
        &mut self,
        service: &Name,
        raw: &RawService,
        plugins: &Plugins<'_>,
    ) -> Vec<AttachmentPlan> {
        let overrides = self.overrides(service, raw);
        let mut seen = Firsts::new();
        let mut list = Vec::new();
        for at in &raw.plugins.value {
            let name = at.value.as_str();
            if let Some(first) = seen.before(name, &at.spot) {
                let finding = Finding::at(&at.spot, format!("plugin {name} is listed twice"))
                    .related(first, "listed here first")
                    .help("a request passes each plugin once")
                    .example(format!("plugins = [\"{name}\"]"));
                self.findings.push(finding);
                continue;
            }
            let Some(own) = plugins.get(name) else {
                self.unknown_plugin(at, plugins);
                continue;
            };
            let config = overrides.get(name).copied().or(*own).cloned();
            let config = config.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            list.push(AttachmentPlan { plugin: at.value.clone(), config });
        }
        list
    }

    fn unknown_plugin(&mut self, at: &At<Name>, plugins: &Plugins<'_>) {
        let name = &at.value;
        let finding = Finding::at(&at.spot, format!("there is no plugin named {name}"))
            .example(format!("[plugin.{name}]\nfile = \"plugins/{name}.wasm\""))
            .absent();
        let finding = match closest(name, plugins.keys().copied()) {
            Some(near) => finding.label(format!("did you mean \"{near}\"?")),
            None => finding.label("no table describes it"),
        };
        self.findings.push(finding);
    }

    /// The configurations that this service has of its own, by plugin.
    fn overrides<'r>(
        &mut self,
        service: &Name,
        raw: &'r RawService,
    ) -> HashMap<&'r str, &'r Value> {
        let mut map = HashMap::new();
        for (name, own) in &raw.overrides {
            let attached = raw.plugins.value.iter().any(|at| at.value == name.value);
            if !attached {
                let message = format!("service {service} does not use the plugin {}", name.value);
                let finding = Finding::at(&name.spot, message)
                    .label("so this would do nothing")
                    .help(format!("list it in the plugins of [service.{service}], or remove this"))
                    .example(format!("plugins = [\"{}\"]", name.value))
                    .absent();
                self.findings.push(finding);
            }
            match &own.config {
                Some(config) => {
                    map.insert(name.value.as_str(), config);
                }
                None => {
                    let header = format!("[{}.config]", own.spot.place);
                    let finding = Finding::at(&own.spot, "a service can only override `config`")
                        .help("the other settings of a plugin hold for all its services")
                        .example(format!("{header}\nmode = \"strict\""))
                        .absent();
                    self.findings.push(finding);
                }
            }
        }
        map
    }

    fn limits(&mut self, raw: Vec<RawLimit>) -> Vec<LimitPlan> {
        let mut names = Firsts::new();
        let mut list = Vec::with_capacity(raw.len());
        for limit in raw {
            if let Some(name) = &limit.name
                && let Some(first) = names.before(name.value.clone(), &name.spot)
            {
                let finding = Finding::at(&name.spot, format!("two limits named {}", name.value))
                    .related(first, "the first one")
                    .help("a limit's counters are kept and shown under its name")
                    .example(format!("name = \"{}-2\"", name.value));
                self.findings.push(finding);
            }
            list.extend(self.limit(limit));
        }
        list
    }

    fn limit(&mut self, raw: RawLimit) -> Option<LimitPlan> {
        let mut key = Vec::new();
        for at in raw.key.value {
            if key.contains(&at.value) {
                let finding = Finding::at(&at.spot, "this key is listed twice")
                    .help("each key divides the limit once")
                    .example("key = [\"client.address\"]");
                self.findings.push(finding);
            } else {
                key.push(at.value);
            }
        }
        let rate = raw.rate?;
        let burst = match &raw.burst {
            Some(at) => NonZeroU32::new(at.value)?,
            None => rate.value.per_second(),
        };
        let refill = rate.value.interval().saturating_mul(burst.get());
        if refill > LONGEST_REFILL
            && let Some(at) = &raw.burst
        {
            let days = refill.as_secs() / 86_400;
            let finding = Finding::at(&at.spot, "this burst never comes back")
                .label(format!("{days} days until all of it is back"))
                .help("at its rate, a whole burst comes back within a year")
                .example(format!("burst = {}", rate.value.per_second()));
            self.findings.push(finding);
        }
        let name = raw.name?.value;
        Some(LimitPlan { name, key, rate: rate.value, burst, shadow: raw.shadow.value })
    }

    fn instances(
        &mut self,
        service: &Name,
        spot: &Spot,
        raw: Vec<RawInstance>,
        edge_region: &Name,
    ) -> Vec<InstancePlan> {
        let example =
            format!("[[service.{service}.instance]]\nid = \"ams-1\"\naddress = \"127.0.0.1:9001\"");
        if raw.is_empty() {
            let message = format!("service {service} has no instance to send requests to");
            self.findings.push(Finding::at(spot, message).example(example).absent());
        } else if raw.len() > MOST_INSTANCES {
            let message = format!("{} instances, of at most {MOST_INSTANCES}", raw.len());
            self.findings.push(Finding::at(spot, message).example(example));
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
                    .help("its limits would be counted twice")
                    .example("address = \"127.0.0.1:9002\"");
                self.findings.push(finding);
            }
            list.extend(self.instance(instance, edge_region));
        }
        list
    }

    fn instance(&mut self, raw: RawInstance, edge_region: &Name) -> Option<InstancePlan> {
        let mut labels = BTreeMap::new();
        for (name, value) in raw.labels {
            if matches!(name.value.as_str(), "id" | "region") {
                let key = &name.value;
                let finding = Finding::at(&name.spot, format!("`{key}` is a label by itself"))
                    .label(format!("set the instance's own `{key}`"))
                    .help("plugins can choose by id and region without further labels")
                    .example(format!("{key} = \"{}\"", value.value.0.escape_default()));
                self.findings.push(finding);
            }
            labels.insert(name.value, value.value.0);
        }
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

fn queue(raw: &RawQueue, concurrency: &ConcurrencyPlan, instances: usize) -> QueuePlan {
    let all = || {
        let hard = concurrency.hard_limit.map_or(0, NonZeroU32::get);
        let instances = u32::try_from(instances).unwrap_or(u32::MAX);
        hard.saturating_mul(instances).clamp(LEAST_WAITING, MOST_WAITING)
    };
    QueuePlan {
        max_waiting: raw.max_waiting.as_ref().map_or_else(all, |at| at.value),
        timeout: raw.timeout.value,
        shed_after: raw.shed_after.value,
    }
}
