//! Why a request cannot go on, with what its answer needs beyond the fault.

use crate::fault::Fault;
use std::sync::Arc;
use std::time::Duration;

/// Why a request cannot go on.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    pub(crate) retry_after: Option<Duration>,
    /// The rate limit that refused: its name and the values of its answer's fields.
    pub(crate) limit: Option<LimitAnswer>,
    /// The plugin that failed.
    pub(crate) plugin: Option<Arc<str>>,
}

/// What a refusing rate limit tells the client.
#[derive(Clone, Debug)]
pub(crate) struct LimitAnswer {
    pub(crate) name: Arc<str>,
    pub(crate) policy: String,
    pub(crate) state: String,
}

impl Failure {
    /// A component answers as many requests as it may: soon it may be fewer.
    pub(crate) fn component_full() -> Failure {
        Failure { retry_after: Some(Duration::from_secs(1)), ..Fault::ComponentFull.into() }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure { fault, retry_after: None, limit: None, plugin: None }
    }
}
