//! A whole response.

use serde_json::Value;

use crate::message::{Head, Headers};

/// A response with all of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The interim responses before it.
    pub interim: Vec<Head>,
    /// The final head.
    pub head: Head,
    /// The body; empty where it was only counted.
    pub body: Vec<u8>,
    /// The body's length.
    pub length: u64,
    /// The trailers.
    pub trailers: Headers,
}

impl Response {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.head.headers
    }

    /// The first value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON: {error}: {self:?}"))
    }

    /// The same response.
    ///
    /// # Panics
    /// If it has another status, with all of it.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{}\n{}", self.head.headers, self.text());
        self
    }

    /// Whether the connection cannot be used again (RFC 9112, section 9.3).
    #[must_use]
    pub fn closes(&self) -> bool {
        let headers = self.headers();
        headers.lists("connection", "close")
            || (self.head.version == 10 && !headers.lists("connection", "keep-alive"))
    }
}
