//! Builders for what hooks return. The host checks every name and value again.

use std::time::Duration;

use crate::{
    BodyMode, Check, Decision, Edits, FailoverDecision, Field, Freshness, Key, Lookup, Pair,
    RateVerdict, Reply, RequestPatch, RequestVerdict, ResponsePatch, ResponseVerdict, Storage,
    Target, WholeVerdict,
};

fn field(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Field {
    Field { name: name.into(), value: value.into() }
}

fn pair(name: impl Into<String>, value: impl Into<String>) -> Pair {
    Pair { name: name.into(), value: value.into() }
}

#[allow(clippy::derivable_impls, reason = "the type is generated")]
impl Default for Edits {
    fn default() -> Self {
        Self { remove: Vec::new(), set: Vec::new(), append: Vec::new() }
    }
}

impl Edits {
    /// Takes every field of this name out.
    #[must_use]
    pub fn remove(mut self, name: impl Into<String>) -> Self {
        self.remove.push(name.into());
        self
    }

    /// Puts one field in place of every field of this name.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.set.push(field(name, value));
        self
    }

    /// Adds a field beside what is there.
    #[must_use]
    pub fn append(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.append.push(field(name, value));
        self
    }
}

impl Reply {
    /// An answer with this status, between 200 and 599.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A refusal in the form of the proxy's own (RFC 9457): `title` names its kind, `detail` says why this
    /// one. No cache keeps it.
    pub fn problem(status: u16, title: &str, detail: &str) -> Self {
        let body = serde_json::json!({
            "type": "about:blank", "title": title, "status": status, "detail": detail,
        });
        Self::new(status)
            .header("content-type", "application/problem+json")
            .header("cache-control", "no-store")
            .body(format!("{body}\n"))
    }

    /// Adds a header. Framing is the host's.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(field(name, value));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

impl Default for Target {
    /// Any instance of the matched service, unchanged.
    fn default() -> Self {
        Self {
            service: None,
            require: Vec::new(),
            prefer: Vec::new(),
            affinity: Vec::new(),
            path: None,
            authority: None,
            edits: None,
            timeout_ms: None,
            memo: 0,
        }
    }
}

impl Target {
    /// Another service, which the operator must have granted.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Only instances bearing this label.
    #[must_use]
    pub fn require(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.require.push(pair(label, value));
        self
    }

    /// Instances bearing this label first, in the order of these calls, while they are not full.
    #[must_use]
    pub fn prefer(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.prefer.push(pair(label, value));
        self
    }

    /// Same key, same instance while it is open.
    #[must_use]
    pub fn affinity(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.affinity = key.into();
        self
    }

    /// Another path, with its query.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Another authority.
    #[must_use]
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Changes of the request's headers.
    #[must_use]
    pub fn edit(mut self, edits: Edits) -> Self {
        self.edits = Some(edits);
        self
    }

    /// Deadline of the whole attempt, queue included.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Handed to this plugin's later hooks of the same exchange.
    #[must_use]
    pub fn memo(mut self, memo: u64) -> Self {
        self.memo = memo;
        self
    }
}

impl Default for RequestPatch {
    /// No change.
    fn default() -> Self {
        Self {
            edits: None,
            path: None,
            authority: None,
            metadata: Vec::new(),
            body: BodyMode::None,
            response_hooks: true,
            memo: 0,
        }
    }
}

impl RequestPatch {
    /// Changes of the request's headers.
    #[must_use]
    pub fn edit(mut self, edits: Edits) -> Self {
        self.edits = Some(edits);
        self
    }

    /// Another path, with its query.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Another authority.
    #[must_use]
    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// Something for later plugins (`meta:PLUGIN.KEY`) and the access log.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push(pair(key, value));
        self
    }

    /// Handed to this plugin's later hooks of the same exchange.
    #[must_use]
    pub fn memo(mut self, memo: u64) -> Self {
        self.memo = memo;
        self
    }

    /// This plugin's response hooks are not called for this exchange.
    #[must_use]
    pub fn without_response_hooks(mut self) -> Self {
        self.response_hooks = false;
        self
    }

    /// All of the body at once, if it has at most so many bytes; a larger one is refused with 413.
    #[must_use]
    pub fn whole_body(mut self, most: u32) -> Self {
        self.body = BodyMode::Buffered(most);
        self
    }

    /// The body piece by piece, as it passes.
    #[must_use]
    pub fn body_chunks(mut self) -> Self {
        self.body = BodyMode::Streamed;
        self
    }
}

impl Default for ResponsePatch {
    /// No change.
    fn default() -> Self {
        Self { status: None, edits: None, metadata: Vec::new(), body: BodyMode::None }
    }
}

impl ResponsePatch {
    /// Another status, between 200 and 599.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// All of the body at once, if it has at most so many bytes; a larger one is refused with 502.
    #[must_use]
    pub fn whole_body(mut self, most: u32) -> Self {
        self.body = BodyMode::Buffered(most);
        self
    }

    /// The body piece by piece, as it passes.
    #[must_use]
    pub fn body_chunks(mut self) -> Self {
        self.body = BodyMode::Streamed;
        self
    }

    /// Changes of the response's headers.
    #[must_use]
    pub fn edit(mut self, edits: Edits) -> Self {
        self.edits = Some(edits);
        self
    }

    /// Something for later plugins and the access log.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push(pair(key, value));
        self
    }
}

impl From<Target> for Decision {
    fn from(target: Target) -> Self {
        Self::Route(target)
    }
}

impl From<Reply> for Decision {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

impl From<RequestPatch> for RequestVerdict {
    fn from(patch: RequestPatch) -> Self {
        Self::Next(patch)
    }
}

impl From<Reply> for RequestVerdict {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

impl From<ResponsePatch> for ResponseVerdict {
    fn from(patch: ResponsePatch) -> Self {
        Self::Next(patch)
    }
}

impl From<Reply> for ResponseVerdict {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

impl Check {
    /// One unit of a limiter that the operator lent, under this key.
    pub fn new(limiter: impl Into<String>, key: impl Into<Vec<u8>>) -> Self {
        Self { limiter: limiter.into(), key: key.into(), cost: 1 }
    }

    /// So many units.
    #[must_use]
    pub fn cost(mut self, cost: u32) -> Self {
        self.cost = cost;
        self
    }
}

impl From<Check> for RateVerdict {
    fn from(check: Check) -> Self {
        Self::Checks(vec![check])
    }
}

impl From<Reply> for RateVerdict {
    fn from(reply: Reply) -> Self {
        Self::Deny(reply)
    }
}

impl Key {
    /// The standard key.
    pub fn standard() -> Self {
        Self { primary: Vec::new(), vary: Vec::new(), memo: 0 }
    }

    /// This in place of path and query. Scheme and authority stay part of the key.
    #[must_use]
    pub fn primary(mut self, primary: impl Into<Vec<u8>>) -> Self {
        self.primary = primary.into();
        self
    }

    /// Apart by this request header, too.
    #[must_use]
    pub fn vary(mut self, header: impl Into<String>) -> Self {
        self.vary.push(header.into());
        self
    }

    /// For [`on_store`](crate::CachePolicy::on_store) of the same exchange.
    #[must_use]
    pub fn memo(mut self, memo: u64) -> Self {
        self.memo = memo;
        self
    }
}

impl From<Key> for Lookup {
    fn from(key: Key) -> Self {
        Self::CustomKey(key)
    }
}

impl Freshness {
    /// Fresh for so long.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl_ms: millis(ttl),
            stale_while_revalidate_ms: 0,
            stale_if_error_ms: 0,
            tags: Vec::new(),
        }
    }

    /// Then served for so long while it is fetched anew.
    #[must_use]
    pub fn stale_while_revalidate(mut self, time: Duration) -> Self {
        self.stale_while_revalidate_ms = millis(time);
        self
    }

    /// Then served for so long while it cannot be fetched.
    #[must_use]
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.stale_if_error_ms = millis(time);
        self
    }

    /// By which it can be purged.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

impl From<Freshness> for Storage {
    fn from(freshness: Freshness) -> Self {
        Self::Store(freshness)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl From<Reply> for WholeVerdict {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

impl From<Reply> for FailoverDecision {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}
