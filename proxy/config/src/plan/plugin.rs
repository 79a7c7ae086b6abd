//! What one plugin may do and cost.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::value::{Capability, Code, Digest, Isolation, Name, OnFailure, Size};

/// `[plugin.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub struct PluginPlan {
    /// Where its WebAssembly is.
    pub code: Code,
    /// What the SHA-256 of its bytes must be; none: not checked. Always there with [`Code::Https`].
    pub sha256: Option<Digest>,
    /// What it may use of the proxy.
    pub grants: BTreeSet<Capability>,
    /// What a failed call means.
    pub on_failure: OnFailure,
    /// How long an instance of it lives.
    pub isolation: Isolation,
    /// The longest a call may take.
    pub time: Duration,
    /// The most memory of one instance.
    pub memory: Size,
    /// The most pooled instances.
    pub instances: NonZeroU32,
    /// The most bytes of a body that are held back for it.
    pub body: Size,
    /// The size of its store; of no effect unless [`Capability::Store`] is granted.
    pub store: Size,
    /// Keys of [`Plan::limiters`](crate::Plan::limiters) that it may charge.
    pub limiters: BTreeSet<Name>,
    /// Services that it may call; none unless [`Capability::Http`] is granted.
    pub http: BTreeSet<Name>,
    /// The longest a call may take, its waits included; of no effect unless [`Capability::Http`] is granted.
    pub wait: Duration,
    /// What it may sign with and compare; none unless [`Capability::Secrets`] is granted.
    pub secrets: BTreeMap<Name, SecretPlan>,
    /// Its own configuration, an object; empty when the file has none.
    pub config: Value,
}

/// `[plugin.NAME.secrets.NAME]`: where a secret is, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlan {
    /// In a file, absolute if the configuration's folder is.
    File(PathBuf),
    /// In an environment variable of this process.
    Variable(String),
}
