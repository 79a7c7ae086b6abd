//! A new revision beside the one that serves, as the links of a chain see it: a canary decides some exchanges
//! whole, a shadow is shown copies.

use super::compare::{self, Verdict};
use super::inputs::Facts;
use super::message::{RequestContext, RequestMessage, ResponseContext, ResponseMessage};
use super::plugin::{Failed, Plugin};
use super::shadow::{Asked, Queue, Watcher};
use super::{Exchange, Link};
use crate::rollout::{Call, How, Identity, Rollout, Which};
use hither_plugin_host::{
    Classified, Hook, KeptRequest, Report, RequestVerdict, ResponseVerdict, Routing, Shadow,
};
use std::sync::Arc;
use std::time::Duration;

/// A new revision beside the one that serves.
pub(crate) struct Trial {
    /// The new one.
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) rollout: Arc<Rollout>,
    /// Who is shown copies; none: a canary.
    watcher: Option<Watcher>,
}

/// What is counted of a call beside its verdict; taken before the verdict is judged.
#[derive(Clone, Copy)]
pub(super) struct Made(Option<Duration>);

impl Made {
    pub(super) fn of<T>(report: &Report<T>) -> Made {
        Made(report.called_for().filter(|_| !report.fresh))
    }
}

impl Trial {
    /// The new one decides a share of the exchanges.
    pub(super) fn canary(old: &Plugin, new: Arc<Plugin>, rollout: Arc<Rollout>) -> Trial {
        rollout.between(identity(old), identity(&new));
        Trial { plugin: new, rollout, watcher: None }
    }

    /// The new one is shown copies, on a thread of its own.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(super) fn shadow(
        old: &Plugin,
        new: Arc<Plugin>,
        shadow: Shadow,
        rollout: Arc<Rollout>,
    ) -> std::io::Result<Trial> {
        rollout.between(identity(old), identity(&new));
        let watcher = Watcher::start(new.clone(), shadow, rollout.clone())?;
        Ok(Trial { plugin: new, rollout, watcher: Some(watcher) })
    }

    /// Whether it serves some exchanges.
    pub(crate) fn is_canary(&self) -> bool {
        self.watcher.is_none()
    }

    /// Whether it decides the exchange that is beginning.
    fn draws(&self) -> bool {
        let share = self.rollout.plan.kind.share();
        share.is_some_and(|share| share.takes(fastrand::u8(..100)))
    }

    /// A call has ended that either of the two decided.
    pub(super) fn count(&self, which: Which, how: How, Made(time): Made) {
        if self.is_canary() {
            self.rollout.count(which, Call { how, time });
        }
    }
}

fn identity(plugin: &Plugin) -> Identity {
    let digest = plugin.revision.loaded().digest().to_owned();
    Identity { revision: plugin.revision.id(), digest }
}

impl Link {
    /// An exchange comes to this plugin: chooses, for all its hooks, who decides it. Somebody who only asks is
    /// told what the one says that serves most.
    pub(super) fn choose(&self, exchange: &mut Exchange, place: usize, rehearsal: bool) {
        if self.trial.as_ref().is_some_and(|trial| !rehearsal && trial.draws()) {
            exchange.try_new(place);
        }
    }

    /// Which revision decides this exchange.
    pub(super) fn which(&self, exchange: &Exchange, place: usize) -> Which {
        match &self.trial {
            Some(_) if exchange.tries_new(place) => Which::New,
            _ => Which::Old,
        }
    }

    /// The revision that decides this exchange.
    pub(super) fn decider(&self, exchange: &Exchange, place: usize) -> &Arc<Plugin> {
        match &self.trial {
            Some(trial) if exchange.tries_new(place) => &trial.plugin,
            _ => &self.plugin,
        }
    }

    /// Whether any revision that may decide an exchange, or is shown copies of it, has this hook.
    pub(super) fn serves(&self, hook: Hook) -> bool {
        self.plugin.serves(hook) || self.trial.as_ref().is_some_and(|t| t.plugin.serves(hook))
    }

    /// Counts a call, where two revisions are compared by their exchanges.
    pub(super) fn count<T: Verdict>(
        &self,
        exchange: &Exchange,
        place: usize,
        made: Made,
        judged: &Result<T, Failed>,
    ) {
        self.count_as(exchange, place, made, || compare::how(judged));
    }

    /// The same where it is known how it ended.
    pub(super) fn count_as(
        &self,
        exchange: &Exchange,
        place: usize,
        made: Made,
        how: impl FnOnce() -> How,
    ) {
        if let Some(trial) = &self.trial {
            trial.count(self.which(exchange, place), how(), made);
        }
    }

    fn watcher(&self) -> Option<(&Arc<Plugin>, &Arc<Queue>)> {
        let trial = self.trial.as_ref()?;
        Some((&trial.plugin, trial.watcher.as_ref()?.queue()))
    }

    /// Copies a request and what was said of it, for a shadow.
    pub(super) fn show_request<T: Verdict>(
        &self,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        place: usize,
        report: &Report<T>,
        asked: impl FnOnce(KeptRequest, Report<T>) -> Asked,
    ) {
        let Some((plugin, queue)) = self.watcher().filter(|_| !context.rehearsal) else { return };
        if !queue.has_room() {
            return;
        }
        let now_ms = Some(exchange.now_ms());
        let copy = {
            let facts =
                Facts::of_request(head.headers(), head.path(), context, exchange.metadata());
            let head = context.head(head, &facts, now_ms, self.config);
            plugin.revision.keep_request(&head)
        };
        let size = copy.size() + weight(report);
        if let Some(held) = Queue::hold(queue, size) {
            exchange.copy(place, queue, held, asked(copy, report.clone()));
        }
    }

    /// Copies a request for a shadow with a hook that the one which serves does not have: it passed.
    pub(super) fn show_unasked(
        &self,
        hook: Hook,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        place: usize,
    ) {
        if !self.serves(hook) {
            return;
        }
        match hook {
            Hook::RateLimit => {
                let passed = Report::not_asked(Classified::Allow);
                self.show_request(head, context, exchange, place, &passed, Asked::Limits);
            }
            Hook::RequestFilter => {
                let passed = Report::not_asked(RequestVerdict::Pass);
                self.show_request(head, context, exchange, place, &passed, Asked::Request);
            }
            Hook::Routing => {
                let passed = Report::not_asked(Routing::Pass);
                self.show_request(head, context, exchange, place, &passed, Asked::Routing);
            }
            _ => {}
        }
    }

    /// The same of a response.
    pub(super) fn show_response(
        &self,
        head: &impl ResponseMessage,
        context: &ResponseContext<'_>,
        exchange: &mut Exchange,
        place: usize,
        report: &Report<ResponseVerdict>,
    ) {
        let Some((plugin, queue)) = self.watcher() else { return };
        if !queue.has_room() {
            return;
        }
        let now_ms = Some(exchange.now_ms());
        let copy = {
            let facts = Facts::of_response(head.headers(), context, exchange.metadata());
            plugin.revision.keep_response(&context.head(head, &facts, now_ms, self.config))
        };
        let size = copy.size() + weight(report);
        if let Some(held) = Queue::hold(queue, size) {
            exchange.copy(place, queue, held, Asked::Response(copy, report.clone()));
        }
    }
}

fn weight<T: Verdict>(report: &Report<T>) -> usize {
    report.outcome.as_ref().map_or(0, Verdict::weight)
}
