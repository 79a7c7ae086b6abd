//! What plugins say of an attempt that failed: the first that does not leave it to the policy counts. The
//! policy's own bounds are not theirs to move.

use super::inputs::Facts;
use super::shadow::{Asked, KeptAttempt};
use super::trial::Made;
use super::{Chain, Exchange, Link, RequestContext, RequestMessage, said};
use hither_plugin_host::{Attempt, Failover, Hook, Pair, Reply, Report};
use std::sync::Arc;

/// What becomes of a failed attempt.
#[derive(Debug)]
pub(crate) enum FailoverOutcome {
    /// What the service's retry policy says.
    ByPolicy,
    /// It is not repeated.
    GiveUp,
    /// It is repeated, if that is safe and allowed, where these labels are.
    Retry(Vec<Pair>),
    /// The client is told this.
    Reply(Reply),
    /// This plugin failed and its policy is to reject.
    Failed(Arc<str>),
}

impl Chain {
    /// Whether any plugin is asked about failed attempts.
    pub(crate) fn watches_attempts(&self) -> bool {
        self.watches_attempts
    }

    /// Asks the plugins that have to do with this exchange, in order.
    pub(crate) fn on_failure(
        &self,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        attempt: &Attempt<'_>,
    ) -> FailoverOutcome {
        for (place, link) in self.links.iter().enumerate().take(exchange.reached()) {
            if exchange.passed_over(place) != Some(false) {
                continue;
            }
            if !link.decider(exchange, place).serves(Hook::Failover) {
                let passed = Report::not_asked(Failover::ByPolicy);
                link.show_attempt(head, context, exchange, attempt, place, &passed);
                continue;
            }
            let outcome = link.on_failure(head, context, exchange, attempt, place);
            if !matches!(outcome, FailoverOutcome::ByPolicy) {
                return outcome;
            }
        }
        FailoverOutcome::ByPolicy
    }
}

impl Link {
    fn show_attempt(
        &self,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        attempt: &Attempt<'_>,
        place: usize,
        report: &Report<Failover>,
    ) {
        self.show_request(head, context, exchange, place, report, |copy, report| {
            Asked::Failover(copy, KeptAttempt::of(attempt), report)
        });
    }

    fn on_failure(
        &self,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        attempt: &Attempt<'_>,
        place: usize,
    ) -> FailoverOutcome {
        let plugin = self.decider(exchange, place);
        let now_ms = plugin.now_ms(exchange);
        let report = {
            let facts =
                Facts::of_request(head.headers(), head.path(), context, exchange.metadata());
            let request = context.head(head, &facts, now_ms, self.config);
            plugin.revision.on_failure(&request, exchange.memo(place), attempt)
        };
        exchange.took(report.time);
        self.show_attempt(head, context, exchange, attempt, place, &report);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::Failover, report, context.rehearsal);
        self.count(exchange, place, made, &judged);
        exchange.write_down(|record| {
            record.called(&self.plugin.name, Hook::Failover, time, said::of_failover(&judged));
        });
        match judged {
            Err(failed) if failed.rejects => FailoverOutcome::Failed(self.plugin.name.clone()),
            Err(_) | Ok(Failover::ByPolicy) => FailoverOutcome::ByPolicy,
            Ok(Failover::GiveUp) => FailoverOutcome::GiveUp,
            Ok(Failover::Retry(labels)) => FailoverOutcome::Retry(labels),
            Ok(Failover::Respond(reply)) => FailoverOutcome::Reply(reply),
        }
    }
}
