//! The grammar of one request line's target and of one field line: pure functions over bytes.

use crate::fault::Fault;
use std::ops::Range;

/// Which bytes are a `tchar` of RFC 9110 section 5.6.2.
static TOKEN_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES[usize::from(byte)]
}

/// Whether any byte is so. Looks at all of them without a branch, many at a time: nearly always none is.
fn any(bytes: &[u8], is_so: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | is_so(*byte))
}

/// Splits a field line into name and trimmed value (RFC 9112 section 5).
pub(super) fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::FoldedHeader);
    }
    let name_len = line.iter().take_while(|b| is_token_byte(**b)).count();
    let (name, rest) = line.split_at(name_len);
    let [b':', value @ ..] = rest else { return Err(Fault::BadHeader) };
    if name.is_empty() || any(value, is_control) {
        return Err(Fault::BadHeader);
    }
    Ok((name, value.trim_ascii()))
}

/// Where `part` begins in `whole`, of which it must be a slice.
pub(super) fn offset(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

const fn is_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f
}

/// `1*DIGIT` that fits 63 bits, so that no later arithmetic can wrap.
pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 {
        return None;
    }
    value.iter().try_fold(0u64, |n, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        n.checked_mul(10)?.checked_add(digit).filter(|n| *n <= i64::MAX as u64)
    })
}

/// `uri-host [ ":" port ]` as RFC 9110 section 7.2 has it, without the sub-delimiters that only
/// attacks use: a name, an IPv4 address or a bracketed IPv6 address.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let (name_ok, rest) = match value {
        [b'[', rest @ ..] => {
            let Some(end) = memchr::memchr(b']', rest) else { return false };
            let inside = &rest[..end];
            let ok = !inside.is_empty()
                && inside.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            (ok, &rest[end + 1..])
        }
        _ => {
            let end = memchr::memchr(b':', value).unwrap_or(value.len());
            let (name, rest) = value.split_at(end);
            let ok = !name.is_empty()
                && name
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
            (ok, rest)
        }
    };
    let port_ok = match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    name_ok && port_ok && value.len() <= 261
}

/// Checks a request target (RFC 9112 section 3.2) and tells where an absolute one names its
/// authority.
pub(super) fn check_target(method: &[u8], target: &[u8]) -> Result<Option<Range<usize>>, Fault> {
    if method == b"CONNECT" {
        return Err(Fault::MethodNotAllowed);
    }
    if any(target, |byte| !is_target_byte(byte)) || has_quote_in_query(target) {
        return Err(Fault::BadTarget);
    }
    match target {
        [b'/', ..] => Ok(None),
        b"*" if method == b"OPTIONS" => Ok(None),
        _ => absolute_authority(target).map(Some).ok_or(Fault::BadTarget),
    }
}

/// What may stand in a target. Some bytes that no URI may hold (RFC 3986 section 2) are sent by browsers and
/// pass; those that the `http` crate does not take are refused here, where the answer says why.
const fn is_target_byte(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'#' | b'<' | b'>' | b'`')
}

/// The `http` crate takes a quotation mark in a path, and none in a query.
fn has_quote_in_query(target: &[u8]) -> bool {
    memchr::memchr(b'?', target).is_some_and(|at| memchr::memchr(b'"', &target[at..]).is_some())
}

fn absolute_authority(target: &[u8]) -> Option<Range<usize>> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        target.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let rest = &target[scheme.len()..];
    let len = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    is_host(&rest[..len]).then(|| scheme.len()..scheme.len() + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_and_ports_and_nothing_else() {
        for good in ["a", "example.com", "a_b-c.d", "127.0.0.1:80", "[::1]", "[::1]:8080", "a:"] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a:b", "a:123456", "[::1", "[]", "[::1]x", "a b", "a/b", "u@a", "a,b",
            "a%00",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn token_bytes_are_those_that_the_http_crate_takes_in_names() {
        for byte in 0..=u8::MAX {
            assert_eq!(
                is_token_byte(byte),
                http::HeaderName::from_bytes(&[byte]).is_ok(),
                "{byte}"
            );
        }
    }

    #[test]
    fn a_control_byte_is_found_wherever_it_is() {
        for byte in 0..=u8::MAX {
            for before in 0..40 {
                let line = ["x: ".as_bytes(), &vec![b'a'; before], &[byte], &[b'b'; 20]].concat();
                let good = http::HeaderValue::from_bytes(&[byte]).is_ok();
                assert_eq!(split(&line).is_ok(), good, "{byte} after {before}");
            }
        }
    }

    #[test]
    fn a_target_that_passes_is_one_for_the_http_crate_too() {
        for byte in 0..=u8::MAX {
            for place in [&b"/"[..], b"/x", b"/?", b"/x?y"] {
                let target = [place, &[byte], b"z"].concat();
                if check_target(b"GET", &target).is_ok() {
                    let parsed = http::uri::PathAndQuery::try_from(&target[..]);
                    assert!(parsed.is_ok(), "{}", target.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn decimals_do_not_wrap() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"9223372036854775807"), Some(i64::MAX as u64));
        assert_eq!(decimal(b"9223372036854775808"), None);
        assert_eq!(decimal(b"00000000000000000001"), None);
        assert_eq!(decimal(b"1 "), None);
    }
}
