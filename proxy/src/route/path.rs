//! A path as routing sees it: one spelling for one place, so that `/public/../admin` or `/%61dmin`
//! cannot walk around the rules of `/admin`. Only for matching: the instance gets the path as sent.

use std::borrow::Cow;

/// RFC 3986 section 6.2.2: percent-encoded unreserved characters decoded, dot segments and empty
/// segments removed. `None` where dot segments climb above the root or an escape is broken.
pub(crate) fn normalise(path: &str) -> Option<Cow<'_, str>> {
    let bytes = path.as_bytes();
    let odd = bytes.contains(&b'%')
        || bytes.windows(2).any(|pair| pair == b"/." || pair == b"//")
        || bytes.first() != Some(&b'/');
    if !odd {
        return Some(Cow::Borrowed(path));
    }
    remove_segments(&decode_unreserved(path)?).map(Cow::Owned)
}

fn decode_unreserved(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3)?;
        let value = u8::from_str_radix(code, 16).ok().filter(|_| !code.starts_with('+'))?;
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(value));
        } else {
            out.push('%');
            out.push_str(&code.to_ascii_uppercase());
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Some(out)
}

fn remove_segments(path: &str) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    let mut directory = true;
    for segment in path.split('/') {
        directory = true;
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop()?;
            }
            _ => {
                kept.push(segment);
                directory = false;
            }
        }
    }
    let mut out = format!("/{}", kept.join("/"));
    if directory && out.len() > 1 {
        out.push('/');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_place_has_one_spelling() {
        let cases = [
            ("/a/b", "/a/b"),
            ("/a//b", "/a/b"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/%61dmin", "/admin"),
            ("/a%2fb", "/a%2Fb"),
            ("/a/b/", "/a/b/"),
            ("/a/..", "/"),
            ("/.", "/"),
            ("/.well-known/x", "/.well-known/x"),
            ("*", "/*"),
        ];
        for (given, expected) in cases {
            assert_eq!(normalise(given).as_deref(), Some(expected), "{given}");
        }
        for bad in ["/..", "/a/../..", "/%", "/%4", "/%zz", "/%+1"] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(path in "/[a-z%2E./]{0,40}") {
            if let Some(once) = normalise(&path) {
                let twice = normalise(&once);
                prop_assert_eq!(twice.as_deref(), Some(&*once));
            }
        }
    }
}
