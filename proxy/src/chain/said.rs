//! What a plugin said, in the words of the record. Must not know what comes of it.

use super::plugin::Failed;
use super::rate_limit::Counted;
use crate::decide::{Changes, Said};
use hither_plugin_host::{
    Classified, Edits, Failover, Lookup, RequestVerdict, ResponseVerdict, Routing, Storage,
    WholeVerdict,
};
use http::uri::{Authority, PathAndQuery};

pub(super) fn of_request(judged: &Result<RequestVerdict, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(RequestVerdict::Pass) => Said::Passed,
        Ok(RequestVerdict::Respond(reply)) => Said::Answered { status: reply.status.as_u16() },
        Ok(RequestVerdict::Next(patch)) => Said::Changed {
            changes: changes(&patch.edits, patch.path.as_ref(), patch.authority.as_ref()),
        },
    }
}

pub(super) fn of_routing(judged: &Result<Routing, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(Routing::Pass) => Said::Passed,
        Ok(Routing::Respond(reply)) => Said::Answered { status: reply.status.as_u16() },
        Ok(Routing::Route(target)) => Said::Routed {
            require: target.require.clone(),
            prefer: target.prefer.clone(),
            affinity: target.affinity.is_some(),
            timeout_seconds: target.timeout.map(|timeout| timeout.as_secs_f64()),
            changes: changes(&target.edits, target.path.as_ref(), target.authority.as_ref()),
        },
    }
}

pub(super) fn of_response(judged: &Result<ResponseVerdict, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(ResponseVerdict::Pass) => Said::Passed,
        Ok(ResponseVerdict::Respond(reply)) => Said::Answered { status: reply.status.as_u16() },
        Ok(ResponseVerdict::Next(patch)) => {
            Said::Changed { changes: changes(&patch.edits, None, None) }
        }
    }
}

pub(super) fn of_limits(judged: &Result<Counted, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(Counted::Nowhere) => Said::Passed,
        Ok(Counted::Denied(reply)) => Said::Answered { status: reply.status.as_u16() },
        Ok(Counted::By { limiters, refused }) => Said::Counted {
            limiters: limiters.clone(),
            refused: refused.as_ref().map(|refused| refused.name.to_string()),
        },
    }
}

/// As long as nobody has charged the limiters.
pub(super) fn of_classes(judged: &Result<Classified, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(Classified::Allow) => Said::Passed,
        Ok(Classified::Deny(reply)) => Said::Answered { status: reply.status.as_u16() },
        Ok(Classified::Charges(charges)) => Said::Counted {
            limiters: charges.iter().map(|charge| charge.limiter.clone()).collect(),
            refused: None,
        },
    }
}

pub(super) fn of_whole(judged: &Result<WholeVerdict, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(WholeVerdict::Respond(reply)) => Said::Answered { status: reply.status.as_u16() },
        Ok(WholeVerdict::Next { body: None, edits }) if edits.is_empty() => Said::Passed,
        Ok(WholeVerdict::Next { edits, .. }) => {
            Said::Changed { changes: changes(edits, None, None) }
        }
    }
}

pub(super) fn of_failover(judged: &Result<Failover, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(Failover::ByPolicy) => Said::Passed,
        Ok(Failover::GiveUp) => Said::GaveUp,
        Ok(Failover::Retry(require)) => Said::Retried { require: require.clone() },
        Ok(Failover::Respond(reply)) => Said::Answered { status: reply.status.as_u16() },
    }
}

pub(super) fn of_lookup(judged: &Result<Lookup, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(Lookup::ByStandard) => Said::Passed,
        Ok(Lookup::Bypass) => Said::Bypassed,
        Ok(Lookup::Custom(key)) => Said::Keyed {
            own: key.primary.is_some(),
            vary: key.vary.iter().map(ToString::to_string).collect(),
        },
    }
}

pub(super) fn of_storage(judged: &Result<Storage, Failed>) -> Said {
    match judged {
        Err(failed) => of_failure(failed),
        Ok(Storage::ByStandard) => Said::Passed,
        Ok(Storage::Store(_)) => Said::Kept { kept: true },
        Ok(Storage::DoNotStore | Storage::HitForMiss(_)) => Said::Kept { kept: false },
    }
}

fn of_failure(failed: &Failed) -> Said {
    Said::Failed { why: failed.why.to_string(), rejects: failed.rejects }
}

/// Values of fields are left out: they may be secrets.
fn changes(edits: &Edits, path: Option<&PathAndQuery>, authority: Option<&Authority>) -> Changes {
    let mut headers: Vec<String> = Vec::new();
    let set = edits.set.iter().chain(&edits.append).map(|(name, _)| name);
    for name in edits.remove.iter().chain(set) {
        if !headers.iter().any(|known| known == name.as_str()) {
            headers.push(name.as_str().to_owned());
        }
    }
    Changes {
        headers,
        path: path.map(|path| path.as_str().to_owned()),
        host: authority.map(|authority| authority.as_str().to_owned()),
    }
}
