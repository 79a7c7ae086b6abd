//! Plugins in order: whom to ask, what their verdicts mean together, what a failure means.
//!
//! The only room that calls the plugin host. It must not know Pingora: heads come as traits.

mod access_log;
mod background;
mod cache_policy;
mod compare;
mod environment;
mod exchange;
mod failover;
mod inputs;
mod load;
mod message;
mod passage;
mod plugin;
mod rate_limit;
mod said;
mod shadow;
mod trial;
mod when;
mod wish;

pub(crate) use access_log::Finished;
pub(crate) use cache_policy::{Keep, Keyed};
pub(crate) use environment::PluginEnvironment;
pub(crate) use exchange::Exchange;
pub(crate) use failover::FailoverOutcome;
pub(crate) use load::{Attachments, PluginLoader, Wanted};
pub(crate) use message::{
    RequestContext, RequestMessage, ResponseContext, ResponseMessage, authority,
};
pub(crate) use passage::{Ended, Passage};
pub(crate) use plugin::Plugin;
pub(crate) use trial::Trial;
pub(crate) use when::When;
pub(crate) use wish::Wish;

use crate::snapshot::Refused;
pub(crate) use hither_plugin_host::{Attempt, Side};
use hither_plugin_host::{Bearer, Hook, Reply, Report, RequestVerdict, ResponseVerdict, Routing};
use http::uri::{Authority, PathAndQuery};
use inputs::Facts;
use shadow::Asked;
use std::sync::Arc;
use trial::Made;

/// The plugins of one service, in the order of its `plugins`.
#[derive(Default)]
pub(crate) struct Chain {
    links: Box<[Link]>,
    watches_responses: bool,
    reads_responses: bool,
    watches_attempts: bool,
    watches_ends: bool,
    governs_cache: bool,
    waits: bool,
    shows_heads: bool,
}

/// A plugin as one service uses it.
pub(crate) struct Link {
    pub(crate) plugin: Arc<Plugin>,
    /// A new revision beside it.
    pub(crate) trial: Option<Arc<Trial>>,
    /// Which of the plugin's configurations is this service's.
    pub(crate) config: u32,
    /// Which requests it is asked about; none: all.
    pub(crate) when: Option<When>,
}

/// What the chain says of a request.
#[derive(Debug)]
pub(crate) enum RequestOutcome {
    Go,
    Reply(Reply),
    /// A limiter that a plugin charged is spent.
    Limited(Refused),
    /// This plugin failed and its policy is to reject.
    Failed(Arc<str>),
}

/// What the chain says of a response.
#[derive(Debug)]
pub(crate) enum ResponseOutcome {
    Go,
    Reply(Reply),
    Failed(Arc<str>),
}

impl Chain {
    pub(crate) fn new(links: Vec<Link>) -> Chain {
        let any = |hook| links.iter().any(|link: &Link| link.serves(hook));
        let (watches_responses, watches_ends) = (any(Hook::ResponseFilter), any(Hook::AccessLog));
        let (reads_responses, watches_attempts) = (any(Hook::ResponseBody), any(Hook::Failover));
        let waits = links.iter().any(Link::waits);
        let governs_cache = any(Hook::CachePolicy);
        let shows_heads = links.iter().any(Link::shows_heads);
        Chain {
            links: links.into(),
            watches_responses,
            reads_responses,
            watches_attempts,
            watches_ends,
            governs_cache,
            waits,
            shows_heads,
        }
    }

    /// Whether asking about a request may take as long as somebody else's answer.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// Whether any plugin is shown more of a request than the inputs that it declares.
    pub(crate) fn shows_heads(&self) -> bool {
        self.shows_heads
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    pub(crate) fn watches_responses(&self) -> bool {
        self.watches_responses
    }

    /// Whether a plugin may ask for the body of the response to this request.
    pub(crate) fn may_read_response(&self, exchange: &Exchange) -> bool {
        self.reads_responses
            && self.links.iter().enumerate().any(|(place, link)| {
                link.decider(exchange, place).serves(Hook::ResponseBody)
                    && !exchange.skips_response(place)
            })
    }

    /// The plugins that are asked once an instance has answered, in that order.
    pub(crate) fn of_responses(&self, exchange: &Exchange) -> impl Iterator<Item = &Arc<str>> {
        let links = self.links.iter().enumerate().rev();
        links
            .filter(|(place, link)| {
                link.decider(exchange, *place).serves(Hook::ResponseFilter)
                    && !exchange.skips_response(*place)
            })
            .map(|(_, link)| &link.plugin.name)
    }

    /// Asks each plugin in turn; the first reply or rejection ends it. What a plugin changes, the
    /// next one sees.
    pub(crate) async fn on_request(
        &self,
        head: &mut impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        wish: &mut Wish,
    ) -> RequestOutcome {
        for (place, link) in self.links.iter().enumerate() {
            exchange.reach(place);
            if let Some(why) = link.when.as_ref().and_then(|when| when.misses(head)) {
                exchange.pass_over(place);
                exchange.write_down(|record| record.passed_over(&link.plugin.name, why));
                continue;
            }
            link.choose(exchange, place, context.rehearsal);
            for hook in [Hook::RateLimit, Hook::RequestFilter, Hook::Routing] {
                if !link.decider(exchange, place).serves(hook) {
                    link.show_unasked(hook, head, context, exchange, place);
                    continue;
                }
                let outcome = match hook {
                    Hook::RateLimit => link.limit(head, context, exchange, place).await,
                    Hook::RequestFilter => {
                        link.filter_request(head, context, exchange, place).await
                    }
                    _ => link.route(head, context, exchange, wish, place).await,
                };
                if !matches!(outcome, RequestOutcome::Go) {
                    return outcome;
                }
            }
        }
        RequestOutcome::Go
    }

    /// The way of a body through the plugins that asked for it; none where none did. `number` names
    /// the exchange.
    pub(crate) fn passage(&self, side: Side, exchange: &Exchange, number: u64) -> Option<Passage> {
        if !exchange.wants(side) {
            return None;
        }
        let mut passage = Passage::new(side);
        let links = self.links.iter().enumerate().take(exchange.reached());
        let mut add = |(place, link): (usize, &Link)| {
            let memo = exchange.memo(place);
            let bearer = Bearer { exchange: number, config: link.config, memo };
            passage.add(link, exchange, place, bearer);
        };
        match side {
            Side::Request => links.for_each(&mut add),
            Side::Response => links.rev().for_each(&mut add),
        }
        (!passage.is_empty()).then_some(passage)
    }

    /// Asks the plugins that saw the request, the last one first.
    pub(crate) fn on_response(
        &self,
        head: &mut impl ResponseMessage,
        context: &ResponseContext<'_>,
        exchange: &mut Exchange,
    ) -> ResponseOutcome {
        for (place, link) in self.links.iter().enumerate().take(exchange.reached()).rev() {
            if exchange.skips_response(place) {
                continue;
            }
            if !link.decider(exchange, place).serves(Hook::ResponseFilter) {
                let passed = Report::not_asked(ResponseVerdict::Pass);
                link.show_response(head, context, exchange, place, &passed);
                continue;
            }
            let outcome = link.filter_response(head, context, exchange, place);
            if !matches!(outcome, ResponseOutcome::Go) {
                return outcome;
            }
        }
        ResponseOutcome::Go
    }
}

impl Link {
    fn waits(&self) -> bool {
        let canary = self.trial.as_ref().filter(|trial| trial.is_canary());
        self.plugin.revision.waits() || canary.is_some_and(|trial| trial.plugin.revision.waits())
    }

    fn shows_heads(&self) -> bool {
        let on_trial = self.trial.as_ref().map(|trial| &trial.plugin);
        [&self.plugin].into_iter().chain(on_trial).any(|plugin| !plugin.revision.by_inputs())
    }

    async fn filter_request(
        &self,
        head: &mut impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        place: usize,
    ) -> RequestOutcome {
        let plugin = self.decider(exchange, place);
        let now_ms = plugin.now_ms(exchange);
        let report = {
            let facts =
                Facts::of_request(head.headers(), head.path(), context, exchange.metadata());
            let request = context.head(head, &facts, now_ms, self.config);
            let revision = &plugin.revision;
            match revision.waits() {
                false => revision.on_request(&request),
                // Boxed: whoever does not wait need not make room for it.
                true => Box::pin(revision.on_request_waiting(&request)).await,
            }
        };
        exchange.took(report.time);
        self.show_request(head, context, exchange, place, &report, Asked::Request);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::RequestFilter, report, context.rehearsal);
        self.count(exchange, place, made, &judged);
        exchange.write_down(|record| {
            record.called(&self.plugin.name, Hook::RequestFilter, time, said::of_request(&judged));
        });
        match judged {
            Err(failed) if failed.rejects => RequestOutcome::Failed(self.plugin.name.clone()),
            Err(_) | Ok(RequestVerdict::Pass) => RequestOutcome::Go,
            Ok(RequestVerdict::Respond(reply)) => {
                RequestOutcome::Reply(Arc::unwrap_or_clone(reply))
            }
            Ok(RequestVerdict::Next(patch)) => {
                head.apply(&patch.edits);
                redirect(head, exchange, patch.path.as_ref(), patch.authority.as_ref());
                exchange.note(&self.plugin.name, &patch.metadata);
                exchange.remember(place, patch.memo, patch.response_hooks);
                exchange.want(place, Side::Request, patch.body);
                RequestOutcome::Go
            }
        }
    }

    async fn route(
        &self,
        head: &mut impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        wish: &mut Wish,
        place: usize,
    ) -> RequestOutcome {
        let plugin = self.decider(exchange, place);
        let now_ms = plugin.now_ms(exchange);
        let report = {
            let facts =
                Facts::of_request(head.headers(), head.path(), context, exchange.metadata());
            let request = context.head(head, &facts, now_ms, self.config);
            let revision = &plugin.revision;
            match revision.waits() {
                false => revision.select(&request),
                true => Box::pin(revision.select_waiting(&request)).await,
            }
        };
        exchange.took(report.time);
        self.show_request(head, context, exchange, place, &report, Asked::Routing);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::Routing, report, context.rehearsal);
        let judged = judged.and_then(|routing| match &routing {
            Routing::Route(target) => match wish::not_served(target, context.service) {
                Some(wrong) => Err(plugin.refuse(Hook::Routing, wrong, context.rehearsal)),
                None => Ok(routing),
            },
            _ => Ok(routing),
        });
        self.count(exchange, place, made, &judged);
        exchange.write_down(|record| {
            record.called(&self.plugin.name, Hook::Routing, time, said::of_routing(&judged));
        });
        match judged {
            Err(failed) if failed.rejects => RequestOutcome::Failed(self.plugin.name.clone()),
            Err(_) | Ok(Routing::Pass) => RequestOutcome::Go,
            Ok(Routing::Respond(reply)) => RequestOutcome::Reply(Arc::unwrap_or_clone(reply)),
            Ok(Routing::Route(target)) => {
                head.apply(&target.edits);
                redirect(head, exchange, target.path.as_ref(), target.authority.as_ref());
                exchange.remember(place, target.memo, true);
                wish.narrow(target);
                RequestOutcome::Go
            }
        }
    }

    fn filter_response(
        &self,
        head: &mut impl ResponseMessage,
        context: &ResponseContext<'_>,
        exchange: &mut Exchange,
        place: usize,
    ) -> ResponseOutcome {
        let plugin = self.decider(exchange, place);
        let now_ms = plugin.now_ms(exchange);
        let report = {
            let facts = Facts::of_response(head.headers(), context, exchange.metadata());
            let response = context.head(head, &facts, now_ms, self.config);
            plugin.revision.on_response(&response, exchange.memo(place))
        };
        exchange.took(report.time);
        self.show_response(head, context, exchange, place, &report);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::ResponseFilter, report, false);
        self.count(exchange, place, made, &judged);
        exchange.write_down(|record| {
            record.called(
                &self.plugin.name,
                Hook::ResponseFilter,
                time,
                said::of_response(&judged),
            );
        });
        match judged {
            Err(failed) if failed.rejects => ResponseOutcome::Failed(self.plugin.name.clone()),
            Err(_) | Ok(ResponseVerdict::Pass) => ResponseOutcome::Go,
            Ok(ResponseVerdict::Respond(reply)) => {
                ResponseOutcome::Reply(Arc::unwrap_or_clone(reply))
            }
            Ok(ResponseVerdict::Next(patch)) => {
                if let Some(status) = patch.status {
                    head.set_status(status);
                }
                head.apply(&patch.edits);
                exchange.note(&self.plugin.name, &patch.metadata);
                exchange.want(place, Side::Response, patch.body);
                ResponseOutcome::Go
            }
        }
    }
}

/// Sends the request elsewhere, where a plugin says so.
fn redirect(
    head: &mut impl RequestMessage,
    exchange: &mut Exchange,
    path: Option<&PathAndQuery>,
    authority: Option<&Authority>,
) {
    if let Some(path) = path {
        exchange.leaves(head.path());
        head.set_path(path.clone());
    }
    if let Some(authority) = authority {
        head.set_authority(authority.clone());
    }
}
