//! Rules for paths: what they match, and what comes of it. They see a path in one spelling (escapes that need
//! not be are decoded, dots and empty segments resolved), so that no other spelling walks around them.

use hither_plugin::config::normalise;
use hither_plugin::{Method, Reply};
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;

/// What a client or an instance still takes.
const LONGEST: usize = 8 << 10;
/// The compiled size of one expression.
const LARGEST: usize = 256 << 10;

/// As an operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    methods: Vec<String>,
    to: String,
    #[serde(default)]
    redirect: Option<u16>,
}

#[derive(Debug)]
enum Matcher {
    /// Whole segments, without the slash at the end.
    Prefix(String),
    Regex(Regex),
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    matcher: Matcher,
    methods: Vec<String>,
    to: String,
    redirect: Option<u16>,
}

/// What comes of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It asks for this path instead.
    Path(String),
    /// Its client is sent elsewhere.
    Redirect(Reply),
    /// More has come of its path than may be.
    TooLong,
}

impl RawRule {
    pub(crate) fn read(self) -> Result<Rule, String> {
        let matcher = match (self.prefix, self.regex) {
            (Some(prefix), None) => {
                if normalise(&prefix).as_deref() != Some(&*prefix) {
                    return Err(format!(
                        "`prefix` is a path, plainly written, and not \"{prefix}\""
                    ));
                }
                Matcher::Prefix(prefix.trim_end_matches('/').to_owned())
            }
            (None, Some(regex)) => {
                let built = RegexBuilder::new(&regex).size_limit(LARGEST).build();
                Matcher::Regex(built.map_err(|error| format!("`regex`: {error}"))?)
            }
            _ => return Err("needs `prefix` or `regex`, one of them".to_owned()),
        };
        if let Some(status) =
            self.redirect.filter(|status| ![301, 302, 303, 307, 308].contains(status))
        {
            return Err(format!("`redirect` is 301, 302, 303, 307 or 308, and not {status}"));
        }
        goal(&self.to, self.redirect.is_some())?;
        if matches!(matcher, Matcher::Prefix(_)) && self.to.contains('?') {
            return Err(
                "`to` of a `prefix` has no query: the rest of the path follows it".to_owned()
            );
        }
        Ok(Rule { matcher, methods: self.methods, to: self.to, redirect: self.redirect })
    }
}

/// Where to: a path, or of a redirect also a URL. Which host it names must be written out, since what a client
/// sends must not decide where it is sent.
fn goal(to: &str, redirects: bool) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let url = to.strip_prefix("https://").or_else(|| to.strip_prefix("http://"));
    let good = match url {
        Some(rest) => {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            redirects && !host.is_empty() && !host.contains(['$', '\\', '@'])
        }
        None => (to.starts_with('/') || to.starts_with('$')) && !to.contains("://"),
    };
    match good && to.bytes().all(plain) {
        true => Ok(()),
        false => {
            Err(format!("`to` is a path, or of a redirect a URL with its host, and not \"{to}\""))
        }
    }
}

impl Rule {
    /// None where it does not match, or nothing would change.
    pub(crate) fn apply(&self, method: &Method, target: &str) -> Option<Outcome> {
        if !self.methods.is_empty() && !self.methods.iter().any(|one| one == method.name()) {
            return None;
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let mut to = self.goal(&normalise(path)?)?;
        if let Some(query) = query {
            to.push(if to.contains('?') { '&' } else { '?' });
            to.push_str(query);
        }
        if to == target {
            return None;
        }
        if to.len() > LONGEST {
            return Some(Outcome::TooLong);
        }
        Some(match self.redirect {
            Some(status) => Outcome::Redirect(Reply::new(status).header("location", to)),
            None => Outcome::Path(to),
        })
    }

    /// Without the query that was sent.
    fn goal(&self, path: &str) -> Option<String> {
        let to = match &self.matcher {
            Matcher::Prefix(prefix) => {
                let rest = path.strip_prefix(&**prefix)?;
                if !rest.is_empty() && !rest.starts_with('/') {
                    return None;
                }
                format!("{}{rest}", self.to.trim_end_matches('/'))
            }
            Matcher::Regex(regex) => {
                let captures = regex.captures(path)?;
                let mut to = String::new();
                captures.expand(&self.to, &mut to);
                to
            }
        };
        if self.to.contains("://") {
            // The rule names the host.
            return Some(to);
        }
        // `//evil.example` and `/\evil.example` would be other hosts.
        let (path, query) = match to.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*to, None),
        };
        let path = normalise(&format!("/{path}"))?.replace('\\', "%5C");
        Some(query.map_or(path.clone(), |query| format!("{path}?{query}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Rule {
        let raw: RawRule = serde_json::from_str(json).unwrap();
        raw.read().unwrap()
    }

    fn path(json: &str, target: &str) -> Option<String> {
        match rule(json).apply(&Method::Get, target)? {
            Outcome::Path(path) => Some(path),
            other => panic!("{other:?}"),
        }
    }

    fn location(json: &str, target: &str) -> String {
        match rule(json).apply(&Method::Get, target) {
            Some(Outcome::Redirect(reply)) => {
                String::from_utf8(reply.headers[0].value.clone()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn prefixes_are_taken_off_and_put_on_by_segments() {
        let strip = r#"{"prefix":"/api/","to":"/"}"#;
        for (target, expected) in [
            ("/api/a/b?c=d", Some("/a/b?c=d")),
            ("/api", Some("/")),
            ("/api?x", Some("/?x")),
            ("/apix", None),
            ("/x/api/", None),
            ("/%61pi/a", Some("/a")),
            ("/x/../api//a", Some("/a")),
            ("/..", None),
        ] {
            assert_eq!(path(strip, target).as_deref(), expected, "{target}");
        }
        assert_eq!(path(r#"{"prefix":"/","to":"/v2"}"#, "/a").as_deref(), Some("/v2/a"));
        assert_eq!(path(r#"{"prefix":"/a","to":"/a"}"#, "/a/b"), None, "nothing changes");
    }

    #[test]
    fn expressions_capture() {
        let users = r#"{"regex":"^/u/(?P<id>[0-9]+)(/.*)?$","to":"/users/${id}$2?from=u"}"#;
        assert_eq!(path(users, "/u/7/x").as_deref(), Some("/users/7/x?from=u"));
        assert_eq!(path(users, "/u/7?a=b").as_deref(), Some("/users/7?from=u&a=b"));
        assert_eq!(path(users, "/u/x"), None);
    }

    #[test]
    fn nobody_is_sent_where_a_client_wants() {
        let everything = r#"{"regex":"^/go(.*)$","to":"$1","redirect":302}"#;
        for (target, expected) in [
            ("/go/a", "/a"),
            ("/go//evil.example", "/evil.example"),
            ("/go/\\evil.example", "/%5Cevil.example"),
            ("/gohttps://evil.example", "/https:/evil.example"),
            ("/go", "/"),
        ] {
            assert_eq!(location(everything, target), expected, "{target}");
        }
        let parts = r#"{"regex":"^/(.*)x(/.*)$","to":"$1$2","redirect":302}"#;
        assert_eq!(location(parts, "/https:/x/evil.example"), "/https:/evil.example");
        let elsewhere = r#"{"prefix":"/old","to":"https://new.example/","redirect":308}"#;
        assert_eq!(location(elsewhere, "/old/a?b"), "https://new.example/a?b");
        assert_eq!(location(elsewhere, "/old"), "https://new.example");
        for bad in ["https://$1/", "https://new.example$1", "https:///$1", "https://a@$1"] {
            let raw = format!(r#"{{"regex":"(.*)","to":"{bad}","redirect":302}}"#);
            let raw: RawRule = serde_json::from_str(&raw).unwrap();
            assert!(raw.read().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_some_methods_and_no_path_without_measure() {
        let post = rule(r#"{"prefix":"/a","to":"/b","methods":["POST"]}"#);
        assert_eq!(post.apply(&Method::Get, "/a"), None);
        assert_eq!(post.apply(&Method::Post, "/a"), Some(Outcome::Path("/b".to_owned())));
        let grows = rule(r#"{"regex":"^(.*)$","to":"$1$1$1$1"}"#);
        let long = format!("/{}", "x".repeat(3000));
        assert_eq!(grows.apply(&Method::Get, &long), Some(Outcome::TooLong));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, part) in [
            (r#"{"to":"/"}"#, "`prefix` or `regex`"),
            (r#"{"prefix":"/a","regex":"a","to":"/"}"#, "one of them"),
            (r#"{"prefix":"/a//b","to":"/"}"#, "plainly written"),
            (r#"{"regex":"(","to":"/"}"#, "`regex`"),
            (r#"{"prefix":"/a","to":"b"}"#, "`to` is a path"),
            (r#"{"prefix":"/a","to":"https://b.example/"}"#, "`to` is a path"),
            (r#"{"prefix":"/a","to":"/b","redirect":200}"#, "not 200"),
            (r#"{"prefix":"/a","to":"/b?c"}"#, "no query"),
        ] {
            let raw: RawRule = serde_json::from_str(json).unwrap();
            let error = raw.read().unwrap_err();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
