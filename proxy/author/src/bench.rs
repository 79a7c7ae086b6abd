//! How long a plugin takes, call by call, on this machine.

use std::time::{Duration, Instant};

use hither_plugin_host::{Failure, Hook, Revision};

use crate::error::Error;
use crate::message::{RequestFile, ResponseFile, Seen};
use crate::workbench::{Workbench, request_head, response_head};

/// Calls before any is counted: caches fill, memory is mapped.
const WARM_UP: usize = 200;
/// Calls that are kept in mind; more would only take memory.
const MOST_CALLS: usize = 5_000_000;

/// The hooks that requests wait for.
const TIMED: [Hook; 4] =
    [Hook::RateLimit, Hook::RequestFilter, Hook::Routing, Hook::ResponseFilter];

/// One hook's calls.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Which.
    pub hook: Hook,
    /// How long its calls took, host and guest together.
    pub time: Percentiles,
    /// Bytes of linear memory that the instance held at the end.
    pub memory: usize,
}

/// How long calls took.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "percentiles by their names")]
pub struct Percentiles {
    pub calls: usize,
    pub mean: Duration,
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub p999: Duration,
    pub most: Duration,
}

impl Workbench {
    /// Starts a first instance, and says how long that and its configuration took.
    ///
    /// # Errors
    /// When the plugin refuses the configuration.
    pub fn first_instance(&self, request: &RequestFile) -> Result<Duration, Error> {
        let begin = Instant::now();
        self.configured(request)?;
        Ok(begin.elapsed())
    }

    /// Calls every hook that requests wait for, for so long, one call after the other on one thread.
    ///
    /// # Errors
    /// When the plugin refuses the configuration, or a call fails.
    pub fn measure(
        &self,
        request: &RequestFile,
        response: &ResponseFile,
        time: Duration,
    ) -> Result<Vec<Measured>, Error> {
        let revision = self.configured(request)?;
        let hooks = TIMED.into_iter().filter(|hook| revision.hooks().contains(*hook));
        hooks.map(|hook| measure(&revision, hook, request, response, time)).collect()
    }
}

fn measure(
    revision: &Revision,
    hook: Hook,
    request: &RequestFile,
    response: &ResponseFile,
    time: Duration,
) -> Result<Measured, Error> {
    let seen = Seen { headers: &request.headers, path: &request.path, facts: &request.facts };
    let asked = request_head(request, &seen);
    let answered = Seen { headers: &response.headers, path: &request.path, facts: &request.facts };
    let answered = response_head(response, &answered);
    let call = || -> Result<usize, Failure> {
        match hook {
            Hook::RateLimit => {
                let report = revision.classify(&asked);
                report.outcome.map(|_| report.memory)
            }
            Hook::RequestFilter => {
                let report = revision.on_request(&asked);
                report.outcome.map(|_| report.memory)
            }
            Hook::Routing => {
                let report = revision.select(&asked);
                report.outcome.map(|_| report.memory)
            }
            _ => {
                let report = revision.on_response(&answered, 0);
                report.outcome.map(|_| report.memory)
            }
        }
    };
    let failed = |failure: Failure| {
        Error::Usage(format!("a call of {hook} failed, so it is not timed: {failure}"))
    };
    for _ in 0..WARM_UP {
        call().map_err(failed)?;
    }
    let (mut times, mut memory) = (Vec::new(), 0);
    let begin = Instant::now();
    let mut before = begin;
    while before.duration_since(begin) < time && times.len() < MOST_CALLS {
        memory = call().map_err(failed)?;
        let now = Instant::now();
        times.push(now.duration_since(before));
        before = now;
    }
    Ok(Measured { hook, time: Percentiles::of(times), memory })
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |thousandth: usize| {
            let place = times.len().saturating_sub(1) * thousandth / 1000;
            times.get(place).copied().unwrap_or_default()
        };
        let sum: Duration = times.iter().sum();
        let calls = times.len();
        Self {
            calls,
            mean: sum / u32::try_from(calls).unwrap_or(u32::MAX).max(1),
            p50: at(500),
            p90: at(900),
            p99: at(990),
            p999: at(999),
            most: at(1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = (0..=1000).rev().map(Duration::from_nanos).collect();
        let found = Percentiles::of(times);
        let nanos = [found.mean, found.p50, found.p90, found.p99, found.p999, found.most];
        assert_eq!(nanos.map(|time| time.as_nanos()), [500, 500, 900, 990, 999, 1000]);
        assert_eq!(Percentiles::of(Vec::new()).calls, 0);
    }
}
