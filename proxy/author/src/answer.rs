//! What a plugin said, as JSON that reads well and compares well: what was left as it is, is left out.

use std::fmt;

use hither_plugin_host::{
    BodyMode, Charge, ChunkVerdict, Classified, Edits, Failure, Hook, Pair, Reply, RequestPatch,
    RequestVerdict, ResponsePatch, ResponseVerdict, Routing, Target, WholeVerdict,
};
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

/// The answers of a plugin's hooks to one request, by the hooks' names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers(Map<String, Value>);

impl Answers {
    pub(crate) fn add(&mut self, hook: Hook, answer: Value) {
        self.0.insert(hook.name().to_owned(), answer);
    }

    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }
}

/// Indented JSON, with a line end.
impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string_pretty(&self.0).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

pub(crate) fn failure(failure: &Failure) -> Value {
    json!({ "failed": failure.to_string() })
}

pub(crate) fn routing(routing: &Routing) -> Value {
    match routing {
        Routing::Pass => pass(),
        Routing::Route(to) => json!({ "route": target(to) }),
        Routing::Respond(with) => json!({ "respond": reply(with) }),
    }
}

pub(crate) fn request(verdict: &RequestVerdict) -> Value {
    match verdict {
        RequestVerdict::Pass => pass(),
        RequestVerdict::Next(patch) => json!({ "next": request_patch(patch) }),
        RequestVerdict::Respond(with) => json!({ "respond": reply(with) }),
    }
}

pub(crate) fn response(verdict: &ResponseVerdict) -> Value {
    match verdict {
        ResponseVerdict::Pass => pass(),
        ResponseVerdict::Next(patch) => json!({ "next": response_patch(patch) }),
        ResponseVerdict::Respond(with) => json!({ "respond": reply(with) }),
    }
}

pub(crate) fn classified(verdict: &Classified) -> Value {
    match verdict {
        Classified::Allow => Value::String("allow".to_owned()),
        Classified::Charges(charges) => {
            json!({ "charge": charges.iter().map(charge).collect::<Vec<_>>() })
        }
        Classified::Deny(with) => json!({ "deny": reply(with) }),
    }
}

pub(crate) fn whole(verdict: &WholeVerdict) -> Value {
    match verdict {
        WholeVerdict::Next { body: None, edits } if edits.is_empty() => {
            Value::String("keep".to_owned())
        }
        WholeVerdict::Next { body, edits } => {
            let body = body.as_deref().map(|body| String::from_utf8_lossy(body).into_owned());
            json!({ "next": Value::Object(Said::default().edits(edits).some("body", body).0) })
        }
        WholeVerdict::Respond(with) => json!({ "respond": reply(with) }),
    }
}

pub(crate) fn chunk(verdict: &ChunkVerdict) -> Value {
    match verdict {
        ChunkVerdict::Keep => Value::String("keep".to_owned()),
        ChunkVerdict::Replace(bytes) => json!({ "replace": String::from_utf8_lossy(bytes) }),
        ChunkVerdict::Abort => Value::String("abort".to_owned()),
    }
}

fn charge(charge: &Charge) -> Value {
    let key = String::from_utf8_lossy(&charge.key);
    json!({ "limiter": charge.limiter, "key": key, "cost": charge.cost })
}

fn pass() -> Value {
    Value::String("pass".to_owned())
}

/// A JSON object of what is there.
#[derive(Default)]
struct Said(Map<String, Value>);

impl Said {
    fn some(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }

    fn pairs(self, name: &str, pairs: &[Pair]) -> Self {
        let texts = pairs.iter().map(|(name, value)| json!([name, value]));
        self.list(name, texts.collect())
    }

    fn list(self, name: &str, list: Vec<Value>) -> Self {
        self.some(name, (!list.is_empty()).then_some(list))
    }

    fn edits(self, edits: &Edits) -> Self {
        let remove = edits.remove.iter().map(|name| name.as_str().into()).collect();
        self.list("remove", remove)
            .list("set", fields(&edits.set))
            .list("append", fields(&edits.append))
    }

    fn body(self, mode: BodyMode) -> Self {
        self.some(
            "body",
            match mode {
                BodyMode::None => None,
                BodyMode::Buffered(most) => Some(json!({ "buffered": most })),
                BodyMode::Streamed => Some(json!("streamed")),
            },
        )
    }

    fn memo(self, memo: u64) -> Self {
        self.some("memo", (memo != 0).then_some(memo))
    }
}

fn target(to: &Target) -> Value {
    let affinity = to.affinity.as_deref().map(|key| String::from_utf8_lossy(key).into_owned());
    let said = Said::default()
        .some("service", to.service.clone())
        .pairs("require", &to.require)
        .pairs("prefer", &to.prefer)
        .some("affinity", affinity)
        .some("path", to.path.as_ref().map(ToString::to_string))
        .some("authority", to.authority.as_ref().map(ToString::to_string))
        .edits(&to.edits)
        .some("timeout", to.timeout.map(|timeout| format!("{timeout:?}")))
        .memo(to.memo);
    Value::Object(said.0)
}

fn request_patch(patch: &RequestPatch) -> Value {
    let said = Said::default()
        .edits(&patch.edits)
        .some("path", patch.path.as_ref().map(ToString::to_string))
        .some("authority", patch.authority.as_ref().map(ToString::to_string))
        .pairs("metadata", &patch.metadata)
        .body(patch.body)
        .some("response-hooks", (!patch.response_hooks).then_some(false))
        .memo(patch.memo);
    Value::Object(said.0)
}

fn response_patch(patch: &ResponsePatch) -> Value {
    let said = Said::default()
        .some("status", patch.status.map(|status| status.as_u16()))
        .edits(&patch.edits)
        .pairs("metadata", &patch.metadata)
        .body(patch.body);
    Value::Object(said.0)
}

fn reply(with: &Reply) -> Value {
    let said = Said::default()
        .some("status", Some(with.status.as_u16()))
        .list("headers", fields(&with.headers))
        .some("body", Some(String::from_utf8_lossy(&with.body).into_owned()));
    Value::Object(said.0)
}

fn fields(fields: &[(HeaderName, HeaderValue)]) -> Vec<Value> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields.iter().map(|(name, value)| json!([name.as_str(), text(value)])).collect()
}
