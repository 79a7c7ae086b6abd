//! From a plan to a snapshot: what is unchanged is carried over, the rest is built, and nothing of
//! what runs is touched before the snapshot is committed.

use super::limits::Limits;
use super::materials::add;
use super::unix_time;
use super::{
    Clock, Concurrency, Edge, HTTPS, Limiters, ListenerRules, LiveSnapshot, Materials, Rejection,
    Service, Snapshot, TraceRule, Trials,
};
use crate::chain::{Attachments, Chain, Link, Plugin, PluginLoader, Trial, Wanted, When};
use crate::component::{self, Answerer, ComponentLoader};
use crate::route::Routes;
use crate::serve::{Calm, Certificate, DoorRules, Frequency, HeadLimits, Patience, Tls, TlsGround};
use crate::telemetry::Telemetry;
use crate::upstream::{Fleet, Watcher, World};
use hither_balance::{Allowance, RetryBudget};
use hither_cache::Wishes;
use hither_config::{CachingPlan, ConcurrencyType, ListenerPlan, Name, Rate, Report, ServicePlan};
use hither_limit::Quota;
use http::HeaderValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Builds snapshots. Blocking: compiles plugins; never called on a thread that serves.
pub(crate) struct Builder {
    loader: PluginLoader,
    components: ComponentLoader,
    tls: TlsGround,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    world: World,
    next_id: AtomicU64,
}

/// A snapshot that is ready, and what must happen when it begins to serve.
pub(crate) struct Built {
    pub(crate) snapshot: Arc<Snapshot>,
    settle: Vec<Box<dyn FnOnce() + Send>>,
}

impl Built {
    /// Gives live state (balancers, limits) its new policy. Called right after the swap.
    pub(crate) fn settle(self) {
        self.settle.into_iter().for_each(|step| step());
    }
}

impl Builder {
    /// A builder, and who looks after the instances of what it builds: they are watched once that
    /// runs.
    pub(crate) fn new(
        loader: PluginLoader,
        components: ComponentLoader,
        tls: TlsGround,
        telemetry: Arc<Telemetry>,
    ) -> (Builder, Watcher) {
        let clock = Clock::start();
        let (world, watcher) = World::new(clock);
        let next_id = AtomicU64::new(1);
        (Builder { loader, components, tls, telemetry, clock, world, next_id }, watcher)
    }

    /// Builds a snapshot from `materials`, carrying over from `previous` what is the same.
    ///
    /// # Errors
    /// Everything that is wrong, at once. `previous` serves on untouched.
    pub(crate) fn build(
        &self,
        materials: &Materials,
        trials: &Trials,
        previous: Option<&Snapshot>,
    ) -> Result<Built, Rejection> {
        let plan = &materials.plan;
        let plugins = self.plugins(materials, trials, previous);
        let components = self.components(materials, previous);
        let (plugins, components) = both(plugins, components)?;
        let mut settle: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        let mut services = Vec::with_capacity(plan.services.len());
        let mut routes = Routes::default();
        for (place, (name, service)) in plan.services.iter().enumerate() {
            let before = previous.and_then(|snapshot| snapshot.service(name));
            let fleet = self.fleet(name, service, &plan.edge.region, before, &mut settle)?;
            let component = components.get(name).cloned();
            services.push(self.service(name, service, before, &plugins, fleet, component)?);
            routes.add(&service.hosts, &service.path_prefix, place);
        }
        settle.push(begin(&plugins, previous));
        let limiters = previous.map(|snapshot| &snapshot.limiters);
        let limiters = Limiters::next(limiters, &plan.limiters, self.clock, &self.telemetry)
            .map_err(|error| Rejection::Other(error.to_string()))?;
        let region: Arc<str> = plan.edge.region.as_str().into();
        let snapshot = Arc::new(Snapshot {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            built: SystemTime::now(),
            plan: plan.clone(),
            edge: Edge {
                name: plan.edge.name.as_str().into(),
                region_value: HeaderValue::from_str(&region)
                    .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
                region,
                secure_port: secure_port(&plan.listeners),
            },
            clock: self.clock,
            services,
            limiters,
            trials: plugins.values().filter_map(|attached| attached.trial.clone()).collect(),
            plugins: plugins.into_values().map(|attached| attached.plugin).collect(),
            listeners: self.listeners(materials)?,
            trace: plan
                .admin
                .trace
                .as_ref()
                .and_then(|trace| TraceRule::new(trace, materials.trace_token.clone())),
            routes,
            _live: LiveSnapshot::new(self.telemetry.clone()),
        });
        Ok(Built { snapshot, settle })
    }

    fn listeners(&self, materials: &Materials) -> Result<Vec<ListenerRules>, Rejection> {
        let listeners = materials.plan.listeners.iter().enumerate();
        let listeners = listeners.map(|(place, plan)| {
            let tls = materials.certificates.get(&place).map(|certificates| {
                certificates.iter().for_each(|certificate| warn_if_bad(plan, certificate));
                let tls = self.tls.listener(certificates.iter().cloned());
                tls.map_err(|error| Rejection::Other(format!("{}: {error}", plan.address)))
            });
            Ok(rules(plan, tls.transpose()?.map(Arc::new)))
        });
        listeners.collect()
    }

    fn plugins(
        &self,
        materials: &Materials,
        trials: &Trials,
        previous: Option<&Snapshot>,
    ) -> Result<BTreeMap<Name, Attached>, Report> {
        let mut report: Option<Report> = None;
        let mut plugins = BTreeMap::new();
        for (name, plan) in &materials.plan.plugins {
            let Some(bytes) = materials.plugins.get(name.as_str()) else { continue };
            let attachments = Attachments::of(name, plan, &materials.plan);
            let before = previous.map(|snapshot| snapshot.revisions(name)).unwrap_or_default();
            let metrics = |hooks: Vec<_>| self.telemetry.plugin(name, &hooks);
            let wanted = Wanted {
                name,
                plan,
                bytes,
                secrets: materials.secrets.get(name.as_str()),
                attachments: &attachments,
                source: &materials.source,
            };
            let loaded = self.loader.load(&wanted, &before, metrics).and_then(|plugin| {
                let trial = self.trial(&wanted, &plugin, trials, previous)?;
                Ok((plugin, trial))
            });
            match loaded {
                Ok((plugin, trial)) => {
                    plugins.insert(name.clone(), Attached { plugin, trial, attachments });
                }
                Err(problem) => add(&mut report, problem),
            }
        }
        report.map_or(Ok(plugins), Err)
    }

    fn components(
        &self,
        materials: &Materials,
        previous: Option<&Snapshot>,
    ) -> Result<BTreeMap<Name, Arc<Answerer>>, Report> {
        let mut report: Option<Report> = None;
        let mut components = BTreeMap::new();
        for (service, plan) in &materials.plan.services {
            let bytes = materials.components.get(service.as_str());
            let Some((plan, bytes)) = plan.component.as_ref().zip(bytes) else { continue };
            let before = previous.and_then(|snapshot| snapshot.service(service));
            let before = before.and_then(|before| before.component.as_ref());
            let wanted = component::Wanted { service, plan, bytes, source: &materials.source };
            match self.components.load(&wanted, before, || self.telemetry.component(service)) {
                Ok(component) => drop(components.insert(service.clone(), component)),
                Err(problem) => add(&mut report, problem),
            }
        }
        report.map_or(Ok(components), Err)
    }

    /// The new revision beside a plugin. One that was beside another than this `old` is compared with nothing
    /// that serves any more: there is none then, and whoever asked can tell by that.
    fn trial(
        &self,
        wanted: &Wanted<'_>,
        old: &Arc<Plugin>,
        trials: &Trials,
        previous: Option<&Snapshot>,
    ) -> Result<Option<Arc<Trial>>, Report> {
        let Some(wish) = trials.get(wanted.name.as_str()) else { return Ok(None) };
        let before = previous.and_then(|snapshot| snapshot.plugin(wanted.name));
        if !before.is_some_and(|before| Arc::ptr_eq(before, old)) {
            return Ok(None);
        }
        let running = previous.and_then(|snapshot| snapshot.trial(&wish.rollout));
        if let Some(running) = running {
            return Ok(Some(running.clone()));
        }
        let wanted = Wanted { bytes: &wish.bytes, ..*wanted };
        let metrics = |hooks: Vec<_>| self.telemetry.plugin(wanted.name, &hooks);
        self.loader.try_out(&wanted, old, &wish.rollout, metrics).map(Some)
    }

    /// The instances of a service: those that were there, which settle after the swap, or new
    /// ones, which are there before it.
    fn fleet(
        &self,
        name: &Name,
        plan: &ServicePlan,
        region: &Name,
        before: Option<&Arc<Service>>,
        settle: &mut Vec<Box<dyn FnOnce() + Send>>,
    ) -> Result<Arc<Fleet>, Rejection> {
        let fleet = match before {
            Some(before) => before.fleet.clone(),
            None => {
                let name: Arc<str> = name.as_str().into();
                let metrics = self.telemetry.service(&name);
                Fleet::new(name.clone(), plan, region, self.world.clone(), metrics)
                    .map_err(|error| Rejection::Other(format!("service {name}: {error}")))?
            }
        };
        let (settled, plan, region) = (fleet.clone(), plan.clone(), region.clone());
        settle.push(Box::new(move || settled.settle(&plan, &region)));
        Ok(fleet)
    }

    fn service(
        &self,
        name: &Name,
        plan: &ServicePlan,
        before: Option<&Arc<Service>>,
        plugins: &BTreeMap<Name, Attached>,
        fleet: Arc<Fleet>,
        component: Option<Arc<Answerer>>,
    ) -> Result<Arc<Service>, Rejection> {
        let shared_name: Arc<str> = name.as_str().into();
        let metrics = self.telemetry.service(&shared_name);
        let limits = Limits::next(before.map(|service| &*service.limits), &plan.limits, &metrics)
            .map_err(|error| Rejection::Other(format!("service {name}: {error}")))?;
        let links = plan.plugins.iter().filter_map(|attachment| {
            let attached = plugins.get(&attachment.plugin)?;
            let config = attached.attachments.config_of(name)?;
            let when = attachment.when.clone().map(When::new);
            let trial = attached.trial.clone();
            Some(Link { plugin: attached.plugin.clone(), trial, config, when })
        });
        Ok(Arc::new(Service {
            chain: Chain::new(links.collect()),
            name: shared_name,
            // Nobody else could be asked.
            attempts: match component {
                Some(_) => 1,
                None => u8::try_from(plan.retry.attempts.get()).unwrap_or(u8::MAX),
            },
            component,
            balancer: fleet.balancer().clone(),
            fleet,
            limits: Arc::new(limits),
            clock: self.clock,
            metrics,
            concurrency: match plan.concurrency.counts {
                ConcurrencyType::Requests => Concurrency::Requests,
                ConcurrencyType::Connections => Concurrency::Connections,
            },
            retries: retries(before, plan),
            queue_timeout: plan.queue.timeout,
            first_byte: plan.timeouts.first_byte,
            idle: plan.timeouts.idle,
            force_https: plan.force_https,
            max_body: plan.max_body.map(|size| size.bytes()),
            cache: plan.cache.as_ref().map(wishes),
        }))
    }
}

/// All problems at once.
fn both<A, B>(one: Result<A, Report>, other: Result<B, Report>) -> Result<(A, B), Rejection> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) => Err(one.and(other).into()),
        (Err(report), _) | (_, Err(report)) => Err(report.into()),
    }
}

/// What plugins do beside requests follows the swap: begins where they are new, ends where they are gone.
fn begin(
    plugins: &BTreeMap<Name, Attached>,
    previous: Option<&Snapshot>,
) -> Box<dyn FnOnce() + Send> {
    let new: Vec<_> = plugins.values().map(|attached| attached.plugin.clone()).collect();
    let before = previous.iter().flat_map(|snapshot| &snapshot.plugins);
    let gone: Vec<_> =
        before.filter(|old| !new.iter().any(|new| Arc::ptr_eq(new, old))).cloned().collect();
    let trials = plugins.values().filter_map(|attached| attached.trial.clone());
    let beside: Vec<_> = trials.filter(|trial| trial.is_canary()).collect();
    Box::new(move || {
        gone.iter().for_each(|plugin| plugin.retire());
        new.iter().for_each(Plugin::begin);
        beside.iter().for_each(|trial| trial.plugin.begin_beside());
    })
}

/// What runs still counts under another allowance.
fn retries(before: Option<&Arc<Service>>, plan: &ServicePlan) -> RetryBudget {
    let allowance = Allowance { share: plan.retry.budget.as_percent(), ..Allowance::default() };
    match before {
        Some(before) => before.retries.allowing(allowance),
        None => RetryBudget::new(allowance),
    }
}

fn wishes(plan: &CachingPlan) -> Wishes {
    Wishes {
        default_ttl: plan.default_ttl,
        stale_while_revalidate: plan.stale_while_revalidate,
        stale_if_error: plan.stale_if_error,
        max_object: plan.max_object.bytes(),
    }
}

struct Attached {
    plugin: Arc<Plugin>,
    trial: Option<Arc<Trial>>,
    attachments: Attachments,
}

fn frequency(rate: Rate) -> Frequency {
    Frequency { amount: rate.amount.get(), per: rate.per }
}

fn door(plan: &ListenerPlan) -> DoorRules {
    DoorRules {
        most: plan.connections_per_client,
        pace: pace(plan.new_connections_per_client),
        handshakes: plan.tls.as_ref().map(|tls| pace(tls.handshakes_per_client)),
    }
}

/// It is shown all the same: a client that does not look is still served.
fn warn_if_bad(listener: &ListenerPlan, certificate: &Certificate) {
    let now = unix_time();
    if !certificate.is_good(now) {
        let (names, listener) = (certificate.names().join(", "), listener.address);
        let message = match certificate.expires() < now {
            true => "a certificate has expired: clients will not believe it",
            false => "a certificate is not good yet: clients will not believe it",
        };
        tracing::warn!(%listener, names, message);
    }
}

/// What comes in one second may come at once.
fn pace(rate: Rate) -> Quota {
    let burst = rate.per_second();
    Quota::new(hither_limit::Rate { units: rate.amount, per: rate.per }, burst)
}

/// The port of the first listener with a certificate; where the system chooses it, it is not known here.
fn secure_port(listeners: &[ListenerPlan]) -> u16 {
    let first = listeners.iter().find(|listener| listener.tls.is_some());
    first.map(|listener| listener.address.port()).filter(|port| *port != 0).unwrap_or(HTTPS)
}

fn rules(plan: &ListenerPlan, tls: Option<Arc<Tls>>) -> ListenerRules {
    ListenerRules {
        address: plan.address.to_string().into(),
        patience: Patience {
            head: HeadLimits {
                bytes: plan.max_head.bytes() as usize,
                lines: plan.max_header_lines as usize,
            },
            head_timeout: plan.head_timeout,
            idle_timeout: plan.idle_timeout,
            least_pace: plan.min_body_rate.bytes(),
            calm: Calm {
                control: frequency(plan.http2_control_frames),
                resets: frequency(plan.http2_resets),
            },
        },
        door: door(plan),
        tls,
        trusted: plan.trusted_proxies.clone(),
    }
}
