//! How one call of a plugin went. What is counted of it, and what its failure means, is the caller's.

use std::time::Duration;

use crate::fault::Failure;

/// How one call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<T> {
    /// The verdict, or why there is none.
    pub outcome: Result<T, Failure>,
    /// How long it took, a fresh instance's start included; zero when the plugin was not called.
    pub time: Duration,
    /// Bytes of linear memory that the instance holds; zero when there was none.
    pub memory: usize,
    /// Whether an instance had to be started for it.
    pub fresh: bool,
    /// Whether the plugin was not called, because it had said so before and its verdicts follow from
    /// its inputs.
    pub remembered: bool,
}

impl<T> Report<T> {
    pub(crate) fn left_alone() -> Self {
        Self::not_called(Err(Failure::Open))
    }

    /// Of a call that could not be made.
    pub fn not_made(failure: Failure) -> Self {
        Self::not_called(Err(failure))
    }

    /// Of a plugin that needs not be called to know what it says.
    pub fn not_asked(verdict: T) -> Self {
        Self::not_called(Ok(verdict))
    }

    pub(crate) fn not_called(outcome: Result<T, Failure>) -> Self {
        Self { outcome, time: Duration::ZERO, memory: 0, fresh: false, remembered: false }
    }

    pub(crate) fn unconfigured(config: u32) -> Self {
        let reason = "this revision was not given it".to_owned();
        Self::not_called(Err(Failure::Unconfigured { config, reason }))
    }

    /// How long the plugin was asked; none where it needed not be.
    pub fn called_for(&self) -> Option<Duration> {
        (!self.remembered).then_some(self.time)
    }

    pub(crate) fn remembered(verdict: T) -> Self {
        Self { remembered: true, ..Self::not_called(Ok(verdict)) }
    }
}
