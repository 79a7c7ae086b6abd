//! What arrived, as JSON. It repeats the request as the origin's HTTP library saw it: names in lower case, in
//! the order of their first appearance, a name that came twice twice.

use bytes::Bytes;
use http::request::Parts;
use serde::Serialize;

/// The body of an echo.
#[derive(Debug, Serialize)]
pub(super) struct Echo<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) version: &'static str,
    /// The host that was asked for: `:authority` in HTTP/2, else the `Host` header.
    pub(super) authority: Option<String>,
    pub(super) headers: Vec<(&'a str, String)>,
    /// Bytes of the request's body.
    pub(super) body_length: u64,
    pub(super) region: &'a str,
    pub(super) address: String,
    /// Requests the origin was at when this one came, itself included.
    pub(super) in_flight: u64,
}

/// The body of a health answer.
#[derive(Debug, Serialize)]
pub(super) struct Health<'a> {
    pub(super) healthy: bool,
    pub(super) region: &'a str,
    pub(super) address: String,
    pub(super) in_flight: u64,
    /// The most there ever were at once.
    pub(super) most_in_flight: u64,
    /// All requests so far, but for those to `/health`.
    pub(super) total: u64,
}

/// The body of an answer that is not an echo.
#[derive(Debug, Serialize)]
pub(super) struct Note<'a> {
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'a str>,
}

pub(super) fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_2 => "HTTP/2",
        http::Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

pub(super) fn authority(head: &Parts) -> Option<String> {
    let host = || head.headers.get(http::header::HOST).map(text);
    head.uri.authority().map(ToString::to_string).or_else(host)
}

pub(super) fn headers(head: &Parts) -> Vec<(&str, String)> {
    head.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect()
}

/// A value may hold bytes that are no text; JSON cannot, so those are shown as the replacement character.
fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// One line of JSON.
pub(super) fn line(value: &impl Serialize) -> Bytes {
    // Strings and numbers always serialise; an empty body would be noticed at once by whoever reads it.
    let mut text = serde_json::to_vec(value).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
