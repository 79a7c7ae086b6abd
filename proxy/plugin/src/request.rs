//! A request or response as the caller describes it, borrowed, and the inputs that a plugin asked for,
//! read out of it only when a call needs them.

use std::borrow::Cow;
use std::time::Duration;

use http::{Method, StatusCode};
use smallvec::SmallVec;

use crate::contract::exports::hither::plugin::failover;
use crate::contract::hither::plugin::types;
use crate::input::InputName;

/// The protocol that the client spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "protocols by their names")]
pub enum Protocol {
    Http10,
    Http11,
    Http2,
    Http3,
}

/// A request, as the plugin's hooks see it.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The same number in every hook of one request.
    pub exchange: u64,
    /// Milliseconds since the Unix epoch, taken once per request.
    pub now_ms: u64,
    /// Which configuration applies.
    pub config: u32,
    /// Somebody only asks what would be said: how the call ends does not count in the breaker. What
    /// the plugin does meanwhile (logs, stores, measures) is done.
    pub rehearsal: bool,
    /// The method.
    pub method: &'a Method,
    /// What the client spoke.
    pub protocol: Protocol,
    /// Whether the client asks over TLS, at this edge or at a trusted proxy before it.
    pub tls: bool,
    /// No body follows.
    pub end_of_stream: bool,
    /// Host, and port where one was given.
    pub authority: &'a str,
    /// Path with query.
    pub path: &'a str,
    /// Whatever else the plugin declared.
    pub inputs: &'a dyn Inputs,
}

/// A response, as the plugin's hooks see it.
#[derive(Clone, Copy)]
pub struct ResponseHead<'a> {
    /// As in the request.
    pub exchange: u64,
    /// As in the request.
    pub now_ms: u64,
    /// Which configuration applies.
    pub config: u32,
    /// The status.
    pub status: StatusCode,
    /// Whether the cache gave it.
    pub from_cache: bool,
    /// No body follows.
    pub end_of_stream: bool,
    /// Whatever else the plugin declared.
    pub inputs: &'a dyn Inputs,
}

/// A try of an instance that failed.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Which try of the request it was, from 1.
    pub number: u32,
    /// The instance that was tried.
    pub instance: &'a str,
    /// What it answered, where it did.
    pub status: Option<StatusCode>,
    /// What went wrong, where it did not.
    pub error: Option<&'a str>,
    /// How long the try took.
    pub elapsed: Duration,
}

impl<'a> Attempt<'a> {
    pub(crate) fn lowered(&self) -> failover::Attempt<'a> {
        failover::Attempt {
            number: self.number,
            instance: self.instance,
            status: self.status.map(|status| status.as_u16()),
            error: self.error,
            elapsed_ms: u32::try_from(self.elapsed.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

/// Where declared inputs come from. `InputName::Header` is a field of the message at hand: of the
/// request in request hooks, of the response in response hooks.
pub trait Inputs: Sync {
    /// Pushes every value of this input, none when it is absent.
    fn read<'a>(&'a self, name: &InputName, values: &mut Values<'a>);
}

/// Takes the values of one input after another.
pub struct Values<'a> {
    slot: u16,
    values: SmallVec<[(u16, Cow<'a, [u8]>); 8]>,
}

impl<'a> Values<'a> {
    /// One more value of the input that was asked for: a field line, a cookie, an address as text.
    pub fn push(&mut self, value: impl Into<Cow<'a, [u8]>>) {
        self.values.push((self.slot, value.into()));
    }

    pub(crate) fn read(inputs: &'a dyn Inputs, names: &[Option<InputName>]) -> Self {
        let mut values = Self { slot: 0, values: SmallVec::new() };
        for (slot, name) in (0..).zip(names) {
            // None: an optional name that this host does not know, so it is always absent.
            if let Some(name) = name {
                values.slot = slot;
                inputs.read(name, &mut values);
            }
        }
        values
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = (u16, Cow<'a, [u8]>)> {
        self.values.into_iter()
    }

    /// Each value, with the place of its input in the manifest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.values.iter().map(|(slot, value)| (*slot, &**value))
    }

    #[cfg(test)]
    pub(crate) fn given(values: impl Iterator<Item = (u16, Vec<u8>)>) -> Values<'static> {
        let values = values.map(|(slot, value)| (slot, Cow::Owned(value))).collect();
        Values { slot: 0, values }
    }

    pub(crate) fn lowered(&self) -> SmallVec<[types::Input<'_>; 8]> {
        self.iter().map(|(slot, value)| types::Input { slot, value }).collect()
    }
}

impl<'a> RequestHead<'a> {
    /// As a plugin sees it that goes by its declared inputs alone.
    pub(crate) fn blank(&self) -> RequestHead<'a> {
        RequestHead {
            exchange: 0,
            now_ms: 0,
            config: self.config,
            rehearsal: self.rehearsal,
            method: &Method::GET,
            protocol: Protocol::Http11,
            tls: false,
            end_of_stream: false,
            authority: "",
            path: "",
            inputs: self.inputs,
        }
    }

    pub(crate) fn lowered<'b>(&'b self, inputs: &'b [types::Input<'b>]) -> types::Request<'b> {
        types::Request {
            exchange: self.exchange,
            now_ms: self.now_ms,
            config: self.config,
            method: lower_method(self.method),
            protocol: match self.protocol {
                Protocol::Http10 => types::Protocol::Http10,
                Protocol::Http11 => types::Protocol::Http11,
                Protocol::Http2 => types::Protocol::Http2,
                Protocol::Http3 => types::Protocol::Http3,
            },
            tls: self.tls,
            end_of_stream: self.end_of_stream,
            authority: self.authority,
            path: self.path,
            inputs,
        }
    }
}

impl ResponseHead<'_> {
    /// As a plugin sees it that goes by status, memo and its declared inputs alone.
    pub(crate) fn blank(&self) -> ResponseHead<'_> {
        ResponseHead {
            exchange: 0,
            now_ms: 0,
            config: self.config,
            status: self.status,
            from_cache: false,
            end_of_stream: false,
            inputs: self.inputs,
        }
    }

    pub(crate) fn lowered<'a>(&self, inputs: &'a [types::Input<'a>]) -> types::Response<'a> {
        types::Response {
            exchange: self.exchange,
            now_ms: self.now_ms,
            config: self.config,
            status: self.status.as_u16(),
            from_cache: self.from_cache,
            end_of_stream: self.end_of_stream,
            inputs,
        }
    }
}

fn lower_method(method: &Method) -> types::MethodParam<'_> {
    match *method {
        Method::GET => types::MethodParam::Get,
        Method::HEAD => types::MethodParam::Head,
        Method::POST => types::MethodParam::Post,
        Method::PUT => types::MethodParam::Put,
        Method::DELETE => types::MethodParam::Delete,
        Method::CONNECT => types::MethodParam::Connect,
        Method::OPTIONS => types::MethodParam::Options,
        Method::TRACE => types::MethodParam::Trace,
        Method::PATCH => types::MethodParam::Patch,
        ref other => types::MethodParam::Other(other.as_str()),
    }
}
