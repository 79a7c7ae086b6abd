//! What is wished of the HTTP cache.

use std::path::PathBuf;
use std::time::Duration;

use crate::value::Size;

/// `[cache]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePlan {
    /// The most memory of all responses that are kept.
    pub memory: Size,
    /// Behind it; none: nothing survives a restart.
    pub disk: Option<DiskPlan>,
}

/// `disk` of `[cache]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPlan {
    /// The folder, absolute if the configuration's is.
    pub folder: PathBuf,
    /// The most bytes of it.
    pub size: Size,
}

/// `[service.NAME.cache]` of a service whose responses are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachingPlan {
    /// How long a response is fresh that does not say it.
    pub default_ttl: Duration,
    /// How long after that it is given while it is fetched anew.
    pub stale_while_revalidate: Duration,
    /// How long after that it is given while it cannot be fetched.
    pub stale_if_error: Duration,
    /// The largest body that is kept; at most half of [`CachePlan::memory`].
    pub max_object: Size,
}
