//! Which limiters count a request, by its plugins' rate-limit hooks. It counts nothing itself.

use super::inputs::Facts;
use super::plugin::Failed;
use super::shadow::Asked;
use super::trial::Made;
use super::{Exchange, Link, RequestContext, RequestMessage, RequestOutcome, said};
use crate::rollout::How;
use crate::snapshot::{Refused, Way};
use hither_limit::Check;
use hither_plugin_host::{Charge, Classified, Hook};

impl Link {
    pub(super) async fn limit(
        &self,
        head: &impl RequestMessage,
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
                false => revision.classify(&request),
                true => Box::pin(revision.classify_waiting(&request)).await,
            }
        };
        exchange.took(report.time);
        self.show_request(head, context, exchange, place, &report, Asked::Limits);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::RateLimit, report, context.rehearsal);
        let judged = judged.and_then(|classified| match classified {
            Classified::Allow => Ok(Counted::Nowhere),
            Classified::Deny(reply) => Ok(Counted::Denied(reply)),
            Classified::Charges(charges) => {
                let refused = charge(&charges, context).map_err(|unknown| {
                    plugin.refuse(Hook::RateLimit, unknown.to_string(), context.rehearsal)
                })?;
                let limiters = charges.into_iter().map(|charge| charge.limiter).collect();
                Ok(Counted::By { limiters, refused: refused.err() })
            }
        });
        self.count_as(exchange, place, made, || how(&judged));
        exchange.write_down(|record| {
            record.called(&self.plugin.name, Hook::RateLimit, time, said::of_limits(&judged));
        });
        match judged {
            Err(failed) if failed.rejects => RequestOutcome::Failed(self.plugin.name.clone()),
            Ok(Counted::Denied(reply)) => RequestOutcome::Reply(reply),
            Ok(Counted::By { refused: Some(refused), .. }) => RequestOutcome::Limited(refused),
            Err(_) | Ok(Counted::Nowhere | Counted::By { .. }) => RequestOutcome::Go,
        }
    }
}

fn how(judged: &Result<Counted, Failed>) -> How {
    match judged {
        Err(_) => How::Failed,
        Ok(Counted::By { refused: Some(_), .. }) => How::Rejected,
        Ok(Counted::Denied(reply)) if reply.status.as_u16() >= 400 => How::Rejected,
        Ok(Counted::Nowhere | Counted::By { .. } | Counted::Denied(_)) => How::Passed,
    }
}

/// What came of a classification.
pub(super) enum Counted {
    Nowhere,
    By { limiters: Vec<String>, refused: Option<Refused> },
    Denied(hither_plugin_host::Reply),
}

/// All or none; in a rehearsal none, but it is said what would be.
fn charge(
    charges: &[Charge],
    context: &RequestContext<'_>,
) -> Result<Result<(), Refused>, hither_limit::UnknownName> {
    let checks: Vec<Check<'_>> = charges
        .iter()
        .map(|Charge { limiter, key, cost }| Check { limit: limiter, key, cost: *cost })
        .collect();
    let way = if context.rehearsal { Way::Peek } else { Way::Take };
    context.limiters.ask(&checks, way)
}
