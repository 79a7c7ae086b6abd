//! The fake host behind the capabilities wherever a plugin is not WebAssembly. One per thread, as tests
//! are; [`crate::test`] looks into it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use crate::instances::Instance;
use crate::log::Level;
use crate::test::Line;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) lines: Vec<Line>,
    pub(crate) counters: BTreeMap<u32, u64>,
    pub(crate) gauges: BTreeMap<u32, f64>,
    pub(crate) observations: BTreeMap<u32, Vec<f64>>,
    pub(crate) entries: HashMap<Vec<u8>, Entry>,
    pub(crate) versions: u64,
    pub(crate) now_ms: u64,
    pub(crate) services: HashMap<String, Vec<Instance>>,
    pub(crate) secrets: HashMap<String, Vec<u8>>,
    /// How many units each key of a limiter has, and what each key has left.
    pub(crate) limiters: HashMap<String, (u32, HashMap<Vec<u8>, u32>)>,
    pub(crate) answers: HashMap<(String, String), Result<http::Answer, http::Error>>,
    pub(crate) calls: Vec<http::Call>,
    pub(crate) purged: Vec<String>,
}

pub(crate) struct Entry {
    value: Vec<u8>,
    version: u64,
    expires_ms: u64,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

pub(crate) fn with<R>(access: impl FnOnce(&mut State) -> R) -> R {
    STATE.with(|state| access(&mut state.borrow_mut()))
}

pub(crate) mod log {
    use super::{Level, Line, with};

    pub(crate) fn emit(level: Level, message: &str, fields: &[(String, String)]) {
        let line = Line { level, message: message.to_owned(), fields: fields.to_vec() };
        with(|state| state.lines.push(line));
    }

    pub(crate) fn enabled(_: Level) -> bool {
        true
    }
}

pub(crate) mod metrics {
    use super::with;

    pub(crate) fn add(metric: u32, delta: u64) {
        with(|state| *state.counters.entry(metric).or_default() += delta);
    }

    pub(crate) fn set(metric: u32, value: f64) {
        with(|state| state.gauges.insert(metric, value));
    }

    pub(crate) fn observe(metric: u32, value: f64) {
        with(|state| state.observations.entry(metric).or_default().push(value));
    }
}

pub(crate) mod store {
    use super::{Entry, State, with};
    use crate::store::{Entry as Found, Error};

    fn live<'a>(state: &'a State, key: &[u8]) -> Option<&'a Entry> {
        state.entries.get(key).filter(|entry| state.now_ms < entry.expires_ms)
    }

    fn write(state: &mut State, key: &[u8], value: Vec<u8>, expires_ms: u64) -> u64 {
        state.versions += 1;
        let version = state.versions;
        state.entries.insert(key.to_vec(), Entry { value, version, expires_ms });
        version
    }

    pub(crate) fn get(key: &[u8]) -> Option<Found> {
        with(|state| {
            let entry = live(state, key)?;
            Some(Found { value: entry.value.clone(), version: entry.version })
        })
    }

    pub(crate) fn set(key: &[u8], value: &[u8], ttl_ms: u64) -> Result<u64, Error> {
        with(|state| {
            let expires_ms = state.now_ms.saturating_add(ttl_ms);
            Ok(write(state, key, value.to_vec(), expires_ms))
        })
    }

    pub(crate) fn compare_and_set(
        key: &[u8],
        value: &[u8],
        ttl_ms: u64,
        expected: u64,
    ) -> Result<Option<u64>, Error> {
        with(|state| {
            let version = live(state, key).map_or(0, |entry| entry.version);
            let expires_ms = state.now_ms.saturating_add(ttl_ms);
            let fits = version == expected;
            Ok(fits.then(|| write(state, key, value.to_vec(), expires_ms)))
        })
    }

    pub(crate) fn increment(key: &[u8], delta: i64, ttl_ms: u64) -> Result<i64, Error> {
        with(|state| {
            let counter = live(state, key).and_then(|entry| {
                let bytes = <[u8; 8]>::try_from(&*entry.value).ok()?;
                Some((i64::from_le_bytes(bytes), entry.expires_ms))
            });
            let fresh = (0, state.now_ms.saturating_add(ttl_ms));
            let (value, expires_ms) = counter.unwrap_or(fresh);
            let sum = value.saturating_add(delta);
            write(state, key, sum.to_le_bytes().to_vec(), expires_ms);
            Ok(sum)
        })
    }

    pub(crate) fn delete(key: &[u8]) {
        with(|state| state.entries.remove(key));
    }
}

pub(crate) mod instances {
    use super::with;
    use crate::instances::Instance;

    pub(crate) fn of_service(service: &str) -> Result<Vec<Instance>, String> {
        let none = || "no service bears this name".to_owned();
        with(|state| state.services.get(service).cloned()).ok_or_else(none)
    }
}

pub(crate) mod secrets {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::with;

    fn secret<R>(name: &str, ask: impl FnOnce(&[u8]) -> R) -> Result<R, String> {
        let none = || "this plugin was lent no secret of this name".to_owned();
        with(|state| state.secrets.get(name).map(|secret| ask(secret))).ok_or_else(none)
    }

    pub(crate) fn hmac_sha256(name: &str, data: &[u8]) -> Result<Vec<u8>, String> {
        secret(name, |secret| {
            let mut mac =
                Hmac::<Sha256>::new_from_slice(secret).map_err(|error| error.to_string())?;
            mac.update(data);
            Ok(mac.finalize().into_bytes().to_vec())
        })?
    }

    pub(crate) fn equals(name: &str, candidate: &[u8]) -> Result<bool, String> {
        secret(name, |secret| secret == candidate)
    }
}

pub(crate) mod limits {
    use super::with;
    use crate::limits::Outcome;

    fn limiter(
        name: &str,
        key: &[u8],
        ask: impl FnOnce(&mut u32) -> bool,
    ) -> Result<Outcome, String> {
        with(|state| {
            let none = "this plugin was lent no limiter of this name";
            let (units, keys) = state.limiters.get_mut(name).ok_or(none)?;
            let left = keys.entry(key.to_vec()).or_insert(*units);
            let allowed = ask(left);
            let retry_after_ms = if allowed { 0 } else { 1000 };
            Ok(Outcome { allowed, remaining: (*left).into(), retry_after_ms })
        })
    }

    pub(crate) fn take(name: &str, key: &[u8], cost: u32) -> Result<Outcome, String> {
        limiter(name, key, |left| {
            let after = left.checked_sub(cost);
            *left = after.unwrap_or(*left);
            after.is_some()
        })
    }

    pub(crate) fn peek(name: &str, key: &[u8]) -> Result<Outcome, String> {
        limiter(name, key, |left| *left > 0)
    }
}

pub(crate) mod http {
    use super::with;
    pub(crate) use crate::http::{Answer, Call, Error};

    pub(crate) fn send(call: &Call) -> Result<Answer, Error> {
        with(|state| {
            state.calls.push(call.clone());
            let asked = (call.service.clone(), call.path.clone());
            state.answers.get(&asked).cloned().unwrap_or(Err(Error::Denied))
        })
    }
}

pub(crate) mod cache_control {
    use super::with;

    pub(crate) fn purge_tag(tag: &str) -> Result<u32, String> {
        with(|state| state.purged.push(tag.to_owned()));
        Ok(0)
    }

    pub(crate) fn purge_url(url: &str) -> Result<bool, String> {
        with(|state| state.purged.push(url.to_owned()));
        Ok(false)
    }
}
