//! Pingora's hooks, each delegated to its own file under `hook/`.

use super::accept::Stage;
use super::ctx::Ctx;
use super::hook;
use crate::shared::Shared;
use async_trait::async_trait;
use bytes::Bytes;
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use std::os::fd::RawFd;
use std::sync::Arc;
use tokio::sync::watch;

/// One thread's proxy.
pub(super) struct Handler {
    shared: Arc<Shared>,
    stage: watch::Receiver<Stage>,
}

impl Handler {
    pub(super) fn new(shared: Arc<Shared>, stage: watch::Receiver<Stage>) -> Handler {
        Handler { shared, stage }
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
        hook::request::run(&self.shared, session, ctx).await
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

    async fn response_filter(
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
        if *self.stage.borrow() == Stage::Draining {
            // Pingora looks once, when the request begins; this one has seen the drain come.
            session.set_keepalive(None);
        }
        hook::response::run(&self.shared, session, response, ctx)
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

    async fn logging(&self, session: &mut Session, _error: Option<&Error>, ctx: &mut Box<Ctx>) {
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
