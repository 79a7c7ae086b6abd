//! What a plugin's answer means, in types that can be applied without failing: a verdict that exists
//! has been judged. It knows neither guests nor the message that a verdict is applied to.

use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::recall::Verdict;

/// A name with a value, such as a label or a piece of metadata.
pub type Pair = (String, String);

/// Changes of header fields. None of them names a field that frames the message or belongs to the
/// connection (RFC 9110 section 7.6.1): those are the host's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Edits {
    /// Taken out first, in every repetition.
    pub remove: Vec<HeaderName>,
    /// Then put in place of every field of that name. A name that is set twice keeps both values.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Then added beside what is there.
    pub append: Vec<(HeaderName, HeaderValue)>,
}

impl Edits {
    /// Whether there is nothing to change.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.set.is_empty() && self.append.is_empty()
    }

    /// Changes these headers, in the order that `wit/types.wit` gives: remove, set, append.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in self.remove.iter().chain(self.set.iter().map(|(name, _)| name)) {
            headers.remove(name);
        }
        for (name, value) in self.set.iter().chain(&self.append) {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// An answer that a plugin gives in the upstream's place. The host frames the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub status: StatusCode,
    /// Its headers, without framing.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Empty with 204 and 304.
    pub body: Vec<u8>,
}

/// Where a request may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routing {
    /// Wherever it would have gone.
    Pass,
    /// Only there.
    Route(Arc<Target>),
    /// Nowhere: this is the answer.
    Respond(Arc<Reply>),
}

/// The narrowing of a routing plugin.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// Another service; whether it exists and is granted is for the caller to see.
    pub service: Option<String>,
    /// Only instances bearing all of these labels.
    pub require: Vec<Pair>,
    /// Tried first, in this order, while not full.
    pub prefer: Vec<Pair>,
    /// Same key, same instance while it is open.
    pub affinity: Option<Vec<u8>>,
    /// A new path and query, in origin form.
    pub path: Option<PathAndQuery>,
    /// A new authority.
    pub authority: Option<Authority>,
    /// Changes of the request's headers.
    pub edits: Edits,
    /// Deadline of the whole attempt, queue included; at least 1 ms.
    pub timeout: Option<Duration>,
    /// For this plugin's later hooks of the same exchange.
    pub memo: u64,
}

/// What a request filter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestVerdict {
    /// As it is.
    Pass,
    /// Changed.
    Next(Arc<RequestPatch>),
    /// Not at all: this is the answer.
    Respond(Arc<Reply>),
}

/// Changes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPatch {
    /// Changes of its headers.
    pub edits: Edits,
    /// A new path and query, in origin form.
    pub path: Option<PathAndQuery>,
    /// A new authority.
    pub authority: Option<Authority>,
    /// For later plugins and the access log.
    pub metadata: Vec<Pair>,
    /// How much of the request's body the plugin wants.
    pub body: BodyMode,
    /// False: this plugin's response hooks are not called for this exchange.
    pub response_hooks: bool,
    /// For this plugin's later hooks of the same exchange.
    pub memo: u64,
}

/// What a response filter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseVerdict {
    /// As it is.
    Pass,
    /// Changed.
    Next(Arc<ResponsePatch>),
    /// Thrown away: this is the answer.
    Respond(Arc<Reply>),
}

/// Changes of a response's head.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponsePatch {
    /// Another status, 200 to 599.
    pub status: Option<StatusCode>,
    /// Changes of its headers.
    pub edits: Edits,
    /// For later plugins and the access log.
    pub metadata: Vec<Pair>,
    /// How much of the response's body the plugin wants.
    pub body: BodyMode,
}

/// How much of a body a plugin wants to see. Whoever asks for any exports the hook for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyMode {
    /// Nothing.
    #[default]
    None,
    /// All of it at once, with the head held back meanwhile; at most so many bytes.
    Buffered(u32),
    /// Each piece as it passes.
    Streamed,
}

/// What a plugin says of a whole body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WholeVerdict {
    /// The message goes on.
    Next {
        /// Another body in its place.
        body: Option<Vec<u8>>,
        /// Changes of its headers.
        edits: Edits,
    },
    /// Thrown away: this is the answer.
    Respond(Reply),
}

/// What a plugin says of a piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkVerdict {
    /// As it is.
    Keep,
    /// Other bytes in its place; none is allowed.
    Replace(Vec<u8>),
    /// The message ends here, and whoever receives it can tell that it is not whole.
    Abort,
}

/// What a plugin says of an attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failover {
    /// As the service's retry policy has it.
    ByPolicy,
    /// It is not repeated.
    GiveUp,
    /// It is repeated where that is safe and allowed, on an instance that bears these labels.
    Retry(Vec<Pair>),
    /// It is not repeated: this is the answer.
    Respond(Reply),
}

impl Verdict for Routing {
    fn weight(&self) -> usize {
        match self {
            Self::Pass => 0,
            Self::Route(target) => {
                let text = target.service.as_ref().map_or(0, String::len)
                    + target.path.as_ref().map_or(0, |path| path.as_str().len())
                    + target.authority.as_ref().map_or(0, |authority| authority.as_str().len())
                    + target.affinity.as_ref().map_or(0, Vec::len);
                let pairs = weight_of_pairs(&target.require) + weight_of_pairs(&target.prefer);
                text + pairs + target.edits.weight()
            }
            Self::Respond(reply) => reply.weight(),
        }
    }
}

impl Verdict for RequestVerdict {
    fn weight(&self) -> usize {
        match self {
            Self::Pass => 0,
            Self::Next(patch) => {
                let text = patch.path.as_ref().map_or(0, |path| path.as_str().len())
                    + patch.authority.as_ref().map_or(0, |authority| authority.as_str().len());
                text + weight_of_pairs(&patch.metadata) + patch.edits.weight()
            }
            Self::Respond(reply) => reply.weight(),
        }
    }
}

impl Verdict for ResponseVerdict {
    fn weight(&self) -> usize {
        match self {
            Self::Pass => 0,
            Self::Next(patch) => weight_of_pairs(&patch.metadata) + patch.edits.weight(),
            Self::Respond(reply) => reply.weight(),
        }
    }
}

impl Edits {
    fn weight(&self) -> usize {
        let removed: usize = self.remove.iter().map(|name| name.as_str().len()).sum();
        removed + weight_of_fields(&self.set) + weight_of_fields(&self.append)
    }
}

impl Reply {
    fn weight(&self) -> usize {
        self.body.len() + weight_of_fields(&self.headers)
    }
}

fn weight_of_pairs(pairs: &[Pair]) -> usize {
    pairs.iter().map(|(name, value)| name.len() + value.len()).sum()
}

fn weight_of_fields(fields: &[(HeaderName, HeaderValue)]) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_applied_in_the_order_of_the_contract() {
        let name = HeaderName::from_static;
        let value = HeaderValue::from_static;
        let mut headers = HeaderMap::new();
        headers.append("x-a", value("1"));
        headers.append("x-a", value("2"));
        headers.append("x-b", value("1"));
        let edits = Edits {
            remove: vec![name("x-b")],
            set: vec![(name("x-a"), value("3")), (name("x-a"), value("4"))],
            append: vec![(name("x-b"), value("2")), (name("x-a"), value("5"))],
        };
        edits.apply(&mut headers);
        let a: Vec<_> = headers.get_all("x-a").iter().collect();
        assert_eq!(a, ["3", "4", "5"]);
        assert_eq!(headers.get_all("x-b").iter().collect::<Vec<_>>(), ["2"]);
    }
}
