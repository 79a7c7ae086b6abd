//! What an explanation says of the cache: whether the request has to do with it, and what is kept.

use super::answer::{Outcome, Told};
use crate::chain::{Exchange, RequestContext, RequestMessage};
use crate::decide::{self, Asker, Cached, Failure, Hop, Lookup};
use crate::fault::Fault;
use crate::snapshot::Service;
use hither_cache::{Cache, Look, Pass, Reuse};
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What a request has to do with the cache of its service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "snake_case")]
pub(crate) enum CacheLine {
    /// It passes by.
    Passes { why: String },
    /// It is looked up; `by_plugin`: under a key that a plugin gave.
    LooksUp { by_plugin: bool, kept: Option<Kept>, on_disk: bool },
}

/// A response that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    pub(crate) age_seconds: f64,
    /// Less than nothing: it is stale since then.
    pub(crate) fresh_seconds: f64,
    /// `fresh`, `stale_as_wished`, `stale_while_revalidated`, `to_be_validated`, `unfit`.
    pub(crate) is: String,
}

/// Whose request it is.
pub(super) struct Seeker<'a> {
    pub(super) cache: &'a Cache,
    pub(super) service: &'a Service,
    pub(super) hop: Hop,
}

impl Seeker<'_> {
    /// The line; and how it ends, if that is with the cache.
    pub(super) fn look<'a>(
        &self,
        head: &Parts,
        context: impl FnOnce() -> RequestContext<'a>,
        exchange: &mut Exchange,
    ) -> (Option<CacheLine>, Option<Told>) {
        if self.service.cache.is_none() {
            return (None, None);
        }
        let asker = Asker {
            service: self.service,
            hop: self.hop,
            bodiless: super::question::is_bodyless(head),
            keyed: None,
        };
        match decide::cached(head, asker, context, exchange) {
            Cached::Passed(pass) => (Some(CacheLine::Passes { why: why(pass).to_owned() }), None),
            Cached::Bypassed => {
                (Some(CacheLine::Passes { why: "a plugin wants it so".to_owned() }), None)
            }
            Cached::Asked(lookup) => {
                let (line, ends) = self.look_up(head, &lookup);
                (Some(line), ends)
            }
        }
    }

    fn look_up(&self, head: &Parts, lookup: &Lookup) -> (CacheLine, Option<Told>) {
        let Lookup { ask, keyed, primary, .. } = lookup;
        let seen = self.cache.look(primary, ask, &keyed.vary, head.headers(), Instant::now());
        let by_plugin = keyed.primary.is_some();
        let on_disk = seen == Look::OnDisk;
        let mut ends = None;
        let kept = match seen {
            Look::Nothing | Look::OnDisk => None,
            Look::Kept { status, reuse, age, rest } => {
                let fresh_seconds = match rest {
                    Ok(rest) => rest.as_secs_f64(),
                    Err(since) => -since.as_secs_f64(),
                };
                let (is, given) = word(reuse);
                let (status, age_seconds) = (status.as_u16(), age.as_secs_f64());
                if given {
                    ends = Some(Told::ended(Outcome::Kept { status, age_seconds }));
                }
                Some(Kept { status, age_seconds, fresh_seconds, is: is.to_owned() })
            }
        };
        if ends.is_none() && !on_disk && ask.wants.only_if_cached {
            // RFC 9111 section 5.2.1.7.
            ends = Some(Told::ended(Outcome::refused(&Failure::from(Fault::NotCached))));
        }
        (CacheLine::LooksUp { by_plugin, kept, on_disk }, ends)
    }
}

/// Its word, and whether it is given without a question to an instance.
fn word(reuse: Reuse) -> (&'static str, bool) {
    match reuse {
        Reuse::Fresh => ("fresh", true),
        Reuse::Wished => ("stale_as_wished", true),
        Reuse::WhileRevalidating => ("stale_while_revalidated", true),
        Reuse::Validate => ("to_be_validated", false),
        Reuse::Unfit => ("unfit", false),
    }
}

fn why(pass: Pass) -> &'static str {
    match pass {
        Pass::Method => "its method is neither GET nor HEAD",
        Pass::Body => "it brings a body, which no key has",
        Pass::Upgrade => "it asks for another protocol",
        Pass::Condition => "only an instance can tell whether its condition holds",
        Pass::Override => "it bears a field by which some servers take it for another request",
        Pass::NoStore => "it says no-store",
    }
}
