//! Decides what the HTTP cache keeps, under which key and for how long: queries that differ in nothing that
//! matters share a key, some paths and cookies pass the cache by, and rules say how long an answer is kept
//! and by which tags it is purged.

mod query;
mod template;

use hither_plugin::config::{FieldName, PathPattern, Span};
use hither_plugin::{
    CachePolicy, Freshness, Key, Lookup, Method, Plugin, Request, Response, Storage, plugin,
};
use query::Query;
use serde::Deserialize;
use template::{Tag, Template};

/// The contract's bounds.
const LONGEST_KEY: usize = 4 << 10;
const LONGEST_TAG: usize = 256;
const MOST_VARY: usize = 16;

/// In the memo: the request bears credentials, so its answer is one client's (RFC 9111 section 3.5).
const CREDENTIALS: u64 = 1;

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    query: Option<Query>,
    #[serde(default)]
    vary: Vec<FieldName>,
    #[serde(default)]
    bypass: Bypass,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// What passes the cache by.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bypass {
    #[serde(default)]
    paths: Vec<PathPattern>,
    #[serde(default)]
    cookies: Vec<String>,
}

/// How long some answers are kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    path: Template,
    #[serde(default = "ok")]
    statuses: Vec<u16>,
    ttl: Span,
    #[serde(default = "none")]
    stale_while_revalidate: Span,
    #[serde(default = "none")]
    stale_if_error: Span,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    force: bool,
}

fn ok() -> Vec<u16> {
    vec![200]
}

fn none() -> Span {
    Span::seconds(0)
}

/// The plugin.
#[derive(Debug)]
pub struct CacheRules(Config);

#[plugin(cache_policy)]
impl Plugin for CacheRules {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &["header:cookie", "header:authorization"];
    const RESPONSE_INPUTS: &'static [&'static str] =
        &["request.path", "header:cache-control", "header:set-cookie", "header:vary"];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        if config.vary.len() > MOST_VARY {
            return Err(format!("`vary` names at most {MOST_VARY} headers"));
        }
        for rule in &config.rules {
            rule.tags.iter().try_for_each(|tag| rule.path.has_all_of(tag))?;
        }
        Ok(Self(config))
    }
}

impl CachePolicy for CacheRules {
    fn on_lookup(&self, request: &Request) -> Lookup {
        let Config { query, vary, bypass, .. } = &self.0;
        if !matches!(request.method, Method::Get | Method::Head) {
            return Lookup::ByStandard;
        }
        if bypass.paths.iter().any(|path| path.covers(&request.path)) || bypass.shown_by(request) {
            return Lookup::Bypass;
        }
        let bears_credentials = request.values("header:authorization").next().is_some();
        if query.is_none() && vary.is_empty() && !bears_credentials {
            return Lookup::ByStandard;
        }
        let mut key = Key::standard().memo(if bears_credentials { CREDENTIALS } else { 0 });
        if let Some(query) = query {
            let primary = query.normalise(&request.path);
            if primary.len() > LONGEST_KEY {
                return Lookup::Bypass;
            }
            key = key.primary(primary);
        }
        vary.iter().fold(key, |key, header| key.vary(&**header)).into()
    }

    fn on_store(&self, response: &Response, memo: u64) -> Storage {
        let path = response.input("request.path").unwrap_or_default();
        let fitting = |rule: &&Rule| rule.statuses.contains(&response.status);
        let found = self.0.rules.iter().filter(fitting).find_map(|rule| {
            let captured = rule.path.captures(path)?;
            Some((rule, captured))
        });
        let Some((rule, captured)) = found else { return Storage::ByStandard };
        if rule.ttl.is_zero() {
            return Storage::DoNotStore;
        }
        if memo & CREDENTIALS != 0 || (!rule.force && is_for_one(response)) {
            return Storage::ByStandard;
        }
        let mut freshness = Freshness::new(*rule.ttl)
            .stale_while_revalidate(*rule.stale_while_revalidate)
            .stale_if_error(*rule.stale_if_error);
        for tag in &rule.tags {
            let tag = tag.fill(&captured);
            // Kept without it, it would outlive a purge.
            if tag.len() > LONGEST_TAG {
                return Storage::DoNotStore;
            }
            freshness = freshness.tag(tag);
        }
        freshness.into()
    }
}

impl Bypass {
    fn shown_by(&self, request: &Request) -> bool {
        let pairs =
            || request.values("header:cookie").flat_map(|value| value.split(|byte| *byte == b';'));
        let is_there = |name: &String| {
            pairs().any(|pair| {
                let rest = pair.trim_ascii().strip_prefix(name.as_bytes());
                rest.is_some_and(|rest| rest.first() == Some(&b'='))
            })
        };
        self.cookies.iter().any(is_there)
    }
}

/// Whether an answer says that it is not for everybody, or that nobody can tell for whom it is.
fn is_for_one(response: &Response) -> bool {
    let lists = |input: &str, words: &[&str]| {
        response.values(input).flat_map(|value| value.split(|byte| *byte == b',')).any(|word| {
            let name = word.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
            words.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        })
    };
    lists("header:cache-control", &["no-store", "no-cache", "private"])
        || lists("header:vary", &["*"])
        || response.values("header:set-cookie").next().is_some()
}

#[cfg(test)]
mod tests;
