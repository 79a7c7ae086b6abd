//! Two verdicts on one message: whether they come to the same, and in what they differ where they do not. Pure.
//! What only the plugin itself understands, its memo, is no difference; nor is whether nothing is said in one
//! word or in several.

use super::plugin::Failed;
use super::said;
use crate::decide::Said;
use crate::rollout::{Compared, How, Likeness};
use hither_plugin_host::{
    BodyMode, Classified, Edits, Failover, Reply, RequestPatch, RequestVerdict, ResponsePatch,
    ResponseVerdict, Routing, Target,
};
use http::{HeaderName, HeaderValue};
use std::collections::BTreeSet;

/// What can be compared.
pub(super) trait Verdict: Clone {
    /// Parts in which they differ, named for a report.
    fn differs(&self, other: &Self) -> Vec<String>;
    /// The answer that it gives in the upstream's place.
    fn reply(&self) -> Option<&Reply>;
    /// In words that hold no secret.
    fn said(judged: &Result<Self, Failed>) -> Said;
    /// About how many bytes it holds.
    fn weight(&self) -> usize {
        self.reply().map_or(0, |reply| reply.body.len())
    }
}

/// How a call ended, as rollouts count it.
pub(super) fn how<T: Verdict>(judged: &Result<T, Failed>) -> How {
    match judged {
        Err(_) => How::Failed,
        Ok(verdict) if verdict.reply().is_some_and(|reply| reply.status.as_u16() >= 400) => {
            How::Rejected
        }
        Ok(_) => How::Passed,
    }
}

/// Compares what two revisions said of one message.
pub(super) fn compare<T: Verdict>(old: &Result<T, Failed>, new: &Result<T, Failed>) -> Compared {
    let differs = match (old, new) {
        (Ok(old), Ok(new)) => old.differs(new),
        // The policy is the same for both, and so is what comes of it.
        (Err(_), Err(_)) => Vec::new(),
        _ => part("failure", false),
    };
    if differs.is_empty() {
        let (old, new) = (String::new(), String::new());
        return Compared { likeness: Likeness::Equal, old, new, differs };
    }
    let words = |judged| serde_json::to_string(&T::said(judged)).unwrap_or_default();
    Compared { likeness: Likeness::Different, old: words(old), new: words(new), differs }
}

impl Verdict for RequestVerdict {
    fn differs(&self, other: &Self) -> Vec<String> {
        let (Some(old), Some(new)) = (request_patch(self), request_patch(other)) else {
            return replies(self.reply(), other.reply());
        };
        [
            edits(&old.edits, &new.edits),
            part("path", old.path == new.path),
            part("host", old.authority == new.authority),
            part("metadata", old.metadata == new.metadata),
            part("body", old.body == new.body),
            part("response-hooks", old.response_hooks == new.response_hooks),
        ]
        .concat()
    }

    fn reply(&self) -> Option<&Reply> {
        match self {
            RequestVerdict::Respond(reply) => Some(reply),
            RequestVerdict::Pass | RequestVerdict::Next(_) => None,
        }
    }

    fn said(judged: &Result<Self, Failed>) -> Said {
        said::of_request(judged)
    }
}

fn request_patch(verdict: &RequestVerdict) -> Option<RequestPatch> {
    match verdict {
        RequestVerdict::Respond(_) => None,
        RequestVerdict::Next(patch) => Some(RequestPatch::clone(patch)),
        RequestVerdict::Pass => Some(RequestPatch {
            edits: Edits::default(),
            path: None,
            authority: None,
            metadata: Vec::new(),
            body: BodyMode::None,
            response_hooks: true,
            memo: 0,
        }),
    }
}

impl Verdict for Routing {
    fn differs(&self, other: &Self) -> Vec<String> {
        let (Some(old), Some(new)) = (target(self), target(other)) else {
            return replies(self.reply(), other.reply());
        };
        [
            part("service", old.service == new.service),
            part("require", old.require == new.require),
            part("prefer", old.prefer == new.prefer),
            part("affinity", old.affinity == new.affinity),
            part("path", old.path == new.path),
            part("host", old.authority == new.authority),
            edits(&old.edits, &new.edits),
            part("timeout", old.timeout == new.timeout),
        ]
        .concat()
    }

    fn reply(&self) -> Option<&Reply> {
        match self {
            Routing::Respond(reply) => Some(reply),
            Routing::Pass | Routing::Route(_) => None,
        }
    }

    fn said(judged: &Result<Self, Failed>) -> Said {
        said::of_routing(judged)
    }
}

fn target(routing: &Routing) -> Option<Target> {
    match routing {
        Routing::Respond(_) => None,
        Routing::Route(target) => Some(Target::clone(target)),
        Routing::Pass => Some(Target::default()),
    }
}

impl Verdict for ResponseVerdict {
    fn differs(&self, other: &Self) -> Vec<String> {
        let (Some(old), Some(new)) = (response_patch(self), response_patch(other)) else {
            return replies(self.reply(), other.reply());
        };
        [
            part("status", old.status == new.status),
            edits(&old.edits, &new.edits),
            part("metadata", old.metadata == new.metadata),
            part("body", old.body == new.body),
        ]
        .concat()
    }

    fn reply(&self) -> Option<&Reply> {
        match self {
            ResponseVerdict::Respond(reply) => Some(reply),
            ResponseVerdict::Pass | ResponseVerdict::Next(_) => None,
        }
    }

    fn said(judged: &Result<Self, Failed>) -> Said {
        said::of_response(judged)
    }
}

fn response_patch(verdict: &ResponseVerdict) -> Option<ResponsePatch> {
    match verdict {
        ResponseVerdict::Respond(_) => None,
        ResponseVerdict::Next(patch) => Some(ResponsePatch::clone(patch)),
        ResponseVerdict::Pass => Some(ResponsePatch::default()),
    }
}

impl Verdict for Classified {
    fn differs(&self, other: &Self) -> Vec<String> {
        match (self, other) {
            (Classified::Deny(old), Classified::Deny(new)) => replies(Some(old), Some(new)),
            (Classified::Deny(_), _) | (_, Classified::Deny(_)) => part("verdict", false),
            _ => part("limiters", charges(self) == charges(other)),
        }
    }

    fn reply(&self) -> Option<&Reply> {
        match self {
            Classified::Deny(reply) => Some(reply),
            Classified::Allow | Classified::Charges(_) => None,
        }
    }

    fn said(judged: &Result<Self, Failed>) -> Said {
        said::of_classes(judged)
    }
}

fn charges(classified: &Classified) -> &[hither_plugin_host::Charge] {
    match classified {
        Classified::Charges(charges) => charges,
        Classified::Allow | Classified::Deny(_) => &[],
    }
}

impl Verdict for Failover {
    fn differs(&self, other: &Self) -> Vec<String> {
        match (self, other) {
            (Failover::Respond(old), Failover::Respond(new)) => replies(Some(old), Some(new)),
            (Failover::Retry(old), Failover::Retry(new)) => part("require", old == new),
            (old, new) => part("verdict", old == new),
        }
    }

    fn reply(&self) -> Option<&Reply> {
        match self {
            Failover::Respond(reply) => Some(reply),
            Failover::ByPolicy | Failover::GiveUp | Failover::Retry(_) => None,
        }
    }

    fn said(judged: &Result<Self, Failed>) -> Said {
        said::of_failover(judged)
    }
}

fn part(name: &str, same: bool) -> Vec<String> {
    if same { Vec::new() } else { vec![name.to_owned()] }
}

/// At least one of two verdicts is an answer.
fn replies(old: Option<&Reply>, new: Option<&Reply>) -> Vec<String> {
    let (Some(old), Some(new)) = (old, new) else { return part("verdict", false) };
    let fields = |reply: &Reply| Edits { append: reply.headers.clone(), ..Edits::default() };
    [
        part("status", old.status == new.status),
        edits(&fields(old), &fields(new)),
        part("body", old.body == new.body),
    ]
    .concat()
}

/// Names of the fields that are not changed alike.
fn edits(old: &Edits, new: &Edits) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let names = |edits: &Edits| -> BTreeSet<String> {
        let given = edits.set.iter().chain(&edits.append).map(|(name, _)| name);
        edits.remove.iter().chain(given).map(|name| name.as_str().to_owned()).collect()
    };
    let all = names(old).into_iter().chain(names(new)).collect::<BTreeSet<_>>();
    all.into_iter()
        .filter(|name| of_field(old, name) != of_field(new, name))
        .map(|name| format!("header {name}"))
        .collect()
}

/// What is done to one field.
fn of_field<'a>(
    edits: &'a Edits,
    name: &str,
) -> (bool, Vec<&'a HeaderValue>, Vec<&'a HeaderValue>) {
    let values = |fields: &'a [(HeaderName, HeaderValue)]| {
        let named = fields.iter().filter(|(known, _)| known.as_str() == name);
        named.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let (set, append) = (values(&edits.set), values(&edits.append));
    // What is set is removed first, said or not.
    let removed = !set.is_empty() || edits.remove.iter().any(|known| known.as_str() == name);
    (removed, set, append)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hither_plugin_host::{Charge, Failure};
    use http::StatusCode;
    use std::sync::Arc;

    fn setting(name: &'static str, value: &'static str, memo: u64) -> RequestVerdict {
        let set = vec![(HeaderName::from_static(name), HeaderValue::from_static(value))];
        let Some(patch) = request_patch(&RequestVerdict::Pass) else { unreachable!() };
        RequestVerdict::Next(Arc::new(RequestPatch {
            edits: Edits { set, ..Edits::default() },
            memo,
            ..patch
        }))
    }

    fn reply(status: u16) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        Reply { status, headers: Vec::new(), body: b"no".to_vec() }
    }

    fn failed<T>() -> Result<T, Failed> {
        Err(Failed { why: Failure::Timeout, rejects: true })
    }

    #[test]
    fn what_comes_to_the_same_is_equal() {
        let equal = |a: RequestVerdict, b: RequestVerdict| a.differs(&b).is_empty();
        let Some(nothing) = request_patch(&RequestVerdict::Pass) else { unreachable!() };
        assert!(equal(RequestVerdict::Pass, RequestVerdict::Next(Arc::new(nothing))));
        assert!(equal(setting("x-a", "1", 1), setting("x-a", "1", 2)), "memos are the plugin's");
        assert!(Routing::Pass.differs(&Routing::Route(Arc::default())).is_empty());
        assert!(Classified::Allow.differs(&Classified::Charges(Vec::new())).is_empty());
        let compared = compare::<RequestVerdict>(&failed(), &failed());
        assert_eq!(compared.likeness, Likeness::Equal);
    }

    #[test]
    fn a_difference_is_named_and_its_values_are_not() {
        let compared =
            compare(&Ok(setting("x-token", "secret-1", 0)), &Ok(setting("x-token", "secret-2", 0)));
        assert_eq!(compared.differs, ["header x-token"]);
        let told = format!("{compared:?}");
        assert!(told.contains("x-token") && !told.contains("secret"), "{told}");

        let answered = RequestVerdict::Respond(Arc::new(reply(403)));
        let compared = compare(&Ok(RequestVerdict::Pass), &Ok(answered.clone()));
        assert_eq!(compared.differs, ["verdict"]);
        assert!(compared.new.contains("403"), "{compared:?}");
        let other = RequestVerdict::Respond(Arc::new(reply(401)));
        assert_eq!(answered.differs(&other), ["status"]);
        assert_eq!(compare(&Ok(RequestVerdict::Pass), &failed()).differs, ["failure"]);
        let charge = Charge { limiter: "a".to_owned(), key: Vec::new(), cost: 1 };
        let charged = Classified::Charges(vec![charge]);
        assert_eq!(Classified::Allow.differs(&charged), ["limiters"]);
        assert_eq!(Failover::GiveUp.differs(&Failover::ByPolicy), ["verdict"]);
    }

    #[test]
    fn only_an_answer_that_turns_away_is_a_reject() {
        let respond = |status| Ok(RequestVerdict::Respond(Arc::new(reply(status))));
        assert_eq!(how(&respond(403)), How::Rejected);
        assert_eq!(how(&respond(302)), How::Passed);
        assert_eq!(how::<Routing>(&failed()), How::Failed);
        assert_eq!(how(&Ok(Routing::Pass)), How::Passed);
    }
}
