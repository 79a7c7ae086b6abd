//! What time it is. A wait for a time is over at once: a request thread never sleeps for a plugin.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource};

use super::Pollable;
use crate::guest::Guest;

type Cx<'a> = StoreContextMut<'a, Guest>;

/// Both clocks count in nanoseconds.
const RESOLUTION: Duration = Duration::from_nanos(1);

#[derive(ComponentType, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

impl From<Duration> for Datetime {
    fn from(since: Duration) -> Self {
        Self { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
    }
}

pub(super) fn define(
    it: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<bool> {
    match (interface, name) {
        ("monotonic-clock", "now") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((monotonic(),))
        })?,
        ("monotonic-clock", "resolution") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((nanoseconds(RESOLUTION),))
        })?,
        ("monotonic-clock", "subscribe-instant" | "subscribe-duration") => {
            it.func_wrap(name, |mut cx: Cx<'_>, (_,): (u64,)| {
                cx.data_mut().count()?;
                Ok((Resource::<Pollable>::new_own(0),))
            })?;
        }
        ("wall-clock", "now") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok((Datetime::from(since),))
        })?,
        ("wall-clock", "resolution") => it.func_wrap(name, |mut cx: Cx<'_>, ()| {
            cx.data_mut().count()?;
            Ok((Datetime::from(RESOLUTION),))
        })?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let rest = u32::try_from(now.tv_nsec).unwrap_or_default();
    nanoseconds(Duration::new(seconds, rest))
}
