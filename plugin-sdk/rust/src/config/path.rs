//! Paths, in one spelling for one place, so that nobody walks around a rule by writing a path differently.
//! As in the proxy's own `when`.

use std::borrow::Cow;

use serde::Deserialize;

/// A path that an operator writes: exactly this one, or with a final `*` whatever begins so. In JSON Schema:
/// `{ "type": "string", "pattern": "^/[^*?#]*\\*?$" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PathPattern {
    path: String,
    beginning: bool,
}

impl PathPattern {
    /// Whether it is about this target, with or without a query. A target that is no path (a broken escape,
    /// dots that climb above the root) is none of anybody's; the proxy refuses such requests itself.
    pub fn covers(&self, target: &str) -> bool {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        match normalise(path) {
            Some(path) if self.beginning => path.starts_with(&self.path),
            Some(path) => *path == *self.path,
            None => false,
        }
    }
}

impl TryFrom<String> for PathPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (path, beginning) = match text.strip_suffix('*') {
            Some(path) => (path, true),
            None => (&*text, false),
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'?' | b'#');
        let good = path.starts_with('/') && path.bytes().all(plain);
        if good && normalise(path).as_deref() == Some(path) {
            return Ok(Self { path: path.to_owned(), beginning });
        }
        Err(format!(
            "\"{text}\" is no path or its beginning, plainly written, as in \"/health\" or \"/api/*\""
        ))
    }
}

/// RFC 3986 section 6.2.2: percent-encoded unreserved characters decoded, dot segments and empty segments
/// removed. None where dot segments climb above the root or an escape is broken.
pub fn normalise(path: &str) -> Option<Cow<'_, str>> {
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

    fn pattern(text: &str) -> PathPattern {
        PathPattern::try_from(text.to_owned()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn no_spelling_of_a_path_walks_around_a_pattern() {
        let api = pattern("/api/*");
        for there in ["/api/", "/api/x?y", "/%61pi/x", "/x/../api/y", "//api//x", "/./api/x"] {
            assert!(api.covers(there), "{there}");
        }
        for elsewhere in ["/", "/api", "/apix", "/x/api/", "/api/../x", "/x?/api/", "/..", "/%zz"] {
            assert!(!api.covers(elsewhere), "{elsewhere}");
        }
        assert!(pattern("/health").covers("/health?now"));
        assert!(!pattern("/health").covers("/health/"));
        assert!(pattern("/*").covers("/anything"));
    }

    #[test]
    fn a_pattern_that_could_never_match_is_refused() {
        for bad in ["", "*", "api", "/a*b", "/a?b", "/a//b", "/a/../b", "/%61", "/ä", "/a b"] {
            assert!(PathPattern::try_from(bad.to_owned()).is_err(), "{bad:?} was taken");
        }
    }
}
