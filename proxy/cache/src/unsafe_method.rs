//! What a request that changes something makes invalid (RFC 9111 section 4.4). Pure.

use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, Uri, header};

/// Whether a method may change something (RFC 9110 section 9.2.1); one that is unknown may.
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// The paths and queries that an answer to such a request makes invalid: its own target, and what Location
/// and Content-Location name of the same origin. Nothing, where it failed.
pub fn invalidated(
    scheme: &str,
    authority: &str,
    target: &str,
    status: StatusCode,
    headers: &HeaderMap,
) -> Vec<String> {
    if !status.is_success() && !status.is_redirection() {
        return Vec::new();
    }
    let mut targets = vec![target.to_owned()];
    let named = [header::LOCATION, header::CONTENT_LOCATION].map(|name| headers.get(name).cloned());
    for value in named.into_iter().flatten() {
        let here =
            value.to_str().ok().and_then(|text| same_origin(text, scheme, authority, target));
        targets.extend(here.filter(|here| here != target));
    }
    targets
}

/// The path and query of a reference, where it is on this origin: others could purge theirs there.
fn same_origin(reference: &str, scheme: &str, authority: &str, base: &str) -> Option<String> {
    let reference = reference.split('#').next()?;
    if reference.starts_with("//") {
        return same_origin(&format!("{scheme}:{reference}"), scheme, authority, base);
    }
    if reference.starts_with('/') {
        return Some(reference.to_owned());
    }
    match reference.parse::<Uri>() {
        Ok(uri) if uri.scheme().is_some() => {
            let same = uri.scheme_str() == Some(scheme)
                && uri
                    .authority()
                    .map(Authority::as_str)
                    .is_some_and(|named| named.eq_ignore_ascii_case(authority));
            same.then(|| uri.path_and_query().map_or("/".to_owned(), ToString::to_string))
        }
        // Relative to the folder of the target (RFC 3986 section 5.2.3); with dots it is left alone.
        _ if reference.is_empty() || reference.contains("./") || reference.contains(':') => None,
        _ => {
            let path = base.split('?').next()?;
            let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
            Some(format!("{folder}{reference}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, fields: &[(&'static str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("value"));
        }
        let status = StatusCode::from_u16(status).expect("status");
        invalidated("http", "a.example", "/d/x?q", status, &headers)
    }

    #[test]
    fn rfc9111_4_4_what_succeeds_makes_its_target_invalid() {
        assert_eq!(of(200, &[]), ["/d/x?q"]);
        assert_eq!(of(303, &[]), ["/d/x?q"]);
        assert!(of(404, &[]).is_empty() && of(500, &[]).is_empty());
        assert!(is_unsafe(&Method::POST) && is_unsafe(&Method::from_bytes(b"X").expect("method")));
        assert!(!is_unsafe(&Method::OPTIONS));
    }

    #[test]
    fn rfc9111_4_4_what_it_names_is_invalid_on_the_same_origin_alone() {
        let named = |location: &str| of(201, &[("location", location)]).get(1).cloned();
        assert_eq!(named("/y"), Some("/y".to_owned()));
        assert_eq!(named("y#part"), Some("/d/y".to_owned()));
        assert_eq!(named("http://A.example/y?z"), Some("/y?z".to_owned()));
        assert_eq!(named("//a.example/y"), Some("/y".to_owned()));
        for elsewhere in ["https://a.example/y", "http://b.example/y", "//b.example/y", "mailto:x"]
        {
            assert_eq!(named(elsewhere), None, "{elsewhere}");
        }
        let both = of(200, &[("location", "/y"), ("content-location", "/z")]);
        assert_eq!(both, ["/d/x?q", "/y", "/z"]);
    }
}
