//! Limits each API key by its plan: the plan names limiters of the operator's, the method and path say what a
//! request costs. Who shows no known key is refused, or shares what a client without one may take.

mod client;
mod key;

use std::collections::BTreeMap;

use hither_plugin::config::{FieldName, PathPattern};
use hither_plugin::{Check, Plugin, RateLimit, RateVerdict, Reply, Request, plugin};
use serde::Deserialize;

const HEADER: &str = "header:{header=x-api-key}";
const QUERY: &str = "query:{query=api_key}";

/// A limiter's key has at most 1 KiB.
const LONGEST_KEY: usize = 512;
/// The contract's bound on checks.
const MOST_LIMITERS: usize = 16;

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Read by the host as well, which delivers the header that it names.
    #[serde(default)]
    header: Option<FieldName>,
    /// The same for a parameter of the query; without it none is looked at.
    #[serde(default)]
    query: Option<String>,
    plans: BTreeMap<String, Plan>,
    #[serde(default)]
    keys: BTreeMap<String, String>,
    #[serde(default)]
    default: Option<String>,
    #[serde(default)]
    unknown: Unknown,
    #[serde(default)]
    costs: Vec<Cost>,
}

/// What a key may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    limiters: Vec<String>,
    #[serde(default = "one")]
    cost: u32,
}

/// What becomes of a key that is not in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Unknown {
    /// It is refused.
    #[default]
    Deny,
    /// It is as good as none: the default plan, counted by client.
    Default,
    /// It is on the default plan, and counted for itself.
    Each,
}

/// What some requests cost; the first that fits counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    #[serde(default)]
    path: Option<PathPattern>,
    #[serde(default)]
    methods: Vec<String>,
    cost: u32,
}

fn one() -> u32 {
    1
}

/// The plugin.
#[derive(Debug)]
pub struct Quota {
    by_query: bool,
    header: String,
    keys: key::Table<Plan>,
    default: Option<Plan>,
    unknown: Unknown,
    costs: Vec<Cost>,
}

#[plugin(rate_limit)]
impl Plugin for Quota {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] = &[HEADER, QUERY, "client.address"];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        for (name, plan) in &config.plans {
            if !(1..=MOST_LIMITERS).contains(&plan.limiters.len()) {
                return Err(format!("the plan `{name}` needs 1 to {MOST_LIMITERS} `limiters`"));
            }
        }
        let plan = |name: &String| {
            let unknown = || format!("there is no plan `{name}` in `plans`");
            config.plans.get(name).cloned().ok_or_else(unknown)
        };
        let default = config.default.as_ref().map(plan).transpose()?;
        if default.is_none() && config.unknown != Unknown::Deny {
            return Err("`unknown` wants a plan, and there is no `default`".to_owned());
        }
        let mut keys = key::Table::default();
        for (key, name) in &config.keys {
            keys.insert(key, plan(name)?)?;
        }
        Ok(Self {
            by_query: config.query.is_some(),
            header: config.header.map_or_else(|| "x-api-key".to_owned(), |name| name.to_string()),
            keys,
            default,
            unknown: config.unknown,
            costs: config.costs,
        })
    }
}

impl RateLimit for Quota {
    fn classify(&self, request: &Request) -> RateVerdict {
        let by_query = request.values(QUERY).filter(|_| self.by_query);
        let mut shown = request.values(HEADER).chain(by_query);
        let key = shown.next();
        if shown.next().is_some() {
            // Which of them a later server believes would be the client's choice.
            return Reply::problem(400, "Bad Request", "more than one API key is shown").into();
        }
        let Some(key) = key else {
            return self.by_client(request, "an API key is needed");
        };
        match self.keys.find(key) {
            Some((name, plan)) => self.charge(request, plan, format!("key {name}").into_bytes()),
            None if self.unknown == Unknown::Default => self.by_client(request, ""),
            None if self.unknown == Unknown::Each && key.len() <= LONGEST_KEY => {
                let counted = [b"value ", key].concat();
                self.default
                    .as_ref()
                    .map_or(RateVerdict::Allow, |plan| self.charge(request, plan, counted))
            }
            None => self.refuse("this API key is not known"),
        }
    }
}

impl Quota {
    /// The default plan, by the client's address: a made-up key must not buy a fresh allowance.
    fn by_client(&self, request: &Request, otherwise: &str) -> RateVerdict {
        let Some(plan) = &self.default else { return self.refuse(otherwise) };
        let client = client::counted(request.input("client.address").unwrap_or_default());
        self.charge(request, plan, format!("client {client}").into_bytes())
    }

    fn charge(&self, request: &Request, plan: &Plan, key: Vec<u8>) -> RateVerdict {
        let method = request.method.name();
        let fits = |cost: &&Cost| {
            let methods = &cost.methods;
            (methods.is_empty() || methods.iter().any(|one| one == method))
                && cost.path.as_ref().is_none_or(|path| path.covers(&request.path))
        };
        let cost = self.costs.iter().find(fits).map_or(1, |cost| cost.cost);
        let cost = plan.cost.saturating_mul(cost);
        let check = |limiter: &String| Check::new(limiter, key.as_slice()).cost(cost);
        RateVerdict::Checks(plan.limiters.iter().map(check).collect())
    }

    fn refuse(&self, why: &str) -> RateVerdict {
        Reply::problem(401, "Unauthorized", why)
            .header("www-authenticate", format!("ApiKey header=\"{}\"", self.header))
            .into()
    }
}

#[cfg(test)]
mod tests;
