//! Adds security headers to responses and removes others, as configured; the same for requests.

use std::collections::BTreeMap;

use hither_plugin::{
    Edits, Plugin, Request, RequestFilter, RequestPatch, RequestVerdict, Response, ResponseFilter,
    ResponsePatch, ResponseVerdict, plugin,
};
use serde::Deserialize;

/// Fields that the host writes: a plugin that edits one of them fails in every call, so the
/// configuration is refused instead.
const HOSTS: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The configuration, as in `schema.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    append: BTreeMap<String, String>,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    request: Changes,
}

/// Changes of one message.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Changes {
    #[serde(default)]
    set: BTreeMap<String, String>,
    #[serde(default)]
    append: BTreeMap<String, String>,
    #[serde(default)]
    remove: Vec<String>,
}

/// The plugin: the edits, made once.
#[derive(Debug)]
pub struct Headers {
    request: Option<Edits>,
    response: Option<Edits>,
}

#[plugin(request_filter, response_filter)]
impl Plugin for Headers {
    type Config = Config;
    const BY_INPUTS: bool = true;
    const CONFIG_SCHEMA: &'static str = include_str!("../schema.json");

    fn configure(config: Config) -> Result<Self, String> {
        let Config { set, append, remove, request } = config;
        let response = Changes { set, append, remove }.edits()?;
        Ok(Self { request: request.edits()?, response })
    }
}

impl Changes {
    /// None when there is nothing to change.
    fn edits(self) -> Result<Option<Edits>, String> {
        let names = self.set.keys().chain(self.append.keys()).chain(&self.remove);
        for name in names {
            let lower = name.to_ascii_lowercase();
            if HOSTS.contains(&&*lower) {
                return Err(format!("`{name}` is written by the proxy and cannot be changed"));
            }
        }
        if self.set.is_empty() && self.append.is_empty() && self.remove.is_empty() {
            return Ok(None);
        }
        let mut edits = Edits::default();
        for name in self.remove {
            edits = edits.remove(name);
        }
        for (name, value) in self.set {
            edits = edits.set(name, value);
        }
        for (name, value) in self.append {
            edits = edits.append(name, value);
        }
        Ok(Some(edits))
    }
}

impl RequestFilter for Headers {
    fn on_request(&self, _: &Request) -> RequestVerdict {
        match &self.request {
            Some(edits) => RequestPatch::default().edit(edits.clone()).into(),
            None => RequestVerdict::Pass,
        }
    }
}

impl ResponseFilter for Headers {
    fn on_response(&self, _: &Response, _: u64) -> ResponseVerdict {
        match &self.response {
            Some(edits) => ResponsePatch::default().edit(edits.clone()).into(),
            None => ResponseVerdict::Pass,
        }
    }
}

#[cfg(test)]
mod tests {
    use hither_plugin::test;

    use super::*;

    #[test]
    fn responses_are_changed_as_configured() {
        let config =
            r#"{"set":{"x-frame-options":"DENY"},"append":{"vary":"origin"},"remove":["server"]}"#;
        let plugin = test::configure::<Headers>(config).unwrap();
        let ResponseVerdict::Next(patch) = plugin.on_response(&plugin.response(200).build(), 0)
        else {
            panic!("not changed");
        };
        let expected = Edits::default()
            .remove("server")
            .set("x-frame-options", "DENY")
            .append("vary", "origin");
        assert_eq!(patch.edits, Some(expected));
        // Requests were not mentioned.
        assert_eq!(plugin.on_request(&plugin.get("/").build()), RequestVerdict::Pass);
    }

    #[test]
    fn requests_are_changed_as_configured() {
        let config = r#"{"request":{"set":{"x-from":"edge"}}}"#;
        let plugin = test::configure::<Headers>(config).unwrap();
        let RequestVerdict::Next(patch) = plugin.on_request(&plugin.get("/").build()) else {
            panic!("not changed");
        };
        assert_eq!(patch.edits, Some(Edits::default().set("x-from", "edge")));
        let response = plugin.response(200).build();
        assert_eq!(plugin.on_response(&response, 0), ResponseVerdict::Pass);
    }

    #[test]
    fn the_proxys_own_fields_are_refused() {
        for config in [
            r#"{"set":{"Content-Length":"3"}}"#,
            r#"{"remove":["connection"]}"#,
            r#"{"request":{"append":{"host":"x"}}}"#,
        ] {
            let error = test::configure::<Headers>(config).unwrap_err();
            assert!(error.contains("written by the proxy"), "{config}: {error}");
        }
    }

    #[test]
    fn the_schema_is_json() {
        serde_json::from_str::<serde_json::Value>(Headers::CONFIG_SCHEMA).unwrap();
    }
}
