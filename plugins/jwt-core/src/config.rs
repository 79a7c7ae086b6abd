//! The configuration of both plugins, as in their `schema.json`. Which part of it each of them takes is theirs
//! to say.

use std::collections::BTreeMap;

use hither_plugin::config::{FieldName, Span};
use serde::Deserialize;

use crate::key::RawKey;

/// What an operator writes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    pub(crate) keys: Vec<RawKey>,
    /// Where an issuer publishes its keys; of `jwt-jwks` only.
    #[serde(default)]
    pub jwks: Option<Jwks>,
    /// Read by the host as well, which delivers the header that it names.
    #[serde(default)]
    pub(crate) header: Option<FieldName>,
    /// The same for a cookie; without it none is looked at.
    #[serde(default)]
    pub(crate) cookie: Option<String>,
    #[serde(default = "yes")]
    pub(crate) require: bool,
    #[serde(default)]
    pub(crate) issuers: Vec<String>,
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
    #[serde(default = "exp")]
    pub(crate) required: Vec<String>,
    #[serde(default = "leeway")]
    pub(crate) leeway: Span,
    /// The claim for each header.
    #[serde(default)]
    pub(crate) forward: BTreeMap<FieldName, String>,
    #[serde(default)]
    pub(crate) meta: Vec<String>,
    #[serde(default)]
    pub(crate) strip: bool,
    #[serde(default = "max_token")]
    pub(crate) max_token: usize,
    #[serde(default = "realm")]
    pub(crate) realm: String,
}

/// Where an issuer publishes its keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    /// A service that the plugin may call.
    pub service: String,
    /// The path there.
    pub path: String,
    /// How long they are used before they are fetched again.
    #[serde(default = "lifetime")]
    pub lifetime: Span,
    /// How long they are used where they cannot be.
    #[serde(default = "stale")]
    pub stale: Span,
    /// They are fetched at most once in this time, whatever tokens come.
    #[serde(default = "interval")]
    pub interval: Span,
}

fn yes() -> bool {
    true
}

fn exp() -> Vec<String> {
    vec!["exp".to_owned()]
}

fn leeway() -> Span {
    Span::seconds(30)
}

fn max_token() -> usize {
    8 << 10
}

fn realm() -> String {
    "api".to_owned()
}

fn lifetime() -> Span {
    Span::seconds(600)
}

fn stale() -> Span {
    Span::seconds(3600)
}

fn interval() -> Span {
    Span::seconds(30)
}
