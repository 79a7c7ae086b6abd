//! The JSON Schema of `hither.toml`, written by the reader itself.

use serde_json::{Value, json};

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

/// The header of the table in which `key` would be right, if there is one such table.
pub(crate) fn home_of(key: &str) -> Option<String> {
    let mut homes = Vec::new();
    collect(&schema(), "", key, &mut homes);
    match homes.as_slice() {
        [home] => Some(home.clone()),
        _ => None,
    }
}

fn collect(schema: &Value, place: &str, key: &str, homes: &mut Vec<String>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    if properties.contains_key(key) && !place.is_empty() {
        homes.push(place.to_owned());
    }
    for (name, inner) in properties {
        let table = if place.is_empty() {
            name.clone()
        } else {
            format!("{}.{name}", place.trim_matches(['[', ']']))
        };
        collect(inner, &format!("[{table}]"), key, homes);
        collect(&inner["items"], &format!("[[{table}]]"), key, homes);
        collect(&inner["additionalProperties"], &format!("[{table}.NAME]"), key, homes);
    }
}
