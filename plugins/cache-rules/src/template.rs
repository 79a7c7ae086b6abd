//! Paths with named segments, and tags that are made of them: `/products/{id}/*` and `product:{id}`.

use std::borrow::Cow;

use hither_plugin::config::normalise;
use serde::Deserialize;

/// A path; `{name}` stands for one segment, a final `*` for whatever follows.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Template {
    segments: Vec<Part>,
    beginning: bool,
}

/// A tag; `{name}` stands for what the path has there.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Tag {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Named(String),
}

/// What a path has in the place of each name.
pub(crate) type Captured = Vec<(String, String)>;

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!("\"{text}\" is no path of a rule, as in \"/assets/*\" or \"/products/{{id}}\"")
        };
        let (path, beginning) = match text.strip_suffix('*') {
            Some(path) => (path, true),
            None => (&*text, false),
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'?' | b'#');
        let path =
            path.strip_prefix('/').filter(|path| path.bytes().all(plain)).ok_or_else(wrong)?;
        let segment =
            |segment: &str| match (segment.strip_prefix('{'), segment.contains(['{', '}'])) {
                (Some(rest), _) => name(rest.strip_suffix('}')?).map(Part::Named),
                (None, true) => None,
                (None, false) => Some(Part::Text(segment.to_owned())),
            };
        let segments = path.split('/').map(segment).collect::<Option<_>>().ok_or_else(wrong)?;
        Ok(Self { segments, beginning })
    }
}

fn name(text: &str) -> Option<String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!text.is_empty() && text.bytes().all(good)).then(|| text.to_owned())
}

impl Template {
    /// What a target's path has in the place of the names; none where it does not fit.
    pub(crate) fn captures(&self, target: &str) -> Option<Captured> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let path: Cow<'_, str> = normalise(path)?;
        let mut rest = path.strip_prefix('/')?;
        let mut captured = Vec::new();
        let last = self.segments.len() - 1;
        for (place, part) in self.segments.iter().enumerate() {
            let (segment, after) = match rest.split_once('/') {
                Some((segment, after)) => (segment, Some(after)),
                None => (rest, None),
            };
            match part {
                // The text before the `*` is the beginning of whatever follows.
                Part::Text(text) if place == last && self.beginning => {
                    return rest.starts_with(&**text).then_some(captured);
                }
                Part::Text(text) if text == segment => {}
                Part::Named(name) if !segment.is_empty() => {
                    captured.push((name.clone(), segment.to_owned()));
                }
                _ => return None,
            }
            match after {
                _ if place == last => {
                    return (after.is_none() || self.beginning).then_some(captured);
                }
                Some(after) => rest = after,
                None => return None,
            }
        }
        None
    }

    /// # Errors
    /// The tag has a name that this path has not.
    pub(crate) fn has_all_of(&self, tag: &Tag) -> Result<(), String> {
        match tag
            .parts
            .iter()
            .find(|part| matches!(part, Part::Named(_)) && !self.segments.contains(part))
        {
            Some(Part::Named(name)) => {
                Err(format!("the tag \"{}\" has `{{{name}}}`, which its path has not", tag.written))
            }
            _ => Ok(()),
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no tag, as in \"assets\" or \"product:{{id}}\"");
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let mut parts = Vec::new();
        let mut rest = &*text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or_else(wrong)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Named(name(inside).ok_or_else(wrong)?));
            rest = after;
        }
        if rest.contains('}') {
            return Err(wrong());
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { written: text, parts })
    }
}

impl Tag {
    pub(crate) fn fill(&self, captured: &Captured) -> String {
        let named = |name: &str| captured.iter().find(|(known, _)| known == name);
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Named(name) => filled.push_str(named(name).map_or("", |(_, value)| value)),
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(template: &str, target: &str) -> Option<String> {
        let template = Template::try_from(template.to_owned()).unwrap();
        let captured = template.captures(target)?;
        Some(captured.iter().map(|(name, value)| format!("{name}={value};")).collect())
    }

    #[test]
    fn a_path_fits_segment_by_segment() {
        for (template, target, expected) in [
            ("/", "/", Some("")),
            ("/", "/a", None),
            ("/*", "/a/b", Some("")),
            ("/assets/*", "/assets/a/b.css?v=1", Some("")),
            ("/assets/*", "/assets/", Some("")),
            ("/assets/*", "/assets", None),
            ("/ass*", "/assets/x", Some("")),
            ("/products/{id}", "/products/7", Some("id=7;")),
            ("/products/{id}", "/x/../products/%37", Some("id=7;")),
            ("/products/{id}", "/products/7/", None),
            ("/products/{id}", "/products/", None),
            ("/products/{id}/*", "/products/7/reviews", Some("id=7;")),
            ("/products/{id}/*", "/products/7", None),
            ("/{shop}/p/{id}", "/a/p/b", Some("shop=a;id=b;")),
            ("/{shop}/p/{id}", "/a/q/b", None),
            ("/a", "/..", None),
        ] {
            assert_eq!(captures(template, target).as_deref(), expected, "{template} {target}");
        }
    }

    #[test]
    fn what_is_no_template_or_tag_is_refused() {
        for bad in ["", "a", "/a?b", "/{", "/{}", "/{a b}", "/x{a}", "/*/a", "/{a}b"] {
            assert!(Template::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for bad in ["", "a b", "{", "}", "{}", "a}", "ä"] {
            assert!(Tag::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_are_made_of_what_the_path_has() {
        let tag = |text: &str| Tag::try_from(text.to_owned()).unwrap();
        let captured = vec![("id".to_owned(), "7".to_owned())];
        assert_eq!(tag("product:{id}-{id}!").fill(&captured), "product:7-7!");
        let path = Template::try_from("/products/{id}".to_owned()).unwrap();
        assert!(path.has_all_of(&tag("p:{id}")).is_ok());
        let why = path.has_all_of(&tag("p:{shop}")).unwrap_err();
        assert!(why.contains("`{shop}`"), "{why}");
    }
}
