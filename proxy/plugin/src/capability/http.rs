//! `http`: calls to services that the operator granted, bounded in number, time and size. The guest's own
//! time stands still while it waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::contract::hither::plugin::{http, types};
use crate::environment::{HttpAnswer, HttpCall, HttpError};
use crate::guest::Guest;
use crate::judge;

/// Places for calls under way.
pub(crate) struct Places {
    taken: Arc<AtomicUsize>,
    most: usize,
    /// Bytes of an answer.
    pub(crate) answer: usize,
}

/// One of them, until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Places {
    pub(crate) fn new(most: usize, answer: usize) -> Self {
        Self { taken: Arc::default(), most, answer }
    }

    fn take(&self) -> Option<Place> {
        let step = |taken: usize| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).ok()?;
        Some(Place(Arc::clone(&self.taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl http::Host for Guest {
    async fn send(
        &mut self,
        call: http::Call,
    ) -> wasmtime::Result<Result<http::Answer, http::Error>> {
        let may = self.enter("http")?;
        if !may.lent.services.contains(&call.service) {
            return Ok(Err(http::Error::Denied));
        }
        let unavailable = |why: &str| Ok(Err(http::Error::Unavailable(why.to_owned())));
        let now = Instant::now();
        let Some(until) = self.wait_until else {
            return unavailable("nobody may wait while a plugin is configured");
        };
        let left = until.saturating_duration_since(now);
        let call = match judged(call, left, may.calls.answer) {
            Ok(call) => call,
            Err(wrong) => return unavailable(&wrong),
        };
        if call.timeout.is_zero() {
            return Ok(Err(http::Error::Timeout));
        }
        let Some(_place) = may.calls.take() else {
            return unavailable("too many calls of this plugin are under way");
        };
        self.run_time.pause(now);
        let answer = may.environment.call(call).await;
        self.run_time.resume(Instant::now());
        Ok(answer.map(Into::into).map_err(Into::into))
    }
}

fn judged(raw: http::Call, left: Duration, most: usize) -> Result<HttpCall, judge::Wrong> {
    Ok(HttpCall {
        service: raw.service,
        method: judge::method(raw.method)?,
        path: judge::path(raw.path)?,
        headers: judge::fields(raw.headers)?,
        body: raw.body,
        timeout: left.min(Duration::from_millis(raw.timeout_ms.into())),
        most,
    })
}

impl From<HttpAnswer> for http::Answer {
    fn from(answer: HttpAnswer) -> Self {
        let field = |(name, value): (&::http::HeaderName, &::http::HeaderValue)| types::Field {
            name: name.as_str().to_owned(),
            value: value.as_bytes().to_vec(),
        };
        Self {
            status: answer.status.as_u16(),
            headers: answer.headers.iter().map(field).collect(),
            body: answer.body,
        }
    }
}

impl From<HttpError> for http::Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Timeout => Self::Timeout,
            HttpError::TooLarge => Self::TooLarge,
            HttpError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}
