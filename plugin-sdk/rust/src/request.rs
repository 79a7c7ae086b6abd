//! Requests, responses and finished exchanges as hooks see them, with the declared inputs found by name.

use std::ops::Deref;

use crate::bindings::imports::hither::plugin::types;

impl types::Method {
    /// As it is written in a request, such as `GET`.
    pub fn name(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other(name) => name,
        }
    }
}

/// A request. Its plain parts are fields: `method`, `path`, `authority`, `exchange`, `now_ms`, ...
#[derive(Debug)]
pub struct Request {
    raw: types::Request,
    declared: &'static [&'static str],
}

/// A response's head. Its plain parts are fields: `status`, `from_cache`, `exchange`, ...
#[derive(Debug)]
pub struct Response {
    raw: types::Response,
    declared: &'static [&'static str],
}

/// A finished exchange. Its plain parts are fields: `status`, `service`, `instance`, `duration_us`, ...
#[derive(Debug)]
pub struct Summary {
    raw: types::Summary,
    declared: &'static [&'static str],
}

impl Deref for Summary {
    type Target = types::Summary;

    fn deref(&self) -> &types::Summary {
        &self.raw
    }
}

impl Deref for Request {
    type Target = types::Request;

    fn deref(&self) -> &types::Request {
        &self.raw
    }
}

impl Deref for Response {
    type Target = types::Response;

    fn deref(&self) -> &types::Response {
        &self.raw
    }
}

macro_rules! inputs {
    ($type:ident, $raw:ty, $list:literal) => {
        impl $type {
            pub(crate) fn new(raw: $raw, declared: &'static [&'static str]) -> Self {
                Self { raw, declared }
            }

            /// The first value of a declared header, when it is there and is text.
            ///
            /// # Panics
            #[doc = concat!("When `header:NAME` is not among ", $list, ": the host would never give it.")]
            pub fn header(&self, name: &str) -> Option<&str> {
                let is_it = |declared: &str| declared.strip_prefix("header:") == Some(name);
                text(self.values_of(slot(self.declared, is_it, "header:", name)).next())
            }

            /// The first value of any declared input, by its name as declared without the `?`, when it
            /// is there and is text.
            ///
            /// # Panics
            #[doc = concat!("When it is not among ", $list, ".")]
            pub fn input(&self, name: &str) -> Option<&str> {
                text(self.values(name).next())
            }

            /// Every value of a declared input: one for each field line, cookie or parameter.
            ///
            /// # Panics
            #[doc = concat!("When it is not among ", $list, ".")]
            pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
                self.values_of(slot(self.declared, |declared| declared == name, "", name))
            }

            fn values_of(&self, slot: usize) -> impl Iterator<Item = &[u8]> {
                let of_slot = move |input: &&types::Input| usize::from(input.slot) == slot;
                self.raw.inputs.iter().filter(of_slot).map(|input| &*input.value)
            }
        }
    };
}

inputs!(Request, types::Request, "`REQUEST_INPUTS`");
inputs!(Response, types::Response, "`RESPONSE_INPUTS`");
inputs!(Summary, types::Summary, "`REQUEST_INPUTS`");

fn text(value: Option<&[u8]>) -> Option<&str> {
    value.and_then(|value| std::str::from_utf8(value).ok())
}

/// The place of a declared input.
#[allow(
    clippy::panic,
    reason = "a plugin that reads what it never declared is wrong in every call"
)]
fn slot(declared: &[&str], is_it: impl Fn(&str) -> bool, kind: &str, name: &str) -> usize {
    let found = declared.iter().position(|one| is_it(one.strip_suffix('?').unwrap_or(one)));
    match found {
        Some(slot) => slot,
        None => panic!("`{kind}{name}` is read, but is not among the declared inputs"),
    }
}
