//! What a request would get, and why: the decisions of `decide` and of the balancer, asked for a
//! request that somebody imagines, told in a form that programs and people read.
//!
//! Nothing is charged, counted, queued or connected to. Plugins are really called: what they log,
//! store or measure by themselves is done. It must not know who asks, or how it is shown.

mod answer;
mod cache;
mod question;
mod reason;

pub(crate) use answer::{Candidate, Explanation, Outcome, ServiceLine, Source};
pub(crate) use cache::{CacheLine, Kept};
pub(crate) use question::{BadQuestion, Question};

use crate::chain::{Exchange, RequestContext, RequestMessage, Wish};
use crate::component::Answerer;
use crate::decide::{self, Admitted, Client, Entry, Failure, Gathered, Matched};
use crate::route;
use crate::snapshot::{Concurrency, ListenerRules, Service, Snapshot};
use answer::{Asked, Told, Wanted};
use cache::Seeker;
use hither_balance::Outcome as Picked;
use hither_cache::Cache;
use hither_limit::Value;
use hither_plugin_host::Reply;
use http::request::Parts;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Explains what would happen now. Calls plugins, so it may take as long as their budgets; looks at
/// every instance of the service.
///
/// # Errors
/// What is asked cannot be a request.
pub(crate) async fn explain(
    snapshot: &Snapshot,
    cache: &Cache,
    question: &Question,
    source: Source,
) -> Result<Explanation, BadQuestion> {
    let mut head = question.head()?;
    let rules = match &question.listener {
        Some(address) => {
            Some(snapshot.listener(address).ok_or_else(|| unknown_listener(address, snapshot))?)
        }
        None => usual_listener(snapshot, question),
    };
    let secure = rules.is_some_and(|rules| rules.tls.is_some());
    let peer = question.peer();
    let client = Client::of(&head.headers, peer, secure, rules);
    let asked = Asked::of(&head, client, peer, rules.map(|rules| &*rules.address));
    let told = match decide::find(snapshot, head.authority(), head.uri.path()) {
        Ok((service, found)) => {
            let matched = Matched::new(&service.name, &found);
            let most = question.candidates();
            let seeker = Seeker { cache, service, hop: client.hop };
            let told = inside(snapshot, service, &seeker, &mut head, client.address, most).await;
            Told { matched: Some(matched), ..told }
        }
        Err(fault) => Told::ended(Outcome::refused(&fault.into())),
    };
    Ok(Explanation::new(snapshot, source, asked, told))
}

fn unknown_listener(address: &str, snapshot: &Snapshot) -> BadQuestion {
    let known: Vec<&str> = snapshot.listeners.iter().map(|rules| &*rules.address).collect();
    BadQuestion::Listener { address: address.to_owned(), known: known.join(", ") }
}

/// Where a request by this URL comes in: at the first listener that speaks as it says, if any does.
fn usual_listener<'a>(snapshot: &'a Snapshot, question: &Question) -> Option<&'a ListenerRules> {
    let speaks = |rules: &&ListenerRules| question.is_secure() == Some(rules.tls.is_some());
    let listeners = &snapshot.listeners;
    listeners.iter().find(speaks).or_else(|| listeners.first())
}

/// From the door of the service to an instance.
async fn inside(
    snapshot: &Snapshot,
    service: &Arc<Service>,
    seeker: &Seeker<'_>,
    head: &mut Parts,
    client: IpAddr,
    most: usize,
) -> Told {
    let (mut exchange, mut wish) = (Exchange::default(), Wish::default());
    exchange.keep_record();
    let number = fastrand::u64(..);
    // As a client does that asks for this host: its connection is for it.
    let name = route::host_of(head.authority()).into_owned();
    let tls_name = if seeker.hop.secure { Value::One(name.as_bytes()) } else { Value::Absent };
    let entry = Entry {
        service,
        edge: &snapshot.edge,
        limiters: &snapshot.limiters,
        client,
        hop: seeker.hop,
        tls_name,
        exchange: number,
        end_of_stream: question::is_bodyless(head),
        http_version: head.version,
        rehearsal: true,
    };
    let gathered = Gathered { exchange: &mut exchange, wish: &mut wish };
    let admitted = decide::admit(&entry, head, gathered).await;
    let mut told = match admitted {
        Err(failure) => Told::ended(Outcome::refused(&failure)),
        Ok(Admitted::Answered(reply)) => Told::ended(answered(&reply, &exchange)),
        Ok(Admitted::Redirected(place)) => {
            let to = String::from_utf8_lossy(place.as_bytes()).into_owned();
            Told::ended(Outcome::Redirected { status: decide::REDIRECT.as_u16(), to })
        }
        Ok(Admitted::Go) => {
            let version = head.version;
            let tls = seeker.hop.is_https(&head.headers);
            let context = || RequestContext {
                exchange: number,
                client,
                service: &service.name,
                edge: &snapshot.edge,
                limiters: &snapshot.limiters,
                tls,
                end_of_stream: true,
                http_version: version,
                rehearsal: true,
            };
            let (cache, ends) = seeker.look(head, context, &mut exchange);
            let ends = ends.unwrap_or_else(|| match &service.component {
                Some(answerer) => component(answerer),
                None => balance(service, &wish, most),
            });
            let later = service.chain.of_responses(&exchange).map(|name| name.to_string());
            Told { later: later.collect(), cache, ..ends }
        }
    };
    if let Some(record) = exchange.record() {
        told.limits = record.limits.clone();
        told.plugins = record.calls.clone();
    }
    told
}

/// The last one that was asked gave this answer.
fn answered(reply: &Reply, exchange: &Exchange) -> Outcome {
    let last = exchange.record().and_then(|record| record.calls.last());
    let plugin = last.map(|call| call.plugin.clone()).unwrap_or_default();
    Outcome::Answered { status: reply.status.as_u16(), plugin }
}

/// The component would answer it, if it has room.
fn component(answerer: &Answerer) -> Told {
    let (in_flight, most) = answerer.load();
    Told::ended(if in_flight >= most {
        Outcome::refused(&Failure::component_full())
    } else {
        let (revision, digest) = (answerer.revision(), answerer.digest().to_owned());
        Outcome::Component { revision, digest }
    })
}

/// Where it would go, or wait.
fn balance(service: &Service, wish: &Wish, most: usize) -> Told {
    let now = service.clock.now();
    let seen = decide::with_wanted(wish, &[], |wanted| service.balancer.explain(wanted, now, most));
    let queue = service.balancer.queue(now);
    let outcome = match &seen.outcome {
        Picked::Permit { id, among } => Outcome::Instance { id: id.to_string(), among: *among },
        Picked::Wait { position } => Outcome::Wait {
            position: *position,
            timeout_seconds: patience(service, wish).as_secs_f64(),
        },
        Picked::Refused(refusal) => {
            let (fault, retry_after) = decide::fault_of(refusal);
            Outcome::refused(&Failure { retry_after, ..fault.into() })
        }
    };
    Told {
        wanted: Wanted::of(wish),
        queue: Some(queue.into()),
        by_connection: service.concurrency == Concurrency::Connections,
        candidates: seen.candidates.iter().map(|one| Candidate::of(one, now)).collect(),
        omitted: seen.omitted,
        ..Told::ended(outcome)
    }
}

/// How long it would wait.
fn patience(service: &Service, wish: &Wish) -> Duration {
    let most = service.queue_timeout;
    wish.time_left(Instant::now()).map_or(most, |left| left.min(most))
}
