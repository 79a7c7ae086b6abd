//! Who may use the admin API: whoever shows the token; without one, local programs but no web page.

use super::{Answer, problem};
use crate::secret::Secret;
use http::{HeaderMap, StatusCode, header};
use std::net::IpAddr;

/// The rule of one admin listener.
pub(super) struct Access {
    token: Option<Secret>,
}

impl Access {
    pub(super) fn new(token: Option<Secret>) -> Access {
        Access { token }
    }

    /// # Errors
    /// The answer that refuses.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Box<Answer>> {
        match &self.token {
            Some(token) => check_token(token, headers),
            None => check_local(headers),
        }
    }
}

fn check_token(token: &Secret, headers: &HeaderMap) -> Result<(), Box<Answer>> {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    if token.is(shown) {
        return Ok(());
    }
    let mut answer = problem(StatusCode::UNAUTHORIZED, "show the token: Authorization: Bearer …");
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    Err(Box::new(answer))
}

/// A page in a browser on this machine can send requests here too (by a form, or by a name that
/// resolves to 127.0.0.1). It cannot hide where it is from.
fn check_local(headers: &HeaderMap) -> Result<(), Box<Answer>> {
    let from_page = headers.contains_key(header::ORIGIN)
        || headers
            .get("sec-fetch-site")
            .is_some_and(|site| site != "none" && site != "same-origin");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    if !from_page && is_local_name(host) {
        return Ok(());
    }
    let words = "the admin API without a token is for local programs only";
    Err(Box::new(problem(StatusCode::FORBIDDEN, words)))
}

fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let access = Access::new(Secret::new("secret"));
        assert!(access.check(&headers(&[("authorization", "Bearer secret")])).is_ok());
        for wrong in ["Bearer secre", "Bearer secret2", "secret", "Basic secret"] {
            let mut map = HeaderMap::new();
            map.insert(header::AUTHORIZATION, wrong.parse().expect("value"));
            assert!(access.check(&map).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_web_page_cannot_use_the_local_api() {
        let access = Access::new(None);
        for good in ["127.0.0.1:9900", "[::1]:9900", "localhost", "localhost:9900"] {
            let mut map = HeaderMap::new();
            map.insert(header::HOST, good.parse().expect("value"));
            assert!(access.check(&map).is_ok(), "{good}");
        }
        assert!(access.check(&headers(&[("host", "evil.example:9900")])).is_err());
        assert!(access.check(&headers(&[("host", "localhost"), ("origin", "http://a")])).is_err());
        let cross = [("host", "localhost"), ("sec-fetch-site", "cross-site")];
        assert!(access.check(&headers(&cross)).is_err());
    }
}
