//! `[service.NAME.plugin.NAME]`: how one service uses a plugin.

use serde_json::Value;

use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{AnyFieldName, MethodName, PathPattern};

/// `[service.NAME.plugin.NAME]`
#[derive(Debug)]
pub(crate) struct RawOverride {
    pub(crate) spot: Spot,
    pub(crate) config: Option<Value>,
    pub(crate) when: Option<RawWhen>,
}

impl Shape for RawOverride {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            config: fields.json("config", "Replaces the plugin's own configuration wholly."),
            when: fields.optional_table(
                "when",
                "path = \"/api/*\"",
                "The requests that it is asked about, by all that is said; default: every one.",
            ),
        }
    }
}

/// `[service.NAME.plugin.NAME.when]`
#[derive(Debug)]
pub(crate) struct RawWhen {
    pub(crate) spot: Spot,
    pub(crate) path: Option<At<PathPattern>>,
    pub(crate) methods: At<Vec<At<MethodName>>>,
    pub(crate) header: Option<At<AnyFieldName>>,
}

impl Shape for RawWhen {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            path: fields.optional(
                "path",
                "\"/api/*\"",
                "The path, as this plugin would see it; a final * stands for whatever follows.",
            ),
            methods: fields.list("methods", "\"GET\"", "The methods; default: any."),
            header: fields.optional(
                "header",
                "\"x-tenant\"",
                "A header that is there, whatever it says.",
            ),
        }
    }
}
