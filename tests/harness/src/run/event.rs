//! One line of the application log. The fields may stand beside the level or in an object `fields`; both are
//! ways of the same formatter, and a test should not care.

use std::net::SocketAddr;

use serde_json::Value;

/// A log line in JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Event(Value);

impl Event {
    pub(crate) fn read(line: &str) -> Option<Self> {
        serde_json::from_str::<Value>(line).ok().filter(Value::is_object).map(Self)
    }

    /// A field by name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get("fields").and_then(|fields| fields.get(name)).or_else(|| self.0.get(name))
    }

    /// A field that is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.as_str()
    }

    /// The message; empty if there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.text("message").unwrap_or_default()
    }

    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    #[must_use]
    pub fn level(&self) -> &str {
        self.text("level").unwrap_or_default()
    }

    /// The whole line.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.0
    }

    pub(crate) fn address(&self, message: &str) -> Option<SocketAddr> {
        if self.message() == message { self.text("address")?.parse().ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_and_flat_fields_read_alike() {
        let address = Some("127.0.0.1:80".parse().unwrap());
        for line in [
            r#"{"level":"INFO","fields":{"message":"listening","address":"127.0.0.1:80"}}"#,
            r#"{"level":"INFO","message":"listening","address":"127.0.0.1:80"}"#,
        ] {
            let event = Event::read(line).unwrap();
            assert_eq!((event.address("listening"), event.level()), (address, "INFO"), "{line}");
            assert_eq!(event.address("admin listening"), None);
        }
    }
}
