//! Under which key a response is kept: service, scheme, authority, path and query, always all of them
//! (CVE-2026-2836 was a key without the authority), and what else it may depend on.

use http::{HeaderMap, HeaderName};
use pingora_cache::VarianceBuilder;
use pingora_cache::key::{HashBinary, hash_key};
use smallvec::SmallVec;

/// What a request is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The service that answers.
    pub service: &'a str,
    /// `http` or `https`, as the client's.
    pub scheme: &'a str,
    /// Host and port.
    pub authority: &'a str,
    /// Path and query as the instance sees them, or what a plugin says in place of them.
    pub path: &'a [u8],
    /// What else answers depend on: nothing, most of the time.
    pub more: &'a [u8],
}

impl Target<'_> {
    /// The key, in 128 bits: each part with its length, so that no two targets have the same.
    pub fn hash(&self) -> HashBinary {
        let authority = without_default_port(self.scheme, self.authority);
        let mut bytes: SmallVec<[u8; 256]> = SmallVec::new();
        let mut push = |part: &[u8]| {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            let begin = bytes.len();
            bytes.extend_from_slice(part);
            begin..bytes.len()
        };
        push(self.service.as_bytes());
        push(self.scheme.as_bytes());
        let host = push(authority.as_bytes());
        push(self.path);
        push(self.more);
        // Host names have no case (RFC 9110 section 4.2.3).
        if let Some(host) = bytes.get_mut(host) {
            host.make_ascii_lowercase();
        }
        hash_key(&bytes)
    }
}

/// A default port is none (RFC 9110 section 4.2.3).
fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).filter(|host| !host.is_empty()).unwrap_or(authority)
}

/// What tells one variant from another: the values of the fields in `names` (RFC 9111 section 4.1). None
/// where there is one variant only.
pub fn variant<'a>(
    names: impl IntoIterator<Item = &'a HeaderName>,
    request: &HeaderMap,
) -> Option<HashBinary> {
    let mut variance = VarianceBuilder::new();
    for name in names {
        let mut joined = Vec::new();
        for value in request.get_all(name) {
            // Lines of one field are one list; a field that is not there differs from an empty one.
            joined.extend_from_slice(b",");
            joined.extend_from_slice(value.as_bytes().trim_ascii());
        }
        variance.add_owned_name_value(name.as_str().to_owned(), joined);
    }
    variance.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Target<'static> = Target {
        service: "web",
        scheme: "http",
        authority: "example.com",
        path: b"/a?b",
        more: b"",
    };

    #[test]
    fn every_part_tells_keys_apart() {
        let others = [
            Target { service: "weba", ..PLAIN },
            Target { scheme: "https", ..PLAIN },
            Target { authority: "example.org", ..PLAIN },
            Target { authority: "example.com:8080", ..PLAIN },
            Target { path: b"/a", ..PLAIN },
            Target { path: b"/A?b", ..PLAIN },
            Target { more: b"x", ..PLAIN },
            // What one part ends with, the next does not begin with.
            Target { authority: "example.com/", path: b"a?b", ..PLAIN },
        ];
        for other in others {
            assert_ne!(other.hash(), PLAIN.hash(), "{other:?}");
        }
    }

    #[test]
    fn rfc9110_4_2_3_the_same_authority_is_the_same_key() {
        for authority in ["EXAMPLE.com", "example.com:80"] {
            assert_eq!(Target { authority, ..PLAIN }.hash(), PLAIN.hash());
        }
        let other = Target { authority: "example.com:443", ..PLAIN };
        assert_ne!(other.hash(), PLAIN.hash());
    }

    #[test]
    fn rfc9111_4_1_variants_differ_by_the_named_fields_alone() {
        let names = [HeaderName::from_static("accept-language")];
        let of = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().expect("value"));
            }
            variant(&names, &headers)
        };
        let german = of(&[("accept-language", "de")]);
        assert_eq!(german, of(&[("accept-language", "de"), ("accept", "x/y")]));
        assert_ne!(german, of(&[("accept-language", "en")]));
        assert_ne!(of(&[]), of(&[("accept-language", "")]));
        assert_eq!(variant(&[], &HeaderMap::new()), None);
    }
}
