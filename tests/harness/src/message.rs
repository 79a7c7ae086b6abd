//! Heads of HTTP/1 messages as values: what clients and origins have in common.

use std::fmt;
use std::io;

/// More header lines than the proxy may ever send are an error of the test, not of the parser.
pub(crate) const MAX_LINES: usize = 256;

/// Header fields in the order in which they arrived, names as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of a name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All values of a name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether a name is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
    }

    pub(crate) fn from_parsed(lines: &[httparse::Header<'_>]) -> Self {
        let mut headers = Self::default();
        for line in lines {
            headers.push(line.name, line.value);
        }
        headers
    }

    pub(crate) fn from_map(map: &http::HeaderMap) -> Self {
        let mut headers = Self::default();
        for (name, value) in map {
            headers.push(name.as_str(), value.as_bytes());
        }
        headers
    }

    /// Whether a list header names a token.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

impl fmt::Display for Headers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| writeln!(out, "{name}: {value}"))
    }
}

/// The head of a response, final or interim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `10`, `11` or `20`.
    pub version: u8,
    /// The status code.
    pub status: u16,
    /// The reason phrase; empty in HTTP/2.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
}

impl Head {
    /// Reads a whole head, the empty line included.
    pub(crate) fn parse(raw: &[u8]) -> io::Result<Self> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        let mut parsed = httparse::Response::new(&mut lines);
        match parsed.parse(raw) {
            Ok(httparse::Status::Complete(length)) if length == raw.len() => Ok(Self {
                version: 10 + parsed.version.unwrap_or(1),
                status: parsed.code.unwrap_or(0),
                reason: parsed.reason.unwrap_or("").to_owned(),
                headers: Headers::from_parsed(parsed.headers),
            }),
            Ok(_) => Err(malformed("a response's head", raw, "it ends too early")),
            Err(error) => Err(malformed("a response's head", raw, error)),
        }
    }

    pub(crate) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }
}

pub(crate) fn malformed(what: &str, raw: &[u8], reason: impl fmt::Display) -> io::Error {
    let shown = String::from_utf8_lossy(&raw[..raw.len().min(2_000)]);
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} is malformed: {reason}: {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_order_case_and_repeats() {
        let raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nVia: x\r\nset-cookie: b\r\n\r\n";
        let head = Head::parse(raw).unwrap();
        assert_eq!(head.headers.all("SET-COOKIE").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(head.headers.to_string(), "Set-Cookie: a\nVia: x\nset-cookie: b\n");
    }
}
