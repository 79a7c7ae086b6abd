//! Answers at the edge with 503 while the app is being worked on: always or inside a window of time, with a
//! page for people and JSON for programs. Paths, networks and who shows the bypass go through.

mod accept;

use std::net::IpAddr;
use std::time::Duration;

use hither_plugin::config::{FieldName, PathPattern, Span};
use hither_plugin::{
    Edits, Plugin, Reply, Request, RequestFilter, RequestPatch, RequestVerdict, plugin, secrets,
};
use ipnet::IpNet;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const HEADER: &str = "header:{header=x-maintenance-bypass}";
const COOKIE: &str = "cookie:{cookie=maintenance-bypass}";

/// When nobody knows better.
const LATER: Duration = Duration::from_secs(300);
/// A retry in a year is none.
const LATEST: Duration = Duration::from_secs(365 * 86_400);

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    retry_after: Option<Span>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    html: Option<String>,
    #[serde(default)]
    json: Option<String>,
    #[serde(default)]
    paths: Vec<PathPattern>,
    #[serde(default)]
    networks: Vec<String>,
    #[serde(default)]
    bypass: Option<Bypass>,
    /// Read by the host as well, which delivers the header that it names.
    #[serde(default)]
    header: Option<FieldName>,
    /// Read by the host, which delivers the cookie that it names.
    #[serde(default, rename = "cookie")]
    _cookie: Option<String>,
}

/// What a request shows to go through.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Bypass {
    /// The name of a secret that the operator lends.
    Secret(String),
    /// This.
    Value(String),
}

/// The plugin.
#[derive(Debug)]
pub struct Maintenance {
    from_ms: u64,
    until_ms: u64,
    retry_after: Option<Span>,
    html: Reply,
    json: Reply,
    paths: Vec<PathPattern>,
    networks: Vec<IpNet>,
    bypass: Option<Bypass>,
    header: String,
}

#[plugin(request_filter)]
impl Plugin for Maintenance {
    type Config = Config;
    const REQUEST_INPUTS: &'static [&'static str] =
        &[HEADER, COOKIE, "header:accept", "client.address"];
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        let moment = |name: &str, text: Option<&String>, default| {
            text.map_or(Ok(default), |text| unix_ms(name, text))
        };
        let from_ms = moment("from", config.from.as_ref(), 0)?;
        let until_ms = moment("until", config.until.as_ref(), u64::MAX)?;
        if from_ms >= until_ms {
            return Err("`until` must be later than `from`".to_owned());
        }
        if let Some(Bypass::Secret(name)) = &config.bypass {
            secrets::equals(name, b"")
                .map_err(|why| format!("the secret `{name}` for `bypass` cannot be used: {why}"))?;
        }
        let message =
            config.message.as_deref().unwrap_or("We are working on it. Please come back soon.");
        Ok(Self {
            from_ms,
            until_ms,
            retry_after: config.retry_after,
            html: page(&config.html.unwrap_or_else(|| plain_page(message))),
            json: config.json.map_or_else(
                || Reply::problem(503, "Service Unavailable", message),
                |body| of_type("application/json", &body),
            ),
            paths: config.paths,
            networks: config.networks.iter().map(|text| network(text)).collect::<Result<_, _>>()?,
            bypass: config.bypass,
            header: config
                .header
                .map_or_else(|| "x-maintenance-bypass".to_owned(), |name| name.to_string()),
        })
    }
}

impl RequestFilter for Maintenance {
    fn on_request(&self, request: &Request) -> RequestVerdict {
        let now_ms = request.now_ms;
        let on = (self.from_ms..self.until_ms).contains(&now_ms);
        if on && !self.excepts(request) {
            let page = if accept::html(request.header("accept")) { &self.html } else { &self.json };
            return page
                .clone()
                .header("retry-after", self.seconds_left(now_ms).to_string())
                .into();
        }
        // What opens this door is nobody's business behind it.
        match self.bypass.is_some() && request.values(HEADER).next().is_some() {
            true => RequestPatch::default().edit(Edits::default().remove(&*self.header)).into(),
            false => RequestVerdict::Pass,
        }
    }
}

impl Maintenance {
    fn excepts(&self, request: &Request) -> bool {
        self.paths.iter().any(|path| path.covers(&request.path))
            || self.is_near(request.input("client.address"))
            || request.values(HEADER).chain(request.values(COOKIE)).any(|shown| self.opens(shown))
    }

    fn is_near(&self, client: Option<&str>) -> bool {
        let client =
            client.and_then(|text| text.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
        client.is_some_and(|client| self.networks.iter().any(|network| network.contains(&client)))
    }

    fn opens(&self, shown: &[u8]) -> bool {
        match &self.bypass {
            None => false,
            Some(Bypass::Secret(name)) => secrets::equals(name, shown) == Ok(true),
            Some(Bypass::Value(value)) => same(value.as_bytes(), shown),
        }
    }

    /// Until the window ends, unless the operator says otherwise: whole seconds, rounded up.
    fn seconds_left(&self, now_ms: u64) -> u64 {
        let window = (self.until_ms != u64::MAX)
            .then(|| Duration::from_millis(self.until_ms.saturating_sub(now_ms)));
        let wait = self.retry_after.map(|span| *span).or(window).unwrap_or(LATER).min(LATEST);
        (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
    }
}

/// In a time that tells nothing of what is the same.
fn same(ours: &[u8], theirs: &[u8]) -> bool {
    let differ = ours.iter().zip(theirs).fold(0, |differ, (a, b)| differ | (a ^ b));
    ours.len() == theirs.len() && std::hint::black_box(differ) == 0
}

fn unix_ms(name: &str, text: &str) -> Result<u64, String> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok();
    parsed
        .and_then(|moment| u64::try_from(moment.unix_timestamp_nanos() / 1_000_000).ok())
        .ok_or_else(|| {
            format!("`{name}` must be a moment as in \"2026-12-24T22:00:00Z\", and is \"{text}\"")
        })
}

fn network(text: &str) -> Result<IpNet, String> {
    let whole = text.parse::<IpAddr>().map(IpNet::from);
    whole.or_else(|_| text.parse()).map_err(|_| {
        format!("`networks` must hold addresses and networks as in \"10.0.0.0/8\", not \"{text}\"")
    })
}

fn of_type(kind: &str, body: &str) -> Reply {
    Reply::new(503).header("content-type", kind).header("cache-control", "no-store").body(body)
}

fn page(html: &str) -> Reply {
    of_type("text/html; charset=utf-8", html)
}

fn plain_page(message: &str) -> String {
    let message = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Maintenance</title></head>\n\
         <body><h1>Maintenance</h1><p>{message}</p></body></html>\n"
    )
}

#[cfg(test)]
mod tests;
