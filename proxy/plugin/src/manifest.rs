//! What a plugin says of itself, checked. It knows no instance.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::contract::exports::hither::plugin::lifecycle as wire;
use crate::contract::hither::plugin::types::{self, Pair};
use crate::input::InputPattern;

const LONGEST_NAME: usize = 64;
const MOST_INPUTS: usize = 64;
const MOST_METRICS: usize = 64;
const LONGEST_SCHEMA: usize = 256 << 10;
const TICKS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

/// What a plugin says of itself.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The author's name for it.
    pub name: String,
    /// The author's version.
    pub version: String,
    /// What the request hooks are given.
    pub request_inputs: Vec<InputPattern>,
    /// What the response hooks are given.
    pub response_inputs: Vec<InputPattern>,
    /// What it may report to.
    pub metrics: Vec<Metric>,
    /// The JSON Schema of its configuration.
    pub config_schema: Option<serde_json::Value>,
    /// From one `background.on-tick` to the next, where it says.
    pub tick: Option<Duration>,
    /// Its verdicts follow from its configuration and what it is given by the inputs that it declares
    /// (and, for a response, from status and memo), so that the host may remember them.
    pub by_inputs: bool,
}

/// A declared metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Lower-case letters, digits and underscores, at most 64.
    pub name: String,
    /// What can be done with it.
    pub kind: MetricKind,
    /// One line for people.
    pub help: String,
}

/// What can be done with a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the usual three")]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl Manifest {
    /// Checks what `describe` returned. The error is a sentence for the operator.
    pub(crate) fn read(raw: wire::Manifest) -> Result<Self, String> {
        let short = |what: &str, text: String| {
            let fits = !text.is_empty() && text.len() <= LONGEST_NAME;
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
            (fits && plain)
                .then_some(text)
                .ok_or(format!("{what} must be 1 to {LONGEST_NAME} visible ASCII characters"))
        };
        Ok(Self {
            name: short("name", raw.name)?,
            version: short("version", raw.version)?,
            request_inputs: inputs("request-inputs", &raw.request_inputs)?,
            response_inputs: inputs("response-inputs", &raw.response_inputs)?,
            metrics: metrics(raw.metrics)?,
            config_schema: schema(&raw.config_schema)?,
            tick: tick(&raw.extra)?,
            by_inputs: by_inputs(&raw.extra)?,
        })
    }
}

fn inputs(list: &str, names: &[String]) -> Result<Vec<InputPattern>, String> {
    if names.len() > MOST_INPUTS {
        return Err(format!("{list} names {} inputs, at most {MOST_INPUTS} can be", names.len()));
    }
    names
        .iter()
        .map(|name| {
            InputPattern::parse(name).ok_or_else(|| {
                let shown = crate::fault::bounded(name);
                format!("{list} names {shown:?}, which this host does not know")
            })
        })
        .collect()
}

fn metrics(raw: Vec<wire::Metric>) -> Result<Vec<Metric>, String> {
    if raw.len() > MOST_METRICS {
        return Err(format!("{} metrics are declared, at most {MOST_METRICS} can be", raw.len()));
    }
    let mut read: Vec<Metric> = Vec::with_capacity(raw.len());
    for metric in raw {
        let name = metric.name;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
        if !starts || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
            let shown = crate::fault::bounded(&name);
            return Err(format!(
                "metric {shown:?} must be lower-case letters, digits and underscores, a letter first"
            ));
        }
        if read.iter().any(|known| known.name == name) {
            return Err(format!("metric `{name}` is declared twice"));
        }
        let kind = match metric.kind {
            wire::MetricKind::Counter => MetricKind::Counter,
            wire::MetricKind::Gauge => MetricKind::Gauge,
            wire::MetricKind::Histogram => MetricKind::Histogram,
        };
        let help = crate::fault::bounded(&metric.help).replace(['\n', '\r'], " ");
        read.push(Metric { name, kind, help });
    }
    Ok(read)
}

/// `("verdicts", "by-inputs")`. Other names of `extra` are for other hosts, and nobody's mistake.
fn by_inputs(extra: &[Pair]) -> Result<bool, String> {
    let mut said = extra.iter().filter(|pair| pair.name == "verdicts").map(|pair| &*pair.value);
    match (said.next(), said.next()) {
        (None, _) => Ok(false),
        (Some("by-inputs"), None) => Ok(true),
        (Some(other), _) => {
            let shown = crate::fault::bounded(other);
            Err(format!("extra says `verdicts` is {shown:?}; once `by-inputs` is what can be said"))
        }
    }
}

fn schema(text: &str) -> Result<Option<serde_json::Value>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST_SCHEMA {
        return Err(format!("config-schema is longer than {LONGEST_SCHEMA} bytes"));
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(schema) if schema.is_object() || schema.is_boolean() => Ok(Some(schema)),
        Ok(_) => Err("config-schema must be a JSON object".to_owned()),
        Err(error) => Err(format!("config-schema is not JSON: {error}")),
    }
}

/// Of the open extension point only this is known; a later host may know more.
fn tick(extra: &[types::Pair]) -> Result<Option<Duration>, String> {
    let Some(pair) = extra.iter().find(|pair| pair.name == "tick") else { return Ok(None) };
    let wrong = || {
        let shown = crate::fault::bounded(&pair.value);
        format!("tick {shown:?} must be from \"100ms\" to \"1h\", such as \"1s\" or \"5m\"")
    };
    let digits = pair.value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = pair.value.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let tick = Duration::from_millis(number.saturating_mul(millis));
    if TICKS.contains(&tick) { Ok(Some(tick)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> wire::Manifest {
        wire::Manifest {
            name: "example".to_owned(),
            version: "1.0.0".to_owned(),
            request_inputs: Vec::new(),
            response_inputs: Vec::new(),
            metrics: Vec::new(),
            config_schema: String::new(),
            extra: Vec::new(),
        }
    }

    #[test]
    fn an_unknown_input_fails_unless_it_is_optional() {
        let mut manifest = raw();
        manifest.request_inputs = vec!["header:x-a".to_owned(), "moon.phase?".to_owned()];
        assert_eq!(Manifest::read(manifest).unwrap().request_inputs.len(), 2);

        let mut manifest = raw();
        manifest.request_inputs = vec!["moon.phase".to_owned()];
        let error = Manifest::read(manifest).unwrap_err();
        assert!(error.contains("moon.phase"), "{error}");
    }

    #[test]
    fn verdicts_are_by_inputs_where_it_is_said_so() {
        let by_inputs = |values: &[&str]| {
            let pair = |value: &&str| Pair { name: "verdicts".into(), value: (*value).into() };
            let mut manifest = raw();
            manifest.extra = values.iter().map(pair).collect();
            manifest.extra.push(Pair { name: "of-another-host".into(), value: "x".into() });
            Manifest::read(manifest).map(|manifest| manifest.by_inputs)
        };
        assert_eq!(by_inputs(&[]), Ok(false));
        assert_eq!(by_inputs(&["by-inputs"]), Ok(true));
        assert!(by_inputs(&["by-moon"]).unwrap_err().contains("by-moon"));
        assert!(by_inputs(&["by-inputs", "by-inputs"]).is_err());
    }

    #[test]
    fn a_schema_must_be_json() {
        let mut manifest = raw();
        manifest.config_schema = "{".to_owned();
        assert!(Manifest::read(manifest).is_err());
    }

    #[test]
    fn a_tick_is_between_a_tenth_of_a_second_and_an_hour() {
        let read = |value: &str| {
            let pair = |name: &str| types::Pair { name: name.to_owned(), value: value.to_owned() };
            let extra = vec![pair("other"), pair("tick")];
            Manifest::read(wire::Manifest { extra, ..raw() }).map(|manifest| manifest.tick)
        };
        for (text, millis) in [("100ms", 100), ("1s", 1000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(read(text), Ok(Some(Duration::from_millis(millis))), "{text}");
        }
        for bad in
            ["", "s", "1", "99ms", "0s", "61m", "-1s", "1 s", "1.5s", "99999999999999999999h"]
        {
            assert!(read(bad).is_err_and(|why| why.contains("tick")), "{bad:?}");
        }
        assert_eq!(Manifest::read(raw()).unwrap().tick, None);
    }

    #[test]
    fn metric_names_must_be_plain_and_distinct() {
        let metric = |name: &str| wire::Metric {
            name: name.to_owned(),
            kind: wire::MetricKind::Counter,
            help: String::new(),
        };
        for bad in [vec![metric("A")], vec![metric("1a")], vec![metric("a"), metric("a")]] {
            let manifest = wire::Manifest { metrics: bad, ..raw() };
            assert!(Manifest::read(manifest).is_err());
        }
    }
}
