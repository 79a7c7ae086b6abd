//! What the process and its machine lend to a configuration. Handed in, so that reading a file is
//! a pure function of its arguments; must not read the environment itself.

use std::num::NonZeroUsize;

/// Values that stand in where the file says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub(crate) host_name: String,
    pub(crate) cores: NonZeroUsize,
    pub(crate) region: Option<Variable>,
    pub(crate) cache_home: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) memory: Option<u64>,
}

/// An environment variable that is set, with its name for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

impl Environment {
    /// Looks up what it needs, once: `HITHER_REGION`, then `FLY_REGION`, for the edge's region;
    /// `XDG_CACHE_HOME` and `HOME` for the plugin cache. Empty variables count as unset.
    pub fn new(
        host_name: impl Into<String>,
        cores: NonZeroUsize,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name: &'static str| {
            let value = lookup(name).filter(|value| !value.is_empty())?;
            Some(Variable { name, value })
        };
        Self {
            host_name: host_name.into(),
            cores,
            region: set("HITHER_REGION").or_else(|| set("FLY_REGION")),
            cache_home: set("XDG_CACHE_HOME").map(|variable| variable.value),
            home: set("HOME").map(|variable| variable.value),
            memory: None,
        }
    }

    /// With so many bytes of memory, of which a part is taken at most.
    #[must_use]
    pub fn with_memory(self, bytes: Option<u64>) -> Self {
        Self { memory: bytes, ..self }
    }
}
