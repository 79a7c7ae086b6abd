//! What plugins say of the cache: under which key a request is looked up, and whether its answer is kept. The
//! first that does not leave it to the standard counts. A plugin whose failure means refusal has the cache
//! passed by, which refuses nobody anything.

use super::inputs::Facts;
use super::plugin::Failed;
use super::trial::Made;
use super::{
    Chain, Exchange, Link, RequestContext, RequestMessage, ResponseContext, ResponseMessage, said,
};
use crate::rollout::How;
use hither_cache::Given;
use hither_plugin_host::{Hook, Lookup, Storage};
use http::HeaderName;
use smallvec::SmallVec;
use std::time::Duration;

/// What plugins noted at the lookup for the same exchange's answer, by their places.
pub(crate) type Memos = SmallVec<[(usize, u64); 1]>;

/// What plugins say of a request's key.
#[derive(Clone, Default)]
pub(crate) struct Keyed {
    /// In place of path and query.
    pub(crate) primary: Option<Vec<u8>>,
    /// Request fields by which answers differ, besides those that they name.
    pub(crate) vary: Vec<HeaderName>,
    /// For the answer.
    pub(crate) memos: Memos,
}

/// What plugins say of an answer.
pub(crate) enum Keep {
    /// RFC 9111 decides.
    ByStandard,
    /// It is not kept.
    Not,
    /// It is not, nor will others like it be for so long.
    NotFor(Duration),
    /// It is.
    Given(Given),
}

impl Chain {
    /// Whether any plugin is asked about the cache.
    pub(crate) fn governs_cache(&self) -> bool {
        self.governs_cache
    }

    /// Under which key the request is looked up; none: the cache is neither asked nor filled.
    pub(crate) fn on_lookup(
        &self,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
    ) -> Option<Keyed> {
        let mut keyed = Keyed::default();
        let mut said = false;
        for (place, link) in self.links.iter().enumerate().take(exchange.reached()) {
            if !link.governs(exchange, place) {
                continue;
            }
            let memo = match link.on_lookup(head, context, exchange, place) {
                Lookup::Bypass => return None,
                Lookup::ByStandard => 0,
                Lookup::Custom(key) => {
                    if !std::mem::replace(&mut said, true) {
                        (keyed.primary, keyed.vary) = (key.primary, key.vary);
                    }
                    key.memo
                }
            };
            keyed.memos.push((place, memo));
        }
        Some(keyed)
    }

    /// Whether the answer is kept.
    pub(crate) fn on_store(
        &self,
        head: &impl ResponseMessage,
        context: &ResponseContext<'_>,
        exchange: &mut Exchange,
        memos: &Memos,
    ) -> Keep {
        for (place, memo) in memos {
            let Some(link) = self.links.get(*place) else { continue };
            return match link.on_store(head, context, exchange, *place, *memo) {
                Storage::ByStandard => continue,
                Storage::DoNotStore => Keep::Not,
                Storage::HitForMiss(time) => Keep::NotFor(time),
                Storage::Store(wanted) => Keep::Given(Given {
                    ttl: wanted.ttl,
                    stale_while_revalidate: wanted.stale_while_revalidate,
                    stale_if_error: wanted.stale_if_error,
                    tags: wanted.tags,
                }),
            };
        }
        Keep::ByStandard
    }
}

impl Link {
    fn governs(&self, exchange: &Exchange, place: usize) -> bool {
        exchange.passed_over(place) == Some(false)
            && self.decider(exchange, place).serves(Hook::CachePolicy)
    }

    fn on_lookup(
        &self,
        head: &impl RequestMessage,
        context: &RequestContext<'_>,
        exchange: &mut Exchange,
        place: usize,
    ) -> Lookup {
        let plugin = self.decider(exchange, place);
        let now_ms = plugin.now_ms(exchange);
        let report = {
            let facts =
                Facts::of_request(head.headers(), head.path(), context, exchange.metadata());
            plugin.revision.on_lookup(&context.head(head, &facts, now_ms, self.config))
        };
        exchange.took(report.time);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::CachePolicy, report, context.rehearsal);
        self.count_as(exchange, place, made, || how(&judged));
        exchange.write_down(|record| {
            record.called(&self.plugin.name, Hook::CachePolicy, time, said::of_lookup(&judged));
        });
        match judged {
            Ok(said) => said,
            Err(failed) if failed.rejects => Lookup::Bypass,
            Err(_) => Lookup::ByStandard,
        }
    }

    fn on_store(
        &self,
        head: &impl ResponseMessage,
        context: &ResponseContext<'_>,
        exchange: &mut Exchange,
        place: usize,
        memo: u64,
    ) -> Storage {
        let plugin = self.decider(exchange, place);
        let now_ms = plugin.now_ms(exchange);
        let report = {
            let facts = Facts::of_response(head.headers(), context, exchange.metadata());
            plugin.revision.on_store(&context.head(head, &facts, now_ms, self.config), memo)
        };
        exchange.took(report.time);
        let (time, made) = (report.called_for(), Made::of(&report));
        let judged = plugin.judge(Hook::CachePolicy, report, false);
        self.count_as(exchange, place, made, || how(&judged));
        exchange.write_down(|record| {
            record.called(&self.plugin.name, Hook::CachePolicy, time, said::of_storage(&judged));
        });
        match judged {
            Ok(said) => said,
            Err(failed) if failed.rejects => Storage::DoNotStore,
            Err(_) => Storage::ByStandard,
        }
    }
}

fn how<T>(judged: &Result<T, Failed>) -> How {
    if judged.is_ok() { How::Passed } else { How::Failed }
}
