//! The JSON Schema of `hither.toml`, written by the reader itself.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::findings::{Document, join};
use crate::raw::RawFile;
use crate::read::describe;

/// The JSON Schema (draft 2020-12) of `hither.toml`, for editors: every key with its type,
/// description and default. It comes from the code that reads the file, so it names exactly the
/// keys that are read; what only the whole file can tell (names that must resolve, limits that must
/// fit) is left to [`crate::load`].
pub fn schema() -> Value {
    let mut schema = describe::<RawFile>();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("hither.toml");
    schema["description"] = json!("Configuration of the Hither edge proxy.");
    schema
}

/// Where a key is at home: the header of its table, and a value that it could have.
pub(crate) struct Home {
    pub(crate) header: String,
    pub(crate) example: String,
}

type Homes = HashMap<String, Vec<Home>>;

/// The one table in which `key` would be right. Keys of several tables have no one home.
pub(crate) fn home_of(document: Document, key: &str) -> Option<&'static Home> {
    static CONFIGURATION: LazyLock<Homes> = LazyLock::new(|| homes(&schema()));
    static SCENARIO: LazyLock<Homes> = LazyLock::new(|| homes(&crate::scenario::schema()));
    let homes = match document {
        Document::Configuration => &CONFIGURATION,
        Document::Scenario => &SCENARIO,
    };
    match homes.get(key).map(Vec::as_slice) {
        Some([home]) => Some(home),
        _ => None,
    }
}

fn homes(schema: &Value) -> Homes {
    let mut homes = HashMap::new();
    collect(schema, "", &mut homes);
    homes
}

fn collect(schema: &Value, header: &str, homes: &mut Homes) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        // Tables have neither a default nor an example, and are not misplaced by a slip.
        let value = inner.get("default").or_else(|| inner["examples"].get(0));
        if let Some(value) = value {
            let home = Home { header: header.to_owned(), example: format!("{key} = {value}") };
            homes.entry(key.clone()).or_default().push(home);
        }
        let path = join(header.trim_matches(['[', ']']), key);
        collect(inner, &format!("[{path}]"), homes);
        collect(&inner["items"], &format!("[[{path}]]"), homes);
        collect(&inner["additionalProperties"], &format!("[{path}.NAME]"), homes);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::{Environment, Source, load};

    /// Every table of the schema: its header and its properties.
    fn tables(schema: &Value, header: &str, found: &mut Vec<(String, Value)>) {
        let Some(properties) = schema["properties"].as_object() else { return };
        found.push((header.to_owned(), schema["properties"].clone()));
        for (name, inner) in properties {
            let path = join(header.trim_matches(['[', ']']), name);
            tables(inner, &format!("[{path}]"), found);
            tables(&inner["items"], &format!("[[{path}]]"), found);
            tables(&inner["additionalProperties"], &format!("[{path}.name]"), found);
        }
    }

    #[test]
    fn the_reader_takes_every_key_of_the_schema_and_every_example_in_it() {
        let environment = Environment::new("test", NonZeroUsize::MIN, |_| None);
        let mut found = Vec::new();
        tables(&schema(), "", &mut found);
        assert!(found.len() > 12, "the schema has only {} tables", found.len());
        for (header, properties) in found {
            for (key, schema) in properties.as_object().into_iter().flatten() {
                let value = match schema.get("default").or_else(|| schema["examples"].get(0)) {
                    Some(value) => value.to_string(),
                    None if schema["items"]["examples"].is_array() => {
                        schema["items"]["examples"].to_string()
                    }
                    None => continue,
                };
                let text = format!("{header}\n{key} = {value}\n");
                let report = load(&Source::new("schema", "/", &*text), &environment);
                let place = format!("{}.{key}", header.trim_matches(['[', ']']));
                let problems = report.err().map(|report| report.problems().to_vec());
                let wrong = problems.iter().flatten().find(|problem| {
                    problem.place.replace("[0]", "") == place || problem.message.contains("no key")
                });
                // A store without its grant, a plugin without its table, a size without its folder,
                // handshakes without a certificate: right in themselves.
                let words =
                    ["store", "named", "may call no service", "no folder", "no certificate"];
                let known = |message: &str| words.iter().any(|word| message.contains(word));
                assert!(
                    wrong.is_none_or(|problem| known(&problem.message)),
                    "{text} is refused: {wrong:?}"
                );
            }
        }
    }

    #[test]
    fn every_key_is_described() {
        let mut found = Vec::new();
        tables(&schema(), "", &mut found);
        for (header, properties) in found {
            for (key, schema) in properties.as_object().into_iter().flatten() {
                let description = schema["description"].as_str().unwrap_or_default();
                assert!(description.ends_with('.'), "{header} {key}: {description:?}");
            }
        }
    }
}
