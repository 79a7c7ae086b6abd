//! Who asks: one task that probes and checks the instances of all services, few at a time.
//!
//! It runs where no request is served. What it finds it tells the fleets; which of them must be
//! asked when is `schedule`'s.

use super::ask::{self, CheckError};
use super::dns::{self, Resolver};
use super::fleet::Fleet;
use super::schedule::{Next, Schedule, jittered};
use super::watched::{Check, Probe};
use crate::snapshot::Clock;
use crate::telemetry::Telemetry;
use fastrand::Rng;
use hither_config::CheckKind;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Probes under way, and checks under way: a bound on descriptors.
const AT_ONCE: usize = 128;

/// Between the beginnings of two probes, and of two checks. A connection costs some 30 us on this
/// side, so this bounds the cost to 3 % of a core each; with more than a thousand instances each is
/// probed less often than every second.
const GAP: Duration = Duration::from_millis(1);

/// So often the balancers are told the time.
const TICK: Duration = Duration::from_millis(100);

/// So often it is looked who is ejected, to tell of it.
const LOOK: Duration = Duration::from_secs(1);

/// Longer round trips are failures: the kernel has then sent its first packet twice.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where instances are handed in to be asked. Cheap to clone.
#[derive(Clone)]
pub(crate) struct World {
    orders: mpsc::UnboundedSender<Order>,
    clock: Clock,
}

/// One that asks. Held weakly: what is no longer configured is no longer asked.
enum Order {
    Probe(Weak<Probe>),
    Check(Weak<Check>),
    Serve(Weak<Fleet>),
    Resolve(Weak<Resolver>, Weak<Fleet>),
}

/// What came of asking.
enum Ended {
    Probe(Arc<Probe>, Duration, Option<Duration>),
    Check(Arc<Check>, Duration, Result<(), CheckError>),
}

impl World {
    /// A world, and who looks after it: nobody is asked until that runs.
    pub(crate) fn new(clock: Clock) -> (World, Watcher) {
        let (orders, inbox) = mpsc::unbounded_channel();
        let watcher = Watcher {
            inbox,
            clock,
            probes: Schedule::new(AT_ONCE, GAP),
            checks: Schedule::new(AT_ONCE, GAP),
            running: JoinSet::new(),
            fleets: Vec::new(),
            next_look: Duration::ZERO,
            rng: Rng::new(),
        };
        (World { orders, clock }, watcher)
    }

    /// The clock of all policy.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// This is to be probed until it is dropped.
    pub(super) fn probe(&self, probe: &Arc<Probe>) {
        self.order(Order::Probe(Arc::downgrade(probe)));
    }

    /// This is to be checked until it is dropped.
    pub(super) fn check(&self, check: &Arc<Check>) {
        self.order(Order::Check(Arc::downgrade(check)));
    }

    /// This serves from now on, so time must go on for it.
    pub(super) fn serve(&self, fleet: &Arc<Fleet>) {
        self.order(Order::Serve(Arc::downgrade(fleet)));
    }

    /// DNS is to be asked for this fleet until either is dropped.
    pub(super) fn resolve(&self, resolver: &Arc<Resolver>, fleet: &Arc<Fleet>) {
        self.order(Order::Resolve(Arc::downgrade(resolver), Arc::downgrade(fleet)));
    }

    fn order(&self, order: Order) {
        // Without a watcher the process only looks at a configuration, or ends.
        let _ = self.orders.send(order);
    }
}

/// The task behind a [`World`].
pub(crate) struct Watcher {
    inbox: mpsc::UnboundedReceiver<Order>,
    clock: Clock,
    probes: Schedule<Weak<Probe>>,
    checks: Schedule<Weak<Check>>,
    running: JoinSet<Ended>,
    fleets: Vec<Weak<Fleet>>,
    next_look: Duration,
    rng: Rng,
}

impl Watcher {
    /// Asks for as long as there is a [`World`].
    pub(crate) async fn run(mut self, telemetry: Arc<Telemetry>) {
        loop {
            let next = self.begin();
            self.advance();
            let now = self.clock.now();
            let pause = next.map_or(TICK, |next| next.saturating_sub(now)).min(TICK);
            tokio::select! {
                order = self.inbox.recv() => match order {
                    Some(order) => self.take(order),
                    None => return,
                },
                Some(ended) = self.running.join_next() => self.gather(ended.ok(), &telemetry),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// A pick does what is due by itself; those that wait while nobody picks need this.
    fn advance(&mut self) {
        let now = self.clock.now();
        let look = now >= self.next_look;
        if look {
            self.next_look = now + LOOK;
        }
        self.fleets.retain(|fleet| {
            let fleet = fleet.upgrade();
            if let Some(fleet) = &fleet {
                fleet.advance(now);
                if look {
                    fleet.look_at_ejections();
                }
            }
            fleet.is_some()
        });
    }

    fn take(&mut self, order: Order) {
        let now = self.clock.now();
        match order {
            Order::Probe(probe) => self.probes.add(probe, now),
            Order::Check(check) => self.checks.add(check, now),
            Order::Serve(fleet) => self.fleets.push(fleet),
            Order::Resolve(resolver, fleet) => drop(tokio::spawn(dns::follow(resolver, fleet))),
        }
    }

    /// Begins what is due; tells when something will be.
    fn begin(&mut self) -> Option<Duration> {
        let now = self.clock.now();
        let running = &mut self.running;
        let probes = drain(&mut self.probes, now, |probe| {
            running.spawn(async move {
                let connect = ask::connect(probe.subject.address);
                let rtt = tokio::time::timeout(PROBE_TIMEOUT, connect).await;
                Ended::Probe(probe, now, rtt.ok().and_then(Result::ok))
            });
        });
        let checks = drain(&mut self.checks, now, |check| {
            running.spawn(async move {
                let outcome = run_check(&check).await;
                Ended::Check(check, now, outcome)
            });
        });
        [probes, checks].into_iter().flatten().min()
    }

    /// Takes this outcome and all others that are there, round trips together: a change of order
    /// costs the balancer the same for many as for one.
    fn gather(&mut self, first: Option<Ended>, telemetry: &Telemetry) {
        let mut measured: Vec<(Arc<Probe>, Option<Duration>)> = Vec::new();
        let mut next = first;
        loop {
            match next {
                Some(Ended::Probe(probe, began, rtt)) => {
                    telemetry.probed(rtt.is_some());
                    let (rtt, period) = probe.take(rtt);
                    let due = began + jittered(period, &mut self.rng);
                    self.probes.ended();
                    self.probes.add(Arc::downgrade(&probe), due);
                    measured.push((probe, rtt));
                }
                Some(Ended::Check(check, began, outcome)) => {
                    let due = began + jittered(check.plan.interval, &mut self.rng);
                    self.checks.ended();
                    self.checks.add(Arc::downgrade(&check), due);
                    judge(&check, began, outcome);
                }
                None => {}
            }
            match self.running.try_join_next() {
                Some(ended) => next = ended.ok(),
                None => break,
            }
        }
        tell(measured);
    }
}

/// Begins what is due in one schedule; tells when the next will be.
fn drain<T>(
    schedule: &mut Schedule<Weak<T>>,
    now: Duration,
    mut begin: impl FnMut(Arc<T>),
) -> Option<Duration> {
    loop {
        match schedule.next(now) {
            Next::Begin(job) => match job.upgrade() {
                Some(job) => begin(job),
                None => schedule.ended(),
            },
            Next::At(then) => return Some(then),
            Next::Idle => return None,
        }
    }
}

async fn run_check(check: &Check) -> Result<(), CheckError> {
    let timeout = check.plan.timeout;
    let address = check.subject.address;
    let asked = async {
        match &check.plan.kind {
            CheckKind::Tcp => ask::connect(address).await.map(drop).map_err(CheckError::from),
            CheckKind::Http(plan) => ask::http(address, check.http2, plan).await,
        }
    };
    let outcome = tokio::time::timeout(timeout, asked).await;
    outcome.unwrap_or(Err(CheckError::Timeout(timeout)))
}

fn judge(check: &Arc<Check>, began: Duration, outcome: Result<(), CheckError>) {
    if !check.take(outcome.is_ok(), began) {
        return;
    }
    if let Some(fleet) = check.subject.fleet.upgrade() {
        let why = outcome.err().map(|error| error.to_string());
        fleet.judged(check, why.as_deref());
    }
}

/// Tells each fleet what is its.
fn tell(mut measured: Vec<(Arc<Probe>, Option<Duration>)>) {
    let key = |probe: &Probe| -> *const Fleet { probe.subject.fleet.as_ptr() };
    measured.sort_by_key(|(probe, _)| key(probe));
    for group in measured.chunk_by(|(a, _), (b, _)| key(a) == key(b)) {
        if let Some(fleet) = group[0].0.subject.fleet.upgrade() {
            fleet.measured(group);
        }
    }
}
