//! Rewrites paths, redirects, and replaces text in bodies as they pass. Of bodies it takes only the types that
//! are named, and only what is in no coding.

mod body;
mod replace;
mod rule;

use std::cell::RefCell;

use body::Bodies;
use hither_plugin::{
    Body, ChunkVerdict, Edits, Plugin, Reply, Request, RequestBody, RequestFilter, RequestPatch,
    RequestVerdict, Response, ResponseBody, ResponseFilter, ResponsePatch, ResponseVerdict,
    WholeVerdict, configured, plugin,
};
use replace::{Texts, TooMuch};
use rule::{Outcome, RawRule, Rule};
use serde::Deserialize;

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    rules: Vec<RawRule>,
    #[serde(default)]
    request: Option<body::RawBodies>,
    #[serde(default)]
    response: Option<body::RawBodies>,
}

/// The plugin.
#[derive(Debug)]
pub struct Rewrite {
    rules: Vec<Rule>,
    request: Option<Bodies>,
    response: Option<Bodies>,
}

#[plugin(request_filter, request_body, response_filter, response_body)]
impl Plugin for Rewrite {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] =
        &["header:content-type", "header:content-encoding"];
    const RESPONSE_INPUTS: &'static [&'static str] = &[
        "header:content-type",
        "header:content-encoding",
        "header:content-range",
        "header:cache-control",
        "header:etag",
    ];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        let rule = |(place, raw): (usize, RawRule)| {
            raw.read().map_err(|why| format!("rule {} in `rules`: {why}", place + 1))
        };
        let bodies = |name, raw: Option<body::RawBodies>| {
            raw.map(|raw| raw.read().map_err(|why| format!("`{name}`: {why}"))).transpose()
        };
        Ok(Self {
            rules: config.rules.into_iter().enumerate().map(rule).collect::<Result<_, _>>()?,
            request: bodies("request", config.request)?,
            response: bodies("response", config.response)?,
        })
    }
}

impl RequestFilter for Rewrite {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let mut patch = RequestPatch::default();
        match self.rules.iter().find_map(|rule| rule.apply(&request.method, &request.path)) {
            Some(Outcome::Redirect(reply)) => return reply.into(),
            Some(Outcome::TooLong) => {
                return Reply::problem(414, "URI Too Long", "the path has become too long").into();
            }
            Some(Outcome::Path(path)) => patch = patch.path(path),
            None => {}
        }
        let taken = self.request.as_ref().filter(|bodies| {
            !request.end_of_stream
                && bodies.takes(request.header("content-type"), request.header("content-encoding"))
        });
        patch = match taken.map(|bodies| bodies.whole) {
            Some(Some(most)) => patch.whole_body(most),
            Some(None) => patch.body_chunks(),
            None => patch,
        };
        if self.response.is_some() {
            // A part of a body cannot be changed as the whole would be.
            patch = patch.edit(Edits::default().remove("range").remove("if-range"));
        } else {
            patch = patch.without_response_hooks();
        }
        // The body hooks find the configuration by it.
        patch.memo(u64::from(request.config)).into()
    }
}

impl ResponseFilter for Rewrite {
    fn on_response(&self, response: &Response, _: u64) -> ResponseVerdict {
        let whole_one = response.status != 206 && response.header("content-range").is_none();
        let taken = self.response.as_ref().filter(|bodies| {
            whole_one
                && bodies
                    .takes(response.header("content-type"), response.header("content-encoding"))
                && !body::must_stay(response.values("header:cache-control"))
        });
        let Some(bodies) = taken else { return ResponseVerdict::Pass };
        let patch = ResponsePatch::default().edit(body::edits(response.header("etag")));
        match bodies.whole {
            Some(most) => patch.whole_body(most),
            None => patch.body_chunks(),
        }
        .into()
    }
}

thread_local! {
    /// The end of what has passed of a body, in which a match may have begun.
    static CARRIED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Rewrite {
    fn whole(
        side: fn(&Self) -> Option<&Texts>,
        about: Body,
        body: &[u8],
        much: Reply,
    ) -> WholeVerdict {
        let changed = |rewrite: &Self| side(rewrite).map(|texts| texts.whole(body));
        match ask(about, changed) {
            Some(Ok(Some(body))) => WholeVerdict::Replace(body),
            Some(Ok(None)) | None => WholeVerdict::Keep,
            Some(Err(TooMuch)) => much.into(),
        }
    }

    fn chunk(
        side: fn(&Self) -> Option<&Texts>,
        about: Body,
        data: &[u8],
        last: bool,
    ) -> ChunkVerdict {
        let changed = |rewrite: &Self| {
            CARRIED.with_borrow_mut(|carried| {
                side(rewrite).map(|texts| texts.piece(carried, data, last))
            })
        };
        match ask(about, changed) {
            Some(Ok(Some(data))) => ChunkVerdict::Replace(data),
            Some(Ok(None)) | None => ChunkVerdict::Keep,
            Some(Err(TooMuch)) => ChunkVerdict::Abort,
        }
    }
}

/// The memo is the number of the configuration.
fn ask<R>(about: Body, ask: impl FnOnce(&Rewrite) -> Option<R>) -> Option<R> {
    configured(u32::try_from(about.memo).ok()?, ask).flatten()
}

fn of_request(rewrite: &Rewrite) -> Option<&Texts> {
    rewrite.request.as_ref().map(|bodies| &bodies.texts)
}

fn of_response(rewrite: &Rewrite) -> Option<&Texts> {
    rewrite.response.as_ref().map(|bodies| &bodies.texts)
}

impl RequestBody for Rewrite {
    fn on_whole_request(about: Body, body: Vec<u8>) -> WholeVerdict {
        let much = Reply::problem(413, "Content Too Large", "the changed body is too large");
        Self::whole(of_request, about, &body, much)
    }

    fn on_request_chunk(about: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        Self::chunk(of_request, about, &data, last)
    }
}

impl ResponseBody for Rewrite {
    fn on_whole_response(about: Body, body: Vec<u8>) -> WholeVerdict {
        let much = Reply::problem(502, "Bad Gateway", "the changed body is too large");
        Self::whole(of_response, about, &body, much)
    }

    fn on_response_chunk(about: Body, data: Vec<u8>, last: bool) -> ChunkVerdict {
        Self::chunk(of_response, about, &data, last)
    }
}

#[cfg(test)]
mod tests;
