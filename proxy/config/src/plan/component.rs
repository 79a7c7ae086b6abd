//! What one component that answers requests may cost.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use crate::value::{Digest, Size};

/// `component` of `[service.NAME]`, with its sandbox and its environment.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentPlan {
    /// Its WebAssembly file, absolute if the configuration's folder is.
    pub file: PathBuf,
    /// What the file's SHA-256 must be; none: not checked.
    pub sha256: Option<Digest>,
    /// The processor's time of one request.
    pub time: Duration,
    /// The longest that one request may take, its waits and its body included.
    pub wait: Duration,
    /// The most memory of one instance.
    pub memory: Size,
    /// The most requests at once.
    pub instances: NonZeroU32,
    /// All that it finds in its environment.
    pub environment: BTreeMap<String, String>,
}
