//! A stale response is given to a client; beside that, the instance is asked for it anew (RFC 5861 section
//! 3): by a request of Pingora's that has no client, and goes the way that this one went so far.

use super::connection::Connection;
use super::ctx::{Ctx, Sight};
use super::request_id::RequestId;
use crate::chain::{Keyed, Wish};
use crate::decide::Hop;
use crate::shared::Shared;
use hither_cache::Renewal;
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use pingora_proxy::subrequest::Ctx as Subrequest;
use std::net::IpAddr;
use std::sync::Arc;

/// What the request that asks anew takes over from the one that it is for.
struct Heritage {
    renewal: Renewing,
    head: RequestHeader,
    sight: Sight,
    id: RequestId,
    connection: Option<Arc<Connection>>,
    client: IpAddr,
    hop: Hop,
    wish: Wish,
}

/// What a request that asks anew carries.
pub(crate) struct Renewing {
    /// Until it is dropped, nobody else does.
    _turn: Renewal,
    /// What plugins said of the key.
    pub(super) keyed: Option<Keyed>,
}

/// Asks anew, unless somebody does.
pub(super) fn begin(shared: &Shared, session: &Session, ctx: &Ctx, keyed: &Keyed) {
    let Some(spawner) = &session.subrequest_spawner else { return };
    let Some(key) = session.cache.maybe_cache_key() else { return };
    let (Some(snapshot), Some(service)) = (ctx.sight.snapshot(), ctx.sight.service()) else {
        return;
    };
    let Some(turn) = shared.cache.renew(key) else { return };
    let renewal = Renewing { _turn: turn, keyed: Some(keyed.clone()) };
    let heritage = Heritage {
        renewal,
        head: session.req_header().clone(),
        sight: Sight::Snapshot(snapshot.clone(), Some(service.clone())),
        id: ctx.id.clone(),
        connection: ctx.connection.clone(),
        client: ctx.client,
        hop: ctx.hop,
        wish: ctx.wish.clone(),
    };
    let with = Subrequest::builder().user_ctx(Box::new(Some(heritage))).build();
    spawner.spawn_background_subrequest(session.as_ref(), with);
}

/// Takes over what there is to be, where the request asks anew: it has passed limits and plugins.
pub(super) fn adopt(session: &mut Session, ctx: &mut Ctx) -> bool {
    let given = session.subrequest_ctx.as_mut().and_then(|with| with.user_ctx_mut());
    let given = given.and_then(|given| given.downcast_mut::<Option<Heritage>>());
    let Some(heritage) = given.and_then(Option::take) else { return false };
    *session.req_header_mut() = heritage.head;
    ctx.sight = heritage.sight;
    ctx.id = heritage.id;
    ctx.connection = heritage.connection;
    ctx.client = heritage.client;
    ctx.hop = heritage.hop;
    ctx.wish = heritage.wish;
    ctx.renewal = Some(heritage.renewal);
    true
}
