//! The instances of one service at run time: who they are, by three sources; what is found out
//! about them; and all of it told to the balancer, which decides.
//!
//! Lives across reloads. Nothing here is on a request's way.

use super::dns::{LookupError, Resolver};
use super::peer::Endpoint;
use super::roster::{Done, Entry, Refusal, Roster, Source};
use super::settings::Settings;
use super::watched::{Check, Probe, Watched};
use super::world::World;
use crate::telemetry::ServiceMetrics;
use hither_balance::{Balancer, Policy, SpecError};
use hither_config::{InstanceChange, InstancePlan, Name, ServicePlan};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// So many changes are told one by one: each costs the balancer little, but not nothing.
const FEW: usize = 64;

/// One service's instances.
pub(crate) struct Fleet {
    service: Arc<str>,
    balancer: Arc<Balancer<Endpoint>>,
    metrics: Arc<ServiceMetrics>,
    world: World,
    state: Mutex<State>,
}

struct State {
    settings: Settings,
    roster: Roster,
    members: HashMap<Name, Member>,
    resolver: Option<Arc<Resolver>>,
    /// Who was, at the last look.
    ejected: HashSet<Arc<str>>,
    /// What the balancer was told as a whole, last.
    told: Option<Settings>,
    /// Whether it serves: what was only built to be looked at asks nobody.
    serves: bool,
}

struct Member {
    watched: (InstancePlan, Watched),
    source: Source,
    draining: bool,
    healthy: bool,
}

impl Fleet {
    /// The instances of a service that is new, not yet watched.
    ///
    /// # Errors
    /// Two instances bear the same id.
    pub(crate) fn new(
        service: Arc<str>,
        plan: &ServicePlan,
        region: &Name,
        world: World,
        metrics: Arc<ServiceMetrics>,
    ) -> Result<Arc<Fleet>, SpecError> {
        let balancer = Balancer::new(Policy::default(), Vec::new(), fastrand::u64(..))?;
        let settings = Settings::of(plan, region);
        let mut roster = Roster::default();
        roster.written(plan.instances.clone());
        let state = Mutex::new(State {
            settings,
            roster,
            members: HashMap::new(),
            resolver: None,
            ejected: HashSet::new(),
            told: None,
            serves: false,
        });
        let fleet = Arc::new(Fleet { service, balancer: balancer.into(), metrics, world, state });
        fleet.apply(&mut fleet.state.lock())?;
        Ok(fleet)
    }

    /// Who decides.
    pub(crate) fn balancer(&self) -> &Arc<Balancer<Endpoint>> {
        &self.balancer
    }

    /// The file says this from now on, and the service serves: its instances are watched.
    pub(crate) fn settle(self: &Arc<Self>, plan: &ServicePlan, region: &Name) {
        let mut state = self.state.lock();
        let settings = Settings::of(plan, region);
        state.roster.written(plan.instances.clone());
        state.settings = settings;
        if !std::mem::replace(&mut state.serves, true) {
            state.members.values().for_each(|member| self.watch(&member.watched.1, None));
            self.world.serve(self);
        }
        self.resolve(&mut state);
        self.apply_checked(&mut state);
    }

    /// Asks DNS what the settings say. Until there is an answer to another question, the last one
    /// stays.
    fn resolve(self: &Arc<Self>, state: &mut State) {
        let before = state.resolver.as_ref().map(|resolver| &resolver.plan);
        if before == state.settings.dns.as_ref() {
            return;
        }
        state.resolver = state.settings.dns.clone().map(|plan| Arc::new(Resolver::new(plan)));
        match &state.resolver {
            Some(resolver) => self.world.resolve(resolver, self),
            None => state.roster.found(Vec::new()),
        }
    }

    /// Tells when DNS was first heard of, if it is asked.
    pub(crate) fn heard_of_dns(&self) -> Option<watch::Receiver<bool>> {
        self.state.lock().resolver.as_ref().map(|resolver| resolver.heard())
    }

    /// DNS says that these are instances; `again`: after it had failed.
    pub(super) fn found(
        self: &Arc<Self>,
        resolver: &Arc<Resolver>,
        instances: Vec<InstancePlan>,
        again: bool,
    ) {
        let mut state = self.state.lock();
        if !state.asks(resolver) {
            return;
        }
        self.metrics.looked_up("ok");
        let changed = state.roster.found_last() != instances;
        if again || changed {
            let (service, name) = (&self.service, &resolver.plan.name);
            tracing::info!(%service, %name, instances = instances.len(), "DNS answers");
        }
        if changed {
            state.roster.found(instances);
            self.apply_checked(&mut state);
        }
    }

    /// DNS says nothing; `first`: for the first time since it did.
    pub(super) fn not_found(&self, resolver: &Arc<Resolver>, error: &LookupError, first: bool) {
        let state = self.state.lock();
        if !state.asks(resolver) {
            return;
        }
        self.metrics.looked_up("failed");
        if first {
            let (service, name) = (&self.service, &resolver.plan.name);
            let kept = state.roster.found_last().len();
            tracing::warn!(%service, %name, %error, kept, "DNS does not answer");
        }
    }

    /// An admin says something of an instance.
    ///
    /// # Errors
    /// It cannot be; nothing has changed then.
    pub(crate) fn put(
        self: &Arc<Self>,
        id: &Name,
        change: &InstanceChange,
    ) -> Result<Done, Refusal> {
        let mut state = self.state.lock();
        let region = state.settings.region.clone();
        let done = state.roster.put(id, change, &region)?;
        self.told_by_admin(&mut state, id, done);
        Ok(done)
    }

    /// An admin takes an instance away.
    ///
    /// # Errors
    /// There is no such instance.
    pub(crate) fn remove(self: &Arc<Self>, id: &Name) -> Result<Done, Refusal> {
        let mut state = self.state.lock();
        let done = state.roster.remove(id)?;
        self.told_by_admin(&mut state, id, done);
        Ok(done)
    }

    fn told_by_admin(self: &Arc<Self>, state: &mut State, id: &Name, done: Done) {
        if done != Done::Unchanged {
            tracing::info!(service = %self.service, instance = %id, change = done.name(), "admin");
            self.apply_checked(state);
        }
    }

    /// Does what time brings: ejections end, slow starts go on.
    pub(super) fn advance(&self, now: Duration) {
        self.balancer.advance(now);
    }

    /// Tells who was ejected since the last look, and who is not any more. Costs nothing while no
    /// request has failed.
    pub(super) fn look_at_ejections(&self) {
        let mut state = self.state.lock();
        if state.ejected.is_empty() && self.balancer.next_advance().is_none() {
            return;
        }
        let all = self.balancer.instances();
        let ejected = all.iter().filter(|one| one.ejected_until.is_some());
        let ejected: HashSet<Arc<str>> = ejected.map(|one| one.id.clone()).collect();
        let service = &self.service;
        for instance in ejected.difference(&state.ejected) {
            self.metrics.ejected();
            tracing::warn!(%service, %instance, "instance is ejected: its requests failed");
        }
        for instance in state.ejected.difference(&ejected) {
            tracing::info!(%service, %instance, "instance is no longer ejected");
        }
        state.ejected = ejected;
    }

    /// Who told of each instance.
    pub(crate) fn sources(&self) -> HashMap<Name, Source> {
        let state = self.state.lock();
        state.members.iter().map(|(id, member)| (id.clone(), member.source)).collect()
    }

    /// Round trips were measured.
    pub(super) fn measured(&self, rtts: &[(Arc<Probe>, Option<Duration>)]) {
        let rtts: Vec<(Name, Option<Duration>)> = {
            let state = self.state.lock();
            let current = rtts.iter().filter(|(probe, _)| state.probes(probe));
            current.map(|(probe, rtt)| (probe.subject.id.clone(), *rtt)).collect()
        };
        let now = self.world.clock().now();
        self.balancer.measured(rtts.iter().map(|(id, rtt)| (id.as_str(), *rtt)), now);
    }

    /// A check changed its verdict; `why` it failed, if it did.
    pub(super) fn judged(&self, check: &Arc<Check>, why: Option<&str>) {
        let mut state = self.state.lock();
        let id = &check.subject.id;
        let Some(member) = state.members.get_mut(id) else { return };
        if !member.watched.1.checks.iter().any(|current| Arc::ptr_eq(current, check)) {
            return;
        }
        let healthy = member.watched.1.healthy();
        if healthy == member.healthy {
            return;
        }
        member.healthy = healthy;
        self.balancer.set_healthy(id, healthy);
        self.metrics.health_changed(healthy);
        let (service, address) = (&self.service, check.subject.address);
        match healthy {
            true => tracing::info!(%service, instance = %id, %address, "instance is healthy"),
            false => tracing::warn!(
                %service, instance = %id, %address, why, "instance is unhealthy"
            ),
        }
    }

    /// Ids are unique in a checked plan and in a roster, the only thing that could be refused.
    fn apply_checked(self: &Arc<Self>, state: &mut State) {
        if let Err(error) = self.apply(state) {
            tracing::error!(service = %self.service, %error, "instances are not changed");
        }
    }

    /// Makes the balancer and the watchers follow the roster.
    fn apply(self: &Arc<Self>, state: &mut State) -> Result<(), SpecError> {
        let (now, myself) = (self.world.clock().now(), Arc::downgrade(self));
        let mut before = std::mem::take(&mut state.members);
        let mut changed = Vec::new();
        for Entry { plan, source, draining } in state.roster.entries() {
            let old = before.remove(&plan.id);
            let kept = old.as_ref().map(|member| &member.watched);
            let watched = Watched::next(&myself, &plan, &state.settings.checks, kept, now);
            if state.serves {
                self.watch(&watched, old.as_ref());
            }
            let healthy = watched.healthy();
            let member = Member { watched: (plan, watched), source, draining, healthy };
            if !old.is_some_and(|old| old.looks_like(&member)) {
                changed.push(member.id().clone());
            }
            state.members.insert(member.id().clone(), member);
        }
        self.tell(state, &changed, before.into_keys())?;
        for member in changed.iter().filter_map(|id| state.members.get(id)) {
            self.balancer.set_healthy(member.id(), member.healthy);
            self.balancer.set_draining(member.id(), member.draining);
        }
        Ok(())
    }

    /// Tells the balancer what is new, instance by instance, or all at once where the settings or
    /// many instances are.
    fn tell(
        &self,
        state: &mut State,
        changed: &[Name],
        gone: impl ExactSizeIterator<Item = Name>,
    ) -> Result<(), SpecError> {
        let spec = |member: &Member| {
            let (plan, watched) = &member.watched;
            state.settings.spec(plan, watched.connects.clone())
        };
        let same = state.told.as_ref().is_some_and(|told| told.balances_like(&state.settings));
        if same && changed.len() + gone.len() <= FEW {
            for id in gone {
                self.balancer.remove(&id);
            }
            for member in changed.iter().filter_map(|id| state.members.get(id)) {
                self.balancer.put(spec(member))?;
            }
        } else {
            let specs = state.members.values().map(spec).collect();
            self.balancer.reconfigure(state.settings.policy.clone(), specs)?;
            state.told = Some(state.settings.clone());
        }
        Ok(())
    }

    /// Has the world ask whom it does not ask already.
    fn watch(&self, watched: &Watched, old: Option<&Member>) {
        let old = old.map(|old| &old.watched.1);
        if let Some(probe) = &watched.probe {
            let known = old.and_then(|old| old.probe.as_ref());
            if !known.is_some_and(|known| Arc::ptr_eq(known, probe)) {
                self.world.probe(probe);
            }
        }
        for check in &watched.checks {
            let known = old.map_or(&[][..], |old| &old.checks);
            if !known.iter().any(|known| Arc::ptr_eq(known, check)) {
                self.world.check(check);
            }
        }
    }
}

impl Member {
    fn id(&self) -> &Name {
        &self.watched.0.id
    }

    /// Whether the balancer need not be told of the one that knows the other.
    fn looks_like(&self, other: &Member) -> bool {
        self.watched.0 == other.watched.0
            && self.draining == other.draining
            && self.healthy == other.healthy
    }
}

impl State {
    /// Whether this is what is asked of DNS now.
    fn asks(&self, resolver: &Arc<Resolver>) -> bool {
        self.resolver.as_ref().is_some_and(|current| Arc::ptr_eq(current, resolver))
    }

    /// Whether this is the probe of an instance as it is now.
    fn probes(&self, probe: &Arc<Probe>) -> bool {
        self.members
            .get(&probe.subject.id)
            .and_then(|member| member.watched.1.probe.as_ref())
            .is_some_and(|current| Arc::ptr_eq(current, probe))
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("service", &self.service).finish_non_exhaustive()
    }
}
