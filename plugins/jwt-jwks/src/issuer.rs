//! An issuer's keys: in the memory of this instance, behind it in the store that all instances share, behind
//! that at the issuer. Who may ask there is decided by a counter in the store, so that no flood of tokens
//! becomes a flood of calls.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use hither_plugin::http::{Answer, Call, Error};
use hither_plugin::{log, store};
use jwt_core::{Jwks, Keys, Refusal, Token};

/// An issuer publishes a few kilobytes; a value of the store has at most 256 KiB.
const LARGEST: usize = 128 << 10;
/// Requests that may ask at once where no key is known at all, so that a start refuses nobody for the one
/// that asked first.
const AT_A_START: i64 = 4;
/// The store's bound on how long an entry lives.
const LONGEST: Duration = Duration::from_secs(30 * 86_400);

/// Where the keys are published, and what is known of them.
#[derive(Debug)]
pub(crate) struct Issuer {
    jwks: Jwks,
    /// Names of entries in the store: the keys, and the counter of calls.
    entry: Vec<u8>,
    counter: Vec<u8>,
    known: RefCell<Option<Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    /// The version of the entry that they were read from.
    version: u64,
    fetched_ms: u64,
    keys: Rc<Keys>,
}

impl Issuer {
    pub(crate) fn new(jwks: Jwks) -> Result<Self, String> {
        if jwks.interval.0 < Duration::from_secs(1) {
            return Err("`interval` in `jwks` is at least \"1s\"".to_owned());
        }
        if jwks.stale < jwks.lifetime || jwks.stale.0 > LONGEST {
            return Err("`stale` in `jwks` is at least `lifetime`, and at most 30 days".to_owned());
        }
        if !jwks.path.starts_with('/') {
            return Err("`path` in `jwks` begins with a slash, as in \"/jwks.json\"".to_owned());
        }
        let named = |kind: &str| format!("{kind} {}{}", jwks.service, jwks.path).into_bytes();
        let (entry, counter) = (named("keys"), named("calls"));
        Ok(Self { jwks, entry, counter, known: RefCell::default() })
    }

    /// The keys by which this token is to be judged.
    ///
    /// # Errors
    /// There are none yet.
    pub(crate) fn keys_for(&self, token: &Token, now_ms: u64) -> Result<Rc<Keys>, Refusal> {
        let held = self.held(now_ms);
        if let Some(known) = held.as_ref().filter(|known| known.keys.has_one_for(token)) {
            return Ok(Rc::clone(&known.keys));
        }
        // Another instance may have seen it.
        let stored = self.stored(now_ms).or(held);
        if let Some(known) = stored.as_ref().filter(|known| known.keys.has_one_for(token)) {
            return Ok(Rc::clone(&known.keys));
        }
        let many = if stored.is_none() { AT_A_START } else { 1 };
        let fetched = self.fetch(now_ms, many);
        let keys = fetched.or(stored.map(|known| known.keys));
        keys.ok_or(Refusal::Unavailable("the keys to check tokens with are not here yet"))
    }

    /// Fetches the keys where that is due.
    pub(crate) fn renew(&self, now_ms: u64) {
        let due =
            |known: Known| now_ms.saturating_sub(known.fetched_ms) >= self.jwks.lifetime.millis();
        if self.stored(now_ms).is_none_or(due) {
            self.fetch(now_ms, 1);
        }
    }

    /// What this instance knows; what it has had for long may have been renewed meanwhile.
    fn held(&self, now_ms: u64) -> Option<Known> {
        let known = self.known.borrow().clone();
        let lifetime = self.jwks.lifetime.millis();
        match known {
            Some(known) if now_ms.saturating_sub(known.fetched_ms) < lifetime => Some(known),
            _ => self.stored(now_ms),
        }
    }

    /// What the store has, read only where it is another version. It forgets by itself what is stale.
    fn stored(&self, now_ms: u64) -> Option<Known> {
        let entry = store::get(&self.entry)?;
        let known = self.known.borrow().clone();
        let known = match known.filter(|known| known.version == entry.version) {
            Some(known) => known,
            None => {
                let (time, json) = entry.value.split_first_chunk::<8>()?;
                let keys = Rc::new(Keys::published(json).ok()?);
                let fetched_ms = u64::from_le_bytes(*time);
                self.remember(Known { version: entry.version, fetched_ms, keys })
            }
        };
        let age = now_ms.saturating_sub(known.fetched_ms);
        (age < self.jwks.stale.millis()).then_some(known)
    }

    fn remember(&self, known: Known) -> Known {
        *self.known.borrow_mut() = Some(known.clone());
        known
    }

    /// Asks the issuer, if fewer than so many calls were made in this interval.
    fn fetch(&self, now_ms: u64, many: i64) -> Option<Rc<Keys>> {
        let calls = store::increment(&self.counter, 1, *self.jwks.interval);
        // A store without room for a counter must not lift the bound.
        if !calls.is_ok_and(|calls| calls <= many) {
            return None;
        }
        let call = Call::get(&self.jwks.service, &self.jwks.path)
            .header("accept", "application/jwk-set+json, application/json");
        match call
            .send()
            .map_err(|error| said(&error))
            .and_then(|answer| self.take(&answer, now_ms))
        {
            Ok(keys) => Some(keys),
            Err(why) => {
                log!(
                    Warn,
                    "the keys of {}{} were not fetched: {why}",
                    self.jwks.service,
                    self.jwks.path
                );
                None
            }
        }
    }

    fn take(&self, answer: &Answer, now_ms: u64) -> Result<Rc<Keys>, String> {
        if answer.status != 200 {
            return Err(format!("the answer is {}", answer.status));
        }
        if answer.body.len() > LARGEST {
            return Err(format!("they have more than {LARGEST} bytes"));
        }
        let keys = Rc::new(Keys::published(&answer.body)?);
        let value = [&now_ms.to_le_bytes(), &*answer.body].concat();
        match store::set(&self.entry, &value, *self.jwks.stale) {
            Ok(version) => {
                self.remember(Known { version, fetched_ms: now_ms, keys: Rc::clone(&keys) });
            }
            // Good for this request; without room nobody else will know them.
            Err(error) => log!(Warn, "the keys were not stored: {error:?}"),
        }
        Ok(keys)
    }
}

fn said(error: &Error) -> String {
    match error {
        Error::Denied => "the service is not granted under `http`".to_owned(),
        Error::Timeout => "there was no answer in time".to_owned(),
        Error::Unavailable(why) => why.clone(),
        Error::TooLarge => "the answer is too large".to_owned(),
    }
}
