//! Queries in one spelling, so that what differs in nothing that matters shares a key.

use std::borrow::Cow;

use serde::Deserialize;

/// What of a query matters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    /// Only these; none: all.
    #[serde(default)]
    keep: Option<Vec<NamePattern>>,
    /// None of these.
    #[serde(default)]
    drop: Vec<NamePattern>,
    /// In the order of their names; of one name in the order that they had.
    #[serde(default = "yes")]
    sort: bool,
}

fn yes() -> bool {
    true
}

/// The name of a parameter, or with a final `*` its beginning.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
struct NamePattern {
    name: String,
    beginning: bool,
}

impl From<String> for NamePattern {
    fn from(text: String) -> Self {
        match text.strip_suffix('*') {
            Some(name) => Self { name: name.to_owned(), beginning: true },
            None => Self { name: text, beginning: false },
        }
    }
}

impl NamePattern {
    fn covers(&self, name: &[u8]) -> bool {
        match self.beginning {
            true => name.starts_with(self.name.as_bytes()),
            false => name == self.name.as_bytes(),
        }
    }
}

impl Query {
    /// A target with what matters of its query. The path stays as it is: which spellings of a path are the
    /// same to the app is not known here.
    pub(crate) fn normalise(&self, target: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut kept: Vec<(Cow<'_, [u8]>, &str)> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| (decode(pair.split('=').next().unwrap_or_default()), pair))
            .filter(|(name, _)| self.matters(name))
            .collect();
        if self.sort {
            kept.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        let mut out = path.to_owned();
        for (place, (_, pair)) in kept.iter().enumerate() {
            out.push(if place == 0 { '?' } else { '&' });
            out.push_str(pair);
        }
        out
    }

    fn matters(&self, name: &[u8]) -> bool {
        let listed = |patterns: &[NamePattern]| patterns.iter().any(|pattern| pattern.covers(name));
        self.keep.as_ref().is_none_or(|keep| listed(keep)) && !listed(&self.drop)
    }
}

/// As forms write names; broken escapes stay as they are.
fn decode(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let code = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(value.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if value.is_some() { 3 } else { 1 };
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(config: &str, target: &str) -> String {
        serde_json::from_str::<Query>(config).unwrap().normalise(target)
    }

    #[test]
    fn what_does_not_matter_is_left_out_and_the_rest_is_in_order() {
        let tracking = r#"{"drop":["utm_*","gclid"]}"#;
        for (target, expected) in [
            ("/a", "/a"),
            ("/a?", "/a"),
            ("/a?b=2&a=1", "/a?a=1&b=2"),
            ("/a?utm_source=x&b=2&gclid=y&utm_=z", "/a?b=2"),
            ("/a?utm%5Fsource=x&%75tm_medium=y", "/a"),
            ("/a?gclids=1&&b", "/a?b&gclids=1"),
            ("/a?b=2&a=2&b=1", "/a?a=2&b=2&b=1"),
            ("/a?x=1?y=2", "/a?x=1?y=2"),
            ("/a?%zz=1&%=2", "/a?%=2&%zz=1"),
        ] {
            assert_eq!(key(tracking, target), expected, "{target}");
        }
        assert_eq!(key(r#"{"keep":["q","page"]}"#, "/s?x=1&page=2&q=a%26b"), "/s?page=2&q=a%26b");
        assert_eq!(key(r#"{"keep":["q*"],"drop":["qx"]}"#, "/s?qx=1&qy=2"), "/s?qy=2");
        assert_eq!(key(r#"{"sort":false}"#, "/s?b=1&a=2"), "/s?b=1&a=2");
    }
}
