//! The JSON Schema of a table, put together while its reader asks for keys.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::Scalar;
use crate::value::Name;

/// The keys that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct TableSchema(Map<String, Value>);

impl TableSchema {
    pub(super) fn insert(&mut self, key: &str, doc: &str, mut schema: Value) {
        let bounds = schema["description"].as_str().map(|bounds| format!("{doc} {bounds}"));
        schema["description"] = json!(bounds.unwrap_or_else(|| doc.to_owned()));
        self.0.insert(key.to_owned(), schema);
    }

    pub(super) fn into_value(self, required: impl Iterator<Item = &'static str>) -> Value {
        let mut schema =
            json!({ "type": "object", "additionalProperties": false, "properties": self.0 });
        let required: Vec<_> = required.collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    }
}

/// One value, with an example of it as TOML.
pub(super) fn value<T: Scalar>(example: &str) -> Value {
    let mut schema = T::schema();
    // TOML's texts, numbers and booleans are JSON's; `every_example_is_valid` holds this to be so.
    if let Ok(example) = serde_json::from_str::<Value>(example) {
        schema["examples"] = json!([example]);
    }
    schema
}

pub(super) fn with_default<T: Scalar>(mut schema: Value, default: &T) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("examples");
    }
    schema["default"] = default.written();
    schema
}

/// Numbers get their bounds as JSON Schema has them; what is written as text gets them in words.
pub(super) fn within<T: Scalar>(mut schema: Value, bounds: &RangeInclusive<T>) -> Value {
    let (least, most) = (bounds.start().written(), bounds.end().written());
    if least.is_number() {
        schema["minimum"] = least;
        schema["maximum"] = most;
    } else {
        schema["description"] = json!(format!("From {least} to {most}."));
    }
    schema
}

pub(super) fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// Names of the operator's choice.
pub(super) fn map(values: Value) -> Value {
    map_by(Name::schema(), values)
}

/// The same, with names of another kind.
pub(super) fn map_by(names: Value, values: Value) -> Value {
    json!({ "type": "object", "propertyNames": names, "additionalProperties": values })
}

/// Somebody else's.
pub(super) fn object() -> Value {
    json!({ "type": "object" })
}
