//! What is written down of a request for whoever asks why: which service, what limits and plugins
//! said, where each attempt went. A request that nobody asks about has no record.

use crate::route::{HostMatch, Match};
use crate::snapshot::Standing;
use hither_balance::{Band, Instance};
use hither_plugin_host::Hook;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What happened to one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    /// The service, and what of the request it matched.
    pub(crate) matched: Option<Matched>,
    pub(crate) limits: Vec<Standing>,
    pub(crate) calls: Vec<Call>,
    /// The last one is the one that served.
    pub(crate) attempts: Vec<Attempt>,
}

impl Record {
    /// A plugin was asked; no time is given where it was not called for what it had said before.
    pub(crate) fn called(&mut self, plugin: &str, hook: Hook, time: Option<Duration>, said: Said) {
        let (plugin, hook) = (plugin.to_owned(), hook.name().to_owned());
        self.calls.push(Call { plugin, hook, seconds: time.map(|time| time.as_secs_f64()), said });
    }

    /// A plugin was not asked: its condition does not hold for this part of the request.
    pub(crate) fn passed_over(&mut self, plugin: &str, part: &str) {
        let (plugin, hook) = (plugin.to_owned(), String::new());
        let said = Said::NotAsked { part: part.to_owned() };
        self.calls.push(Call { plugin, hook, seconds: None, said });
    }

    /// An instance was chosen that was in this band.
    pub(crate) fn chosen<T>(&mut self, instance: &Instance<T>, band: Band) {
        self.attempts.push(Attempt {
            instance: instance.id().to_owned(),
            region: instance.region().to_owned(),
            class: instance.class().name(),
            band: band.name(),
            in_flight: instance.in_flight(),
        });
    }
}

/// A service, and what of a request it matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matched {
    pub(crate) service: String,
    /// `exact`, `wildcard` or `default`.
    pub(crate) by: String,
    /// The host as configured; `*` where none is.
    pub(crate) host: String,
    pub(crate) path_prefix: String,
}

impl Matched {
    pub(crate) fn new(service: &str, found: &Match<'_>) -> Matched {
        let (by, host) = match found.host {
            HostMatch::Exact(host) => ("exact", host.to_owned()),
            HostMatch::Under(domain) => ("wildcard", format!("*.{domain}")),
            HostMatch::Any => ("default", "*".to_owned()),
        };
        Matched {
            service: service.to_owned(),
            by: by.to_owned(),
            host,
            path_prefix: found.prefix.as_str().to_owned(),
        }
    }
}

/// One call of a plugin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) plugin: String,
    /// Empty where it was not asked.
    pub(crate) hook: String,
    /// What the call took; none where it was not called, for what it had said before or because its
    /// condition does not hold.
    pub(crate) seconds: Option<f64>,
    #[serde(flatten)]
    pub(crate) said: Said,
}

/// What a plugin said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Said {
    /// As it is.
    Passed,
    /// With these changes.
    Changed { changes: Changes },
    /// Only to such instances.
    Routed {
        require: Vec<(String, String)>,
        prefer: Vec<(String, String)>,
        affinity: bool,
        timeout_seconds: Option<f64>,
        changes: Changes,
    },
    /// These limiters count it; the one that refuses it, if one does.
    Counted { limiters: Vec<String>, refused: Option<String> },
    /// The cache is to be passed by.
    Bypassed,
    /// It is looked up under a key of the plugin's; answers differ by these fields, too.
    Keyed { own: bool, vary: Vec<String> },
    /// It is kept by the plugin's terms, or not at all.
    Kept { kept: bool },
    /// Not again, after a failed attempt.
    GaveUp,
    /// Again after a failed attempt, on such instances.
    Retried { require: Vec<(String, String)> },
    /// Not at all: it answered itself.
    Answered { status: u16 },
    /// Nothing, for it was not asked: `path`, `method` or `header` is not what its condition wants.
    NotAsked { part: String },
    /// It failed; what that means is its policy's.
    Failed { why: String, rejects: bool },
}

/// What a plugin changes of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes {
    /// Names of the fields.
    pub(crate) headers: Vec<String>,
    pub(crate) path: Option<String>,
    pub(crate) host: Option<String>,
}

/// An instance that was tried, as it was when it was chosen.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) instance: String,
    pub(crate) region: String,
    pub(crate) class: &'static str,
    pub(crate) band: &'static str,
    /// This request among them.
    pub(crate) in_flight: u32,
}
