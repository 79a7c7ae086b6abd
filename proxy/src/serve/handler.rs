//! Pingora's hooks, each delegated to its own file under `hook/`.

use super::accept::Stage;
use super::ctx::Ctx;
use super::hook;
use crate::shared::Shared;
use async_trait::async_trait;
use bytes::Bytes;
use hither_cache::HashBinary;
use pingora_cache::{CacheKey, CacheMeta, ForcedFreshness, HitHandler, RespCacheable};
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{
    FailToProxy, ProxyHttp, ProxyWarnLogContext, RangeType, Session, range_header_filter,
};
use std::os::fd::RawFd;
use std::sync::Arc;
use tokio::sync::watch;

/// Parts of a response that one request may ask the cache for; more is no honest question (RFC 9110 section
/// 17.15).
const MOST_RANGES: usize = 16;

/// One thread's proxy.
pub(super) struct Handler {
    shared: Arc<Shared>,
    stage: watch::Receiver<Stage>,
}

impl Handler {
    pub(super) fn new(shared: Arc<Shared>, stage: watch::Receiver<Stage>) -> Handler {
        Handler { shared, stage }
    }

    /// Pingora looks once, when a request begins; that one may see the drain come, and closes its connection too.
    fn is_draining(&self) -> bool {
        *self.stage.borrow() == Stage::Draining
    }
}

#[async_trait]
impl ProxyHttp for Handler {
    /// Boxed: Pingora moves it several times between hooks.
    type CTX = Box<Ctx>;

    fn new_ctx(&self) -> Box<Ctx> {
        Box::new(Ctx::new(self.shared.snapshot()))
    }

    /// None: compression and the like are not silently on.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, ctx: &mut Box<Ctx>) -> Result<bool> {
        if hook::request::run(&self.shared, session, ctx).await? {
            return Ok(true);
        }
        hook::cache_at_hand::run(&self.shared, session, || self.is_draining(), ctx).await
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Box<Ctx>,
    ) -> Result<()> {
        hook::request_body::run(body, end_of_stream, ctx)
    }

    fn allow_spawning_subrequest(&self, _session: &Session, ctx: &Box<Ctx>) -> bool {
        ctx.sight.snapshot().is_some_and(|snapshot| snapshot.caches())
    }

    fn request_cache_filter(&self, session: &mut Session, ctx: &mut Box<Ctx>) -> Result<()> {
        hook::cache_lookup::run(&self.shared, session, ctx);
        Ok(())
    }

    fn cache_key_callback(&self, _session: &Session, ctx: &mut Box<Ctx>) -> Result<CacheKey> {
        hook::cache_lookup::key(ctx)
    }

    async fn cache_hit_filter(
        &self,
        session: &mut Session,
        meta: &CacheMeta,
        hit: &mut HitHandler,
        _fresh: bool,
        ctx: &mut Box<Ctx>,
    ) -> Result<Option<ForcedFreshness>> {
        let coming = hither_cache::Cache::is_coming(hit);
        Ok(Some(hook::cache_hit::run(&self.shared, session, meta, coming, ctx)))
    }

    fn cache_vary_filter(
        &self,
        meta: &CacheMeta,
        ctx: &mut Box<Ctx>,
        request: &RequestHeader,
    ) -> Option<HashBinary> {
        hook::cache_lookup::variant(meta, request, ctx)
    }

    fn cache_not_modified_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        _ctx: &mut Box<Ctx>,
    ) -> Result<bool> {
        let request = &session.req_header().headers;
        Ok(hither_cache::not_modified(request, response.status, &response.headers))
    }

    fn range_header_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        _ctx: &mut Box<Ctx>,
    ) -> RangeType {
        let request = session.req_header();
        if !hither_cache::may_be_cut(&request.method, &request.headers) {
            return RangeType::None;
        }
        range_header_filter(request, response, Some(MOST_RANGES))
    }

    fn response_cache_filter(
        &self,
        session: &Session,
        response: &ResponseHeader,
        ctx: &mut Box<Ctx>,
    ) -> Result<RespCacheable> {
        Ok(hook::cache_store::run(&self.shared, session, response, ctx))
    }

    fn should_serve_stale(
        &self,
        session: &mut Session,
        ctx: &mut Box<Ctx>,
        error: Option<&Error>,
    ) -> bool {
        // What is given while it is fetched anew, `cache_hit` decides.
        error.is_some_and(|error| hook::cache_hit::on_failure(session, ctx, error))
    }

    async fn proxy_upstream_filter(
        &self,
        session: &mut Session,
        ctx: &mut Box<Ctx>,
    ) -> Result<bool> {
        hook::to_upstream::run(session, ctx).await
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut Box<Ctx>,
    ) -> Result<Box<HttpPeer>> {
        hook::peer::run(&self.shared, session, ctx).await
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        _fd: RawFd,
        digest: Option<&Digest>,
        ctx: &mut Box<Ctx>,
    ) -> Result<()> {
        hook::connected::run(digest, reused, ctx);
        Ok(())
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Box<Ctx>,
        error: Box<Error>,
    ) -> Box<Error> {
        hook::outcome::unreachable(ctx, &error);
        hook::retry::after_connect(session, ctx, error)
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Box<Ctx>,
        reused: bool,
    ) -> Box<Error> {
        hook::outcome::broke(ctx, &error, reused);
        hook::retry::after_send(session, ctx, error, reused)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Box<Ctx>,
    ) -> Result<()> {
        hook::upstream_request::run(session, request, ctx)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Box<Ctx>,
    ) -> Result<()> {
        hook::retry::after_answer(session, response.status, ctx)?;
        if !response.status.is_informational() {
            // The request has been sent: nobody plays it any more.
            ctx.release(session);
        }
        hook::upstream_response::run(&self.shared, session, response, ctx)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Box<Ctx>,
    ) -> Result<()> {
        if self.is_draining() {
            session.set_keepalive(None);
        }
        let done = hook::response::run(&self.shared, session, response, ctx);
        if let Err(error) = &done
            && hook::response::is_from_cache(session)
        {
            // Pingora would answer with a page of its own.
            hook::failed::run(session, error, ctx).await;
        }
        done
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Box<Ctx>,
    ) -> FailToProxy {
        ctx.release(session);
        hook::failed::run(session, error, ctx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Box<Ctx>) {
        if let Some(error) = error
            && hook::response::is_from_cache(session)
            && session.response_written().is_none()
        {
            // A plugin that held a kept response back has ended it.
            hook::failed::run(session, error, ctx).await;
        }
        ctx.release(session);
        hook::finished::run(&self.shared, session, ctx);
    }

    /// Every fault is told once, in the access log, by `hook::finished`.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Box<Ctx>, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Box<Ctx>,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}
