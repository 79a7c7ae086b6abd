//! What one component that answers requests may cost.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use crate::value::{Code, Digest, Size};

/// `component` of `[service.NAME]`, with its sandbox and its environment.
#[derive(Debug, Clone, PartialEq)]
pub struct ComponentPlan {
    /// Where its WebAssembly is.
    pub code: Code,
    /// What the SHA-256 of its bytes must be; none: not checked. Always there with [`Code::Https`].
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
