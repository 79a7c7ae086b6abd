//! What one request carries from its first hook to its last.

use super::body::{Bodies, hold};
use super::caching::Caching;
use super::connection::Connection;
use super::link::Deadlines;
use super::renewal::Renewing;
use super::request_id::RequestId;
use crate::chain::{Exchange, Wish};
use crate::component::Answering;
pub(crate) use crate::decide::Failure;
use crate::decide::Hop;
use crate::overload::InFlight;
use crate::snapshot::{Edge, Endpoint, Service, Snapshot};
use crate::telemetry::{ServiceMetrics, Times};
use hither_balance::{Active, Instance, Permit, Retry};
use hither_plugin_host::Reply;
use pingora_proxy::Session;
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request.
pub(crate) struct Ctx {
    pub(crate) sight: Sight,
    pub(crate) started: Instant,
    /// Counts the request among all that the edge serves.
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) id: RequestId,
    pub(crate) connection: Option<Arc<Connection>>,
    /// The client's own address: behind trusted proxies, the one they vouch for.
    pub(crate) client: IpAddr,
    pub(crate) hop: Hop,
    /// What plugins ask of the balancer.
    pub(crate) wish: Wish,
    /// What plugins said so far.
    pub(crate) exchange: Exchange,
    /// The place on an instance; dropping it gives it back.
    pub(crate) place: Option<Place>,
    /// The component that answers, instead of an instance.
    pub(crate) answering: Option<Arc<Answering>>,
    /// Instances that this request has failed on.
    pub(crate) tried: SmallVec<[Box<str>; 2]>,
    pub(crate) attempts: u8,
    /// Counts the request among those that its service's retries are a share of.
    pub(crate) active: Option<Active>,
    /// The part of the retry budget that the attempt takes.
    pub(crate) retry: Option<Retry>,
    /// A connection that was closed in the pool has been replaced once.
    pub(crate) stale: bool,
    /// By then the last attempt must have the head of an answer.
    pub(crate) tries_until: Option<Instant>,
    pub(crate) attempt_started: Option<Instant>,
    /// The waits of this attempt's connection; none over HTTP/2, where Pingora keeps them.
    pub(crate) deadlines: Option<Arc<Deadlines>>,
    pub(crate) failure: Option<Failure>,
    /// A plugin's answer that replaces the instance's.
    pub(crate) reply: Option<Reply>,
    /// An answer of the instance's was given up for another attempt.
    pub(crate) given_up: bool,
    pub(crate) interim_responses: u8,
    pub(crate) answered: bool,
    /// The bodies that plugins want; hardly ever there.
    pub(crate) bodies: Option<Box<Bodies>>,
    /// Bytes of the request's body so far.
    pub(crate) body_bytes: u64,
    pub(crate) times: Times,
    /// What it has to do with the cache, where the service has one.
    pub(crate) cache: Option<Caching>,
    /// It has no client: it asks anew for what was given stale to another.
    pub(crate) renewal: Option<Renewing>,
}

/// What a request sees of the configuration.
pub(crate) enum Sight {
    /// The picture of the world that this request sees, whatever is swapped meanwhile, and its
    /// service in it.
    Snapshot(Arc<Snapshot>, Option<Arc<Service>>),
    /// After an upgrade no hook asks any more. A tunnel may live for days, and a snapshot with its
    /// plugins must not: this is all that the end of it needs.
    Tunnel(Box<Tunnel>),
}

pub(crate) struct Tunnel {
    edge: Edge,
    service: Arc<str>,
    metrics: Arc<ServiceMetrics>,
}

impl Sight {
    /// The snapshot, until the request has become a tunnel.
    pub(crate) fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        match self {
            Sight::Snapshot(snapshot, _) => Some(snapshot),
            Sight::Tunnel(_) => None,
        }
    }

    /// The service, once it is known and until the request has become a tunnel.
    pub(crate) fn service(&self) -> Option<&Arc<Service>> {
        match self {
            Sight::Snapshot(_, service) => service.as_ref(),
            Sight::Tunnel(_) => None,
        }
    }

    /// The request is this service's.
    pub(crate) fn found(&mut self, found: Arc<Service>) {
        if let Sight::Snapshot(_, service) = self {
            *service = Some(found);
        }
    }

    /// From now on bytes pass and no hook asks: lets go of the snapshot.
    pub(crate) fn become_tunnel(&mut self) {
        if let Sight::Snapshot(snapshot, Some(service)) = self {
            *self = Sight::Tunnel(Box::new(Tunnel {
                edge: snapshot.edge.clone(),
                service: service.name.clone(),
                metrics: service.metrics.clone(),
            }));
        }
    }

    /// This edge.
    pub(crate) fn edge(&self) -> &Edge {
        match self {
            Sight::Snapshot(snapshot, _) => &snapshot.edge,
            Sight::Tunnel(tunnel) => &tunnel.edge,
        }
    }

    /// The name of the service, once it is known.
    pub(crate) fn service_name(&self) -> Option<&str> {
        match self {
            Sight::Snapshot(_, service) => service.as_ref().map(|service| &*service.name),
            Sight::Tunnel(tunnel) => Some(&tunnel.service),
        }
    }

    /// The instruments of the service, once it is known.
    pub(crate) fn metrics(&self) -> Option<&ServiceMetrics> {
        match self {
            Sight::Snapshot(_, service) => service.as_ref().map(|service| &*service.metrics),
            Sight::Tunnel(tunnel) => Some(&tunnel.metrics),
        }
    }
}

/// A counted place on an instance.
pub(crate) enum Place {
    /// For this request.
    Request(Permit<Endpoint>),
    /// Held by the connection for all its requests.
    Connection(Arc<Permit<Endpoint>>),
}

impl Place {
    pub(crate) fn instance(&self) -> &Instance<Endpoint> {
        self.permit()
    }

    pub(crate) fn permit(&self) -> &Permit<Endpoint> {
        match self {
            Place::Request(permit) => permit,
            Place::Connection(permit) => permit,
        }
    }
}

impl Ctx {
    pub(crate) fn new(snapshot: Arc<Snapshot>) -> Ctx {
        Ctx {
            sight: Sight::Snapshot(snapshot, None),
            started: Instant::now(),
            in_flight: None,
            id: RequestId::random(),
            connection: None,
            client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            hop: Hop::default(),
            wish: Wish::default(),
            exchange: Exchange::default(),
            place: None,
            answering: None,
            tried: SmallVec::new(),
            attempts: 0,
            active: None,
            retry: None,
            stale: false,
            tries_until: None,
            attempt_started: None,
            deadlines: None,
            failure: None,
            reply: None,
            given_up: false,
            interim_responses: 0,
            answered: false,
            bodies: None,
            body_bytes: 0,
            times: Times::default(),
            cache: None,
            renewal: None,
        }
    }

    /// How long the request may still wait for the head of an answer, where anything but the
    /// service's usual times bounds it: a plugin, or attempts before this one.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let retry = self.tries_until.filter(|_| self.attempts > 1);
        let retry = retry.map(|until| until.saturating_duration_since(Instant::now()));
        match (self.wish.time_left(self.started), retry) {
            (Some(plugin), Some(retry)) => Some(plugin.min(retry)),
            (plugin, retry) => plugin.or(retry),
        }
    }

    /// The client's own session stands in front again, should another have stood there.
    pub(crate) fn release(&mut self, session: &mut Session) {
        let Some(bodies) = self.bodies.as_deref_mut() else { return };
        hold::release(session, &bodies.slot);
        bodies.request_held = None;
        let mut slot = bodies.slot.lock();
        self.times.plugins += std::mem::take(&mut slot.plugins);
        if let Some(sent) = slot.head_sent.take() {
            self.times.first_byte = Some(sent.duration_since(self.started));
        }
    }

    /// The instance that serves, or served last.
    pub(crate) fn instance(&self) -> Option<&Instance<Endpoint>> {
        self.place.as_ref().map(Place::instance)
    }
}
