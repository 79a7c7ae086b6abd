//! What the admin API says of one instance, read as strictly as the file: JSON whose keys are those
//! of `[[service.NAME.instance]]`. Must not know what becomes of it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::check;
use crate::findings::{Finding, Findings};
use crate::raw::RawInstanceChange;
use crate::read;
use crate::report::Report;
use crate::source::Source;
use crate::syntax;
use crate::value::Name;

/// What changes of an instance; what is not said stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceChange {
    /// Where it is reached.
    pub address: Option<SocketAddr>,
    /// Where it stands.
    pub region: Option<Name>,
    /// All of its labels.
    pub labels: Option<BTreeMap<Name, String>>,
    /// Its round trip: fixed, or (`Some(None)`, written as null) measured from now on.
    pub rtt: Option<Option<Duration>>,
    /// Speak HTTP/2 with prior knowledge to it.
    pub http2: Option<bool>,
    /// Whether it gets nothing new.
    pub draining: Option<bool>,
}

impl InstanceChange {
    /// Reads a JSON object such as `{"address": "127.0.0.1:9001", "region": "ams"}`.
    ///
    /// # Errors
    /// Every problem at once, each at its key.
    pub fn read(json: &[u8]) -> Result<Self, Report> {
        let refuse = |message: String| {
            let mut findings = Findings::default();
            let finding = Finding::outside("", message)
                .help("the body is a JSON object with the keys of an instance")
                .example("{\"address\": \"127.0.0.1:9001\", \"region\": \"ams\"}");
            findings.push(finding);
            Report::new(&Source::new("body", "/", ""), findings)
        };
        let object = match serde_json::from_slice::<Value>(json) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(refuse("the body is no JSON object".to_owned())),
            Err(error) => return Err(refuse(format!("the body is no JSON: {error}"))),
        };
        let unfixed = object.get("rtt").is_some_and(Value::is_null);
        let relabelled = object.contains_key("labels");
        // The same words as TOML, so that the file's own reader and its complaints serve here.
        let mut text = String::new();
        for (key, value) in object.iter().filter(|(key, _)| !(unfixed && *key == "rtt")) {
            let Some(value) = as_toml(value) else {
                return Err(refuse(format!("`{key}` holds a null, which only `rtt` can be")));
            };
            let _ = writeln!(text, "{} = {value}", Value::from(key.as_str()));
        }
        let source = Source::new("body", "/", text);
        let mut findings = Findings::default();
        let change = syntax::parse(source.text(), &mut findings, |tree, findings| {
            let raw = read::read_root::<RawInstanceChange>(tree, findings);
            let labels = check::labels(raw.labels, findings);
            Self {
                address: raw.address.map(|at| at.value.0),
                region: raw.region.map(|at| at.value),
                labels: relabelled.then_some(labels),
                rtt: if unfixed { Some(None) } else { raw.rtt.map(|at| Some(at.value)) },
                http2: raw.http2.map(|at| at.value),
                draining: raw.draining.map(|at| at.value),
            }
        });
        match change {
            Some(change) if findings.is_empty() => Ok(change),
            _ => Err(Report::new(&source, findings)),
        }
    }
}

/// A value in TOML's words, in one line; nothing where it holds a null. What JSON escapes in a
/// text, TOML escapes alike.
fn as_toml(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(as_toml).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        Value::Object(pairs) => {
            let pairs: Option<Vec<_>> = pairs
                .iter()
                .map(|(key, value)| Some(format!("{} = {}", Value::from(&**key), as_toml(value)?)))
                .collect();
            Some(format!("{{ {} }}", pairs?.join(", ")))
        }
        plain => Some(plain.to_string()),
    }
}
