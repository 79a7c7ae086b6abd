//! `[plugin.NAME]`

use std::time::Duration;

use serde_json::Value;

use crate::findings::Spot;
use crate::read::{At, Fields, Shape};
use crate::value::{
    Capability, Code, Digest, FilePath, Isolation, Name, OnFailure, Size, VariableName,
};

/// A hook that may run longer holds its thread's other requests up.
const LONGEST: Duration = Duration::from_secs(10);
/// A linear memory has at least one page of 64 KiB and at most 4 GiB (core specification 4.2.8).
pub(super) const LEAST_MEMORY: Size = Size::new(64 << 10);
pub(super) const MOST_MEMORY: Size = Size::new(4 << 30);
/// What fits a whole form, and what fits a linear memory beside what is made of it.
const LEAST_BODY: Size = Size::new(1 << 10);
const MOST_BODY: Size = Size::new(256 << 20);
/// Pooled instances reserve address space each.
const MOST_INSTANCES: u32 = 4096;

/// A well-known digest: of nothing at all.
pub(crate) const EMPTY_SHA256: &str =
    "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"";

/// `[plugin.NAME]`
#[derive(Debug)]
pub(crate) struct RawPlugin {
    pub(crate) file: Option<At<Code>>,
    pub(crate) sha256: Option<At<Digest>>,
    pub(crate) grants: At<Vec<At<Capability>>>,
    pub(crate) on_failure: At<OnFailure>,
    pub(crate) isolation: At<Isolation>,
    pub(crate) time: At<Duration>,
    pub(crate) memory: At<Size>,
    pub(crate) instances: At<u32>,
    pub(crate) body: At<Size>,
    pub(crate) store: Option<At<Size>>,
    pub(crate) limiters: At<Vec<At<Name>>>,
    pub(crate) http: At<Vec<At<Name>>>,
    pub(crate) wait: Option<At<Duration>>,
    pub(crate) secrets: Vec<(At<Name>, RawSecret)>,
    pub(crate) config: Option<Value>,
}

impl Shape for RawPlugin {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            file: fields.required(
                "file",
                "\"plugins/headers.wasm\"",
                "The plugin's WebAssembly: a path, https://… with its `sha256`, or oci://…@sha256:….",
            ),
            sha256: fields.optional(
                "sha256",
                EMPTY_SHA256,
                "What the SHA-256 of its bytes must be; default: any, but for a URL.",
            ),
            grants: fields.list(
                "grants",
                "\"log\"",
                "What it may use of the proxy; default: nothing.",
            ),
            on_failure: fields.or(
                "on_failure",
                OnFailure::ByHook,
                "When a call fails: skip the plugin, or reject the request with 503; by-hook \
                 skips routing and rejects in filters.",
            ),
            isolation: fields.or(
                "isolation",
                Isolation::Pooled,
                "Whether an instance of the plugin serves many requests or one.",
            ),
            time: fields.bounded(
                "time",
                Duration::from_millis(5),
                Duration::from_millis(1)..=LONGEST,
                "The longest a call may take.",
            ),
            memory: fields.bounded(
                "memory",
                Size::new(32 << 20),
                LEAST_MEMORY..=MOST_MEMORY,
                "The most memory of one instance of the plugin.",
            ),
            instances: fields.bounded(
                "instances",
                64,
                1..=MOST_INSTANCES,
                "The most pooled instances of the plugin.",
            ),
            body: fields.bounded(
                "body",
                Size::new(1 << 20),
                LEAST_BODY..=MOST_BODY,
                "The most of a body that is held back for it, where it asks for all at once.",
            ),
            store: fields.bounded_optional(
                "store",
                "\"1MiB\"",
                Size::new(1 << 10)..=Size::new(1 << 30),
                "The size of its store, when \"store\" is granted; default: \"1MiB\".",
            ),
            limiters: fields.list(
                "limiters",
                "\"per-key\"",
                "Limiters that it may charge, each a table [limiter.NAME]; default: none.",
            ),
            http: fields.list(
                "http",
                "\"auth\"",
                "Services that it may call, when \"http\" is granted; default: none.",
            ),
            wait: fields.bounded_optional(
                "wait",
                "\"1s\"",
                Duration::from_millis(1)..=LONGEST,
                "The longest a call may take with its waits, when \"http\" is granted; default: \
                 \"1s\".",
            ),
            secrets: fields.named(
                "secrets",
                "signing",
                "Secrets that it may have compared and sign with, when \"secrets\" is granted; it \
                 never sees them.",
            ),
            config: fields.json("config", "The plugin's own configuration, handed to it as JSON."),
        }
    }
}

/// `[plugin.NAME.secrets.NAME]`
#[derive(Debug)]
pub(crate) struct RawSecret {
    pub(crate) spot: Spot,
    pub(crate) file: Option<At<FilePath>>,
    pub(crate) env: Option<At<VariableName>>,
}

impl Shape for RawSecret {
    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            spot: fields.spot(),
            file: fields.optional(
                "file",
                "\"secrets/signing\"",
                "File that holds it: text, without the blanks around it.",
            ),
            env: fields.optional("env", "\"SIGNING_KEY\"", "Environment variable that holds it."),
        }
    }
}
