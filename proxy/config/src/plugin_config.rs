//! A plugin's configuration against the plugin's own JSON Schema, with carets in our file. The
//! schema comes out of a plugin, so it is hostile: it is bounded, may not refer to anything outside
//! itself, and its patterns run in linear time.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::findings::{Finding, Findings, Spot, join};
use crate::read::{closest, json_of, node_at};
use crate::report::Report;
use crate::source::Source;
use crate::syntax::{self, quoted};

/// A schema above this describes more than any operator will write.
const MOST_SCHEMA: usize = 256 * 1024;
/// The compiled size of one pattern of a schema.
const MOST_PATTERN: usize = 256 * 1024;
/// What one configuration may complain about.
const MOST_PROBLEMS: usize = 50;
/// A validator repeats the value it refuses, however long.
const MOST_MESSAGE: usize = 240;

impl Source {
    /// Checks every configuration of `plugin` in this file against the plugin's JSON Schema (as
    /// its manifest has it; empty: anything goes): its own where it is written or some service
    /// uses it, and each service's.
    ///
    /// # Errors
    /// Everything that does not fit, with its place in the file; or that the schema itself is bad,
    /// at the plugin's table.
    pub fn check_plugin_config(&self, plugin: &str, schema: &str) -> Result<(), Report> {
        if schema.is_empty() {
            return Ok(());
        }
        let mut findings = Findings::default();
        let root = root(syntax::tree(self.text()));
        match compile(schema) {
            Ok((schema, validator)) => {
                for (config, spot) in configs(&root, plugin) {
                    check(config, spot, &schema, &validator, &mut findings);
                }
            }
            Err(reason) => {
                let (_, spot) = node_at(&root, ["plugin", plugin, "file"], Spot::default());
                let message = format!("plugin {plugin} has a configuration schema that is none");
                findings.push(Finding::at(&spot, message).help(reason));
            }
        }
        self.outcome(findings)
    }

    /// A problem that only the doing showed (a file that is missing, a plugin that does not load),
    /// at the place whose keys are `place`, or the nearest that is written.
    pub fn problem(&self, place: &[&str], message: &str, help: Option<&str>) -> Report {
        let root = root(syntax::tree(self.text()));
        let (_, spot) = node_at(&root, place, Spot::default());
        let mut finding = Finding::at(&spot, message);
        finding.help = help.map(str::to_owned);
        let mut findings = Findings::default();
        findings.push(finding);
        Report::new(self, findings)
    }

    fn outcome(&self, findings: Findings) -> Result<(), Report> {
        match findings.is_empty() {
            true => Ok(()),
            false => Err(Report::new(self, findings)),
        }
    }
}

/// The whole file as one value, so that places are found from it.
fn root(tree: Spanned<DeTable<'_>>) -> Spanned<DeValue<'_>> {
    Spanned::new(0..0, DeValue::Table(tree.into_inner()))
}

fn compile(text: &str) -> Result<(Value, Validator), String> {
    if text.len() > MOST_SCHEMA {
        return Err(format!("it is larger than {} KiB", MOST_SCHEMA / 1024));
    }
    let schema = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let patterns = PatternOptions::regex().size_limit(MOST_PATTERN);
    let validator = jsonschema::options()
        .with_pattern_options(patterns)
        .build(&schema)
        .map_err(|error| shortened(&error.to_string()))?;
    Ok((schema, validator))
}

/// A configuration as written, or the place where it could be.
type Config<'v, 't> = (Option<&'v Spanned<DeValue<'t>>>, Spot);

fn configs<'v, 't>(root: &'v Spanned<DeValue<'t>>, plugin: &str) -> Vec<Config<'v, 't>> {
    let mut list = Vec::new();
    let mut own_is_used = false;
    let services = root.get_ref().get("service").and_then(|services| services.get_ref().as_table());
    for (service, table) in services.into_iter().flatten() {
        let service = service.get_ref().as_ref();
        let found = written(root, &["service", service, "plugin", plugin, "config"]);
        let used = table.get_ref().get("plugins").and_then(|plugins| plugins.get_ref().as_array());
        let used = used.into_iter().flatten().any(|name| name.get_ref().as_str() == Some(plugin));
        own_is_used |= used && found.is_none();
        list.extend(found.map(|(value, spot)| (Some(value), spot)));
    }
    match written(root, &["plugin", plugin, "config"]) {
        Some((value, spot)) => list.push((Some(value), spot)),
        None if own_is_used => {
            let (_, spot) = node_at(root, ["plugin", plugin], Spot::default());
            list.push((None, spot.inside("config", spot.span.clone())));
        }
        None => {}
    }
    list
}

fn written<'v, 't>(
    root: &'v Spanned<DeValue<'t>>,
    place: &[&str],
) -> Option<(&'v Spanned<DeValue<'t>>, Spot)> {
    let there = place.iter().try_fold(root, |value, key| value.get_ref().get(*key)).is_some();
    there.then(|| node_at(root, place, Spot::default()))
}

fn check(
    config: Option<&Spanned<DeValue<'_>>>,
    spot: Spot,
    schema: &Value,
    validator: &Validator,
    findings: &mut Findings,
) {
    let empty = Spanned::new(spot.span.clone(), DeValue::Table(DeTable::new()));
    let node = config.unwrap_or(&empty);
    // What has no JSON form was told when the file was loaded.
    let json = match config {
        Some(value) => json_of(value, &spot.place, &mut Findings::default()),
        None => Value::Object(Map::new()),
    };
    for error in validator.iter_errors(&json).take(MOST_PROBLEMS) {
        let steps = steps(error.instance_path().as_str());
        let (value, spot) = node_at(node, &steps, spot.clone());
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for key in unexpected {
                    findings.push(unexpected_key(key, value, &spot, &error, schema));
                }
            }
            _ => findings.push(misfit(&error, steps.last(), &spot, schema)),
        }
    }
}

fn misfit(
    error: &ValidationError<'_>,
    key: Option<&String>,
    spot: &Spot,
    schema: &Value,
) -> Finding {
    let mut finding = Finding::at(spot, shortened(&error.to_string()));
    if let ValidationErrorKind::Required { property } = error.kind()
        && let Some(key) = property.as_str()
    {
        finding = Finding::at(spot, format!("`{key}` is missing")).absent();
        let inner = around(error, schema).and_then(|table| table.get("properties")?.get(key));
        return explained(finding, key, inner);
    }
    explained(finding, key.map_or("config", String::as_str), around(error, schema))
}

fn unexpected_key(
    key: &str,
    table: &Spanned<DeValue<'_>>,
    spot: &Spot,
    error: &ValidationError<'_>,
    schema: &Value,
) -> Finding {
    let mut keys = table.get_ref().as_table().into_iter().flat_map(DeTable::keys);
    let written = keys.find(|written| written.get_ref().as_ref() == key);
    let span = written.map_or_else(|| spot.span.clone(), Spanned::span);
    let place = Spot { span, place: join(&spot.place, key) };
    let finding = Finding::at(&place, format!("the plugin knows no key {}", quoted(key)));
    let properties = around(error, schema).and_then(|schema| schema.get("properties")?.as_object());
    let known: Vec<_> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let finding = match known.is_empty() {
        true => finding,
        false => finding.help(format!("the keys here are {}", known.join(", "))),
    };
    match closest(key, known) {
        Some(near) => {
            let schema = properties.and_then(|keys| keys.get(near));
            let help = finding.help.clone();
            let mut finding = explained(finding, near, schema);
            finding.help = help;
            finding.label(format!("did you mean `{near}`?"))
        }
        None => finding,
    }
}

/// The part of the schema that holds the keyword which refused.
fn around<'s>(error: &ValidationError<'_>, schema: &'s Value) -> Option<&'s Value> {
    let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
    schema.pointer(parent)
}

/// With what the plugin's author says about a key.
fn explained(mut finding: Finding, key: &str, schema: Option<&Value>) -> Finding {
    let Some(schema) = schema else { return finding };
    if let Some(description) = schema["description"].as_str() {
        finding = finding.help(shortened(description));
    }
    let example = schema["examples"].get(0).or_else(|| schema.get("default"));
    match example.and_then(|example| toml::Value::try_from(example).ok()) {
        Some(example) => finding.example(shortened(&format!("{} = {example}", join("", key)))),
        None => finding,
    }
}

/// The steps of a JSON pointer (RFC 6901).
fn steps(pointer: &str) -> Vec<String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// What a plugin says, bounded and with nothing a terminal would act on.
fn shortened(text: &str) -> String {
    let visible = |char: char| if char.is_control() { ' ' } else { char };
    let mut short: String = text.chars().take(MOST_MESSAGE).map(visible).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
