//! The `http` capability: calls to services that the operator granted under `http`. A plugin that uses it
//! waits, so it may only have hooks that may wait: not `cache_policy`.

use std::time::Duration;

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::hither::plugin::http as host;
#[cfg(not(target_arch = "wasm32"))]
use crate::fake::http as host;

pub use crate::bindings::imports::hither::plugin::http::{Answer, Call, Error};

use crate::{Field, Method};

impl Call {
    /// A GET of this path and query, to be answered within a second.
    pub fn get(service: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            method: Method::Get,
            path: path.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout_ms: 1000,
        }
    }

    /// A POST of this body.
    pub fn post(
        service: impl Into<String>,
        path: impl Into<String>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        Self { method: Method::Post, body: body.into(), ..Self::get(service, path) }
    }

    /// Adds a header. Framing is the host's.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push(Field { name: name.into(), value: value.into() });
        self
    }

    /// Waits so long; the host may bound it further.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        self
    }

    /// Sends it and waits for the whole answer.
    ///
    /// # Errors
    /// It was not granted, or there was no answer in time, or a larger one than may be.
    pub fn send(self) -> Result<Answer, Error> {
        host::send(&self)
    }
}

impl Answer {
    /// The first field of this name, when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(&found.value).ok()
    }
}
