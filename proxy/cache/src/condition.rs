//! Conditions and updates: a client's condition against a stored response (RFC 9110 section 13, RFC 9111
//! section 4.3.2), and a stored head that the origin says still holds (section 4.3.4, section 3.2). Pure.

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

/// Whether 304 answers a request with this head, where the stored response would otherwise.
pub fn not_modified(request: &HeaderMap, status: StatusCode, stored: &HeaderMap) -> bool {
    if status != StatusCode::OK {
        return false;
    }
    if request.contains_key(header::IF_NONE_MATCH) {
        // RFC 9110 section 13.1.2, weak comparison. If-Modified-Since is then not looked at.
        let ours = stored.get(header::ETAG).map(|etag| opaque(etag.as_bytes()));
        return request.get_all(header::IF_NONE_MATCH).iter().any(|value| {
            crate::control::items(value.as_bytes())
                .map(<[u8]>::trim_ascii)
                .any(|theirs| theirs == b"*" || ours.is_some_and(|ours| opaque(theirs) == ours))
        });
    }
    let date = |headers: &HeaderMap, name: &HeaderName| {
        httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
    };
    let since = date(request, &header::IF_MODIFIED_SINCE);
    // RFC 9111 section 4.3.2: without Last-Modified, Date is when it was surely what it is.
    let changed = match stored.contains_key(header::LAST_MODIFIED) {
        true => date(stored, &header::LAST_MODIFIED),
        false => date(stored, &header::DATE),
    };
    since.zip(changed).is_some_and(|(since, changed)| changed <= since)
}

/// Whether a part of a stored response may answer a request (RFC 9110 section 14.2 and section 13.1.5): for GET
/// alone, and never by a weak entity tag, which does not tell bytes.
pub fn may_be_cut(method: &Method, request: &HeaderMap) -> bool {
    let weak = request.get(header::IF_RANGE).is_some_and(|v| v.as_bytes().starts_with(b"W/"));
    *method == Method::GET && !weak
}

/// An entity tag without its weakness.
fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}

/// What is about a message's way or body, not about what it says (section 3.2 and, for what belongs to a
/// stored body, section 4.3.4).
const NOT_UPDATED: [HeaderName; 11] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
    header::TE,
    header::SET_COOKIE,
    // Section 4.1: which requests it answers has been settled by the key it is kept under.
    header::VARY,
];

/// The stored head as a 304 has it be from now on. A cookie of the 304's is for who asked, and an Age that
/// it does not have is over.
pub fn update(stored: &mut HeaderMap, fresh: &HeaderMap) {
    stored.remove(header::AGE);
    for name in fresh.keys().filter(|name| !NOT_UPDATED.contains(name)) {
        stored.remove(name);
        for value in fresh.get_all(name) {
            stored.append(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("value"));
        }
        headers
    }

    const MAY: &str = "Fri, 01 May 2026 00:00:00 GMT";
    const JUNE: &str = "Mon, 01 Jun 2026 00:00:00 GMT";

    #[test]
    fn rfc9110_13_1_2_if_none_match_compares_weakly_and_comes_first() {
        let stored = headers(&[("etag", "\"a,b\""), ("last-modified", MAY)]);
        let holds = |fields: &[(&'static str, &str)]| {
            not_modified(&headers(fields), StatusCode::OK, &stored)
        };
        assert!(holds(&[("if-none-match", "\"x\", W/\"a,b\"")]));
        assert!(holds(&[("if-none-match", "*")]));
        assert!(!holds(&[("if-none-match", "\"a\"")]));
        assert!(!holds(&[("if-none-match", "\"x\""), ("if-modified-since", JUNE)]));
        assert!(!holds(&[]));
        let any = headers(&[("if-none-match", "*")]);
        assert!(!not_modified(&any, StatusCode::NOT_FOUND, &stored));
    }

    #[test]
    fn rfc9111_4_3_2_if_modified_since_goes_by_last_modified_then_date() {
        let since = |date: &str| headers(&[("if-modified-since", date)]);
        let ok = StatusCode::OK;
        assert!(not_modified(&since(JUNE), ok, &headers(&[("last-modified", MAY)])));
        assert!(!not_modified(&since(MAY), ok, &headers(&[("last-modified", JUNE)])));
        assert!(not_modified(&since(JUNE), ok, &headers(&[("date", MAY)])));
        assert!(!not_modified(&since("soon"), ok, &headers(&[("date", MAY)])));
        assert!(!not_modified(
            &since(JUNE),
            ok,
            &headers(&[("last-modified", "x"), ("date", MAY)])
        ));
    }

    #[test]
    fn rfc9111_4_3_4_a_304_updates_the_stored_head_but_not_what_its_body_is() {
        let mut stored = headers(&[
            ("content-length", "3"),
            ("content-type", "text/plain"),
            ("x-a", "1"),
            ("x-a", "2"),
            ("age", "9"),
            ("date", MAY),
        ]);
        let fresh = headers(&[
            ("content-length", "0"),
            ("content-type", "x/y"),
            ("x-a", "3"),
            ("date", JUNE),
            ("set-cookie", "a=b"),
        ]);
        update(&mut stored, &fresh);
        let expected = headers(&[
            ("content-length", "3"),
            ("content-type", "text/plain"),
            ("x-a", "3"),
            ("date", JUNE),
        ]);
        assert_eq!(stored, expected);
    }
}
