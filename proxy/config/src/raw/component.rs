//! `[service.NAME]` that a component answers: `[service.NAME.sandbox]`, `[service.NAME.environment]`, and
//! which keys are for whom.

use std::time::Duration;

use super::plugin::{EMPTY_SHA256, LEAST_MEMORY, MOST_MEMORY};
use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{Code, Digest, Size, VariableName, VariableValue};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// Each reserves address space, for all services together.
const MOST_INSTANCES: u32 = 512;

/// What only instances have.
const FOR_INSTANCES: [&str; 7] =
    ["concurrency", "queue", "retry", "ejection", "check", "dns", "instance"];
/// What only a component has.
const FOR_COMPONENTS: [&str; 2] = ["sandbox", "environment"];

/// The keys of a service that say who answers.
#[derive(Debug)]
pub(crate) struct RawAnswerer {
    pub(crate) component: Option<At<Code>>,
    pub(crate) sandbox: RawSandbox,
    pub(crate) environment: Vec<(At<VariableName>, At<VariableValue>)>,
    /// Keys that are written, by whom they are for.
    pub(crate) for_instances: Vec<(&'static str, Spot)>,
    pub(crate) for_components: Vec<(&'static str, Spot)>,
}

impl RawAnswerer {
    /// Keys of the service's own table.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let written = |fields: &Fields<'_>, keys: &[&'static str]| {
            keys.iter().filter_map(|key| Some((*key, fields.written(key)?))).collect()
        };
        Self {
            component: fields.optional(
                "component",
                "\"hello.wasm\"",
                "A WASI HTTP component that answers, in place of instances: a path, https://… with \
                 `sandbox.sha256`, or oci://…@sha256:….",
            ),
            sandbox: fields.table("sandbox", "How much a request may cost the component."),
            environment: fields.variables(
                "environment",
                "GREETING = \"hello\"",
                "The component's environment variables; default: none.",
            ),
            for_instances: written(fields, &FOR_INSTANCES),
            for_components: written(fields, &FOR_COMPONENTS),
        }
    }
}

/// `[service.NAME.sandbox]`
#[derive(Debug)]
pub(crate) struct RawSandbox {
    pub(crate) sha256: Option<At<Digest>>,
    pub(crate) time: At<Duration>,
    pub(crate) wait: At<Duration>,
    pub(crate) memory: At<Size>,
    pub(crate) instances: At<u32>,
}

impl Shape for RawSandbox {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            sha256: fields.optional(
                "sha256",
                EMPTY_SHA256,
                "What the SHA-256 of its bytes must be; default: any, but for a URL.",
            ),
            time: fields.bounded(
                "time",
                Duration::from_millis(500),
                MILLISECOND..=60 * SECOND,
                "The processor's time that one request may take.",
            ),
            wait: fields.bounded(
                "wait",
                60 * SECOND,
                MILLISECOND..=DAY,
                "The longest that one request may take, with its waits and its body.",
            ),
            memory: fields.bounded(
                "memory",
                Size::new(64 << 20),
                LEAST_MEMORY..=MOST_MEMORY,
                "The most memory of one instance of the component.",
            ),
            instances: fields.bounded(
                "instances",
                64,
                1..=MOST_INSTANCES,
                "The most requests at once, each on an instance of its own; more get a 503.",
            ),
        }
    }
}
