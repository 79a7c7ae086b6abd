//! An attempt has failed: plugins may have a say before the retry policy acts.

use crate::chain::{Attempt, FailoverOutcome, RequestContext};
use crate::fault::Fault;
use crate::serve::ctx::{Ctx, Failure};
use http::StatusCode;
use pingora_proxy::Session;

/// What is to be done about it.
pub(super) enum Advice {
    /// What the policy says.
    ByPolicy,
    /// Nothing: it stays failed, or has an answer.
    Stop,
    /// Another attempt, where that is safe and allowed.
    Retry,
}

/// How an attempt failed.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// The instance answered so.
    Status(StatusCode),
    /// It did not.
    Fault(Fault),
}

/// Asks the plugins, should any want to be asked.
pub(super) fn ask(session: &mut Session, ctx: &mut Ctx, how: How) -> Advice {
    let Some((service, snapshot)) = ctx.sight.service().zip(ctx.sight.snapshot()) else {
        return Advice::ByPolicy;
    };
    if !service.chain.watches_attempts() {
        return Advice::ByPolicy;
    }
    let (service, snapshot) = (service.clone(), snapshot.clone());
    let end_of_stream = session.as_mut().is_body_empty();
    let head = session.req_header();
    let context = RequestContext {
        exchange: ctx.id.exchange(),
        client: ctx.client,
        service: &service.name,
        edge: &snapshot.edge,
        limiters: &snapshot.limiters,
        tls: ctx.hop.is_https(&head.headers),
        end_of_stream,
        http_version: head.version,
        rehearsal: false,
    };
    let instance = ctx.place.as_ref().map(|place| place.instance().id());
    let attempt = Attempt {
        number: u32::from(ctx.attempts),
        instance: instance.unwrap_or_default(),
        status: match how {
            How::Status(status) => Some(status),
            How::Fault(_) => None,
        },
        error: match how {
            How::Status(_) => None,
            How::Fault(fault) => Some(fault.reason()),
        },
        elapsed: ctx.attempt_started.map(|began| began.elapsed()).unwrap_or_default(),
    };
    let outcome = service.chain.on_failure(head, &context, &mut ctx.exchange, &attempt);
    match outcome {
        FailoverOutcome::ByPolicy => Advice::ByPolicy,
        FailoverOutcome::GiveUp => Advice::Stop,
        FailoverOutcome::Retry(labels) => {
            ctx.wish.retry_where(labels);
            Advice::Retry
        }
        FailoverOutcome::Reply(reply) => {
            ctx.reply = Some(reply);
            Advice::Stop
        }
        FailoverOutcome::Failed(plugin) => {
            ctx.failure = Some(Failure { plugin: Some(plugin), ..Fault::PluginFailed.into() });
            Advice::Stop
        }
    }
}
