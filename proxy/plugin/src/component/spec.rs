//! What a component is loaded from, and how much one request may cost it.

use std::time::Duration;

/// A component to load.
#[derive(Debug, Clone)]
pub struct ComponentSpec {
    /// The operator's name for it: the service's.
    pub name: String,
    /// A component, or a core module that carries a `component-type` section.
    pub bytes: Vec<u8>,
    /// The expected digest of `bytes`, as 64 hexadecimal digits in either case.
    pub sha256: Option<String>,
    /// All that it finds in its environment.
    pub environment: Vec<(String, String)>,
    /// How much it may use.
    pub budget: ComponentBudget,
}

/// How much one request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComponentBudget {
    /// The processor's time, its start included.
    pub time: Duration,
    /// From the request's begin until it has ended, waits included.
    pub wait: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Lines a second that all its instances together may print.
    pub lines: u32,
}
