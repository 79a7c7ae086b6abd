//! The end of a request: its place is given back and its event told.

use crate::chain::Finished;
use crate::fault::Fault;
use crate::serve::caching::Caching;
use crate::serve::ctx::Ctx;
use crate::serve::message;
use crate::shared::Shared;
use crate::telemetry::RequestFinished;
use http::Version;
use pingora_proxy::Session;

/// Tells telemetry, then gives the place back.
pub(in crate::serve) fn run(shared: &Shared, session: &Session, ctx: &mut Ctx) {
    ctx.times.total = ctx.started.elapsed();
    ctx.times.plugins += ctx.exchange.time();
    // Before it is told, so that whoever reads of it finds the budget as it will be.
    ctx.retry = None;
    ctx.active = None;
    ctx.in_flight = None;
    if ctx.renewal.is_some() {
        // It has no client, and was told of with the one that it is for.
        ctx.place = None;
        return;
    }
    let head = session.req_header();
    let failure = ctx.failure.as_ref();
    let written = session.response_written().map(|head| head.status.as_u16());
    let fault = failure.map(|failure| failure.fault);
    let instance = ctx.instance();
    shared.telemetry.request_finished(&RequestFinished {
        metrics: ctx.sight.metrics(),
        edge: &ctx.sight.edge().name,
        region: &ctx.sight.edge().region,
        service: ctx.sight.service_name(),
        component: ctx.answering.as_ref().map(|answering| answering.answerer().short_digest()),
        instance: instance.map(|instance| instance.id()),
        instance_region: instance.map(|instance| instance.region()),
        client: ctx.client,
        method: head.method.as_str(),
        host: message::authority(head),
        path: ctx
            .exchange
            .asked_target()
            .unwrap_or_else(|| head.uri.path_and_query().map_or("/", |target| target.as_str())),
        protocol: protocol(head.version),
        status: status(written, fault),
        fault,
        cache: ctx.cache.as_ref().map(Caching::name),
        limit: failure.and_then(|failure| failure.limit.as_ref()).map(|limit| &*limit.name),
        plugin: failure.and_then(|failure| failure.plugin.as_deref()),
        attempts: ctx.attempts,
        request_bytes: ctx.body_bytes,
        response_bytes: session.body_bytes_sent() as u64,
        times: ctx.times,
        id: ctx.id.as_str(),
        headers: Some(&head.headers),
        metadata: ctx.exchange.metadata(),
    });
    tell_plugins(session, ctx, written);
    ctx.place = None;
}

/// The same for plugins that want to know, as far as they may.
fn tell_plugins(session: &Session, ctx: &mut Ctx, written: Option<u16>) {
    if !ctx.sight.service().is_some_and(|service| service.chain.watches_ends()) {
        return;
    }
    let mut exchange = std::mem::take(&mut ctx.exchange);
    let Some(service) = ctx.sight.service() else { return };
    let fault = ctx.failure.as_ref().map(|failure| failure.fault);
    let finished = Finished {
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: ctx.sight.edge(),
        duration: ctx.times.total,
        upstream: ctx.times.app.unwrap_or_default(),
        status: status(written, fault),
        request_bytes: ctx.body_bytes,
        response_bytes: session.body_bytes_sent() as u64,
        instance: ctx.instance().map(|instance| (instance.id(), instance.region())),
        cache: ctx.cache.as_ref().map_or("", Caching::parameter),
        fault: fault.map_or("", Fault::reason),
    };
    service.chain.on_complete(session.req_header(), &finished, &mut exchange);
}

/// What was written, else what would have been; 499 where the client left first.
fn status(written: Option<u16>, fault: Option<Fault>) -> u16 {
    written.or(fault.map(Fault::status)).unwrap_or(499)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}
