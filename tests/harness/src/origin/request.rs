//! A request as an origin received it, to the byte.

use std::io;

use crate::message::{Headers, MAX_LINES, malformed};

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRequest {
    /// The head's bytes, with the empty line.
    pub raw: Vec<u8>,
    /// The method.
    pub method: String,
    /// The request target, as it was written.
    pub target: String,
    /// `10` or `11`.
    pub version: u8,
    /// The header fields.
    pub headers: Headers,
    /// The body, without chunk framing; empty while it was not read.
    pub body: Vec<u8>,
    /// The body's trailers.
    pub trailers: Headers,
    /// On which connection it came, from 0 in the order in which they were accepted.
    pub connection: usize,
}

impl RawRequest {
    pub(crate) fn parse(raw: Vec<u8>, connection: usize) -> io::Result<Self> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        let mut parsed = httparse::Request::new(&mut lines);
        match parsed.parse(&raw) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return Err(malformed("a request's head", &raw, "it ends too early"));
            }
            Err(error) => return Err(malformed("a request's head", &raw, error)),
        }
        let (method, target) = (parsed.method.unwrap_or(""), parsed.path.unwrap_or(""));
        Ok(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            version: 10 + parsed.version.unwrap_or(1),
            headers: Headers::from_parsed(parsed.headers),
            body: Vec::new(),
            trailers: Headers::default(),
            connection,
            raw,
        })
    }

    /// The first value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}
