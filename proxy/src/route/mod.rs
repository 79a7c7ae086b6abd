//! Which service takes a request: host first, then the longest path prefix. Pure; knows no request
//! type, no plugin and no instance.
//!
//! Hosts from the most exact to the least: the name itself, `*.example.com` with the most labels,
//! any. Where the exact host has no prefix that fits, the next less exact one is asked.

mod path;

pub(crate) use path::normalise;

use hither_config::{HostPattern, PathPrefix};
use std::borrow::Cow;
use std::collections::HashMap;

/// A table from host and path to a service, given as its place in a list.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    exact: HashMap<String, Prefixes>,
    /// By the part after `*.`.
    under: HashMap<String, Prefixes>,
    any: Prefixes,
}

/// Prefixes with their services, the longest first.
#[derive(Debug, Default)]
struct Prefixes(Vec<(PathPrefix, usize)>);

/// What of a request a service matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match<'a> {
    /// The service's place in the list.
    pub(crate) service: usize,
    pub(crate) host: HostMatch<'a>,
    pub(crate) prefix: &'a PathPrefix,
}

/// How a service came to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostMatch<'a> {
    /// It names this host.
    Exact(&'a str),
    /// It takes all hosts below this domain.
    Under(&'a str),
    /// It takes any host.
    Any,
}

impl Prefixes {
    fn add(&mut self, prefix: &PathPrefix, service: usize) {
        self.0.push((prefix.clone(), service));
        self.0.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.as_str().len()));
    }

    fn find<'a>(&'a self, host: HostMatch<'a>, path: &str) -> Option<Match<'a>> {
        let (prefix, service) = self.0.iter().find(|(prefix, _)| covers(prefix.as_str(), path))?;
        Some(Match { service: *service, host, prefix })
    }
}

/// Whole segments only: `/api` covers `/api` and `/api/x`, not `/apix`.
fn covers(prefix: &str, path: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Routes {
    /// Adds what a service answers for.
    pub(crate) fn add(&mut self, hosts: &[HostPattern], prefix: &PathPrefix, service: usize) {
        for host in hosts {
            let prefixes = match host {
                HostPattern::Any => &mut self.any,
                HostPattern::Under(domain) => self.under.entry(domain.clone()).or_default(),
                HostPattern::Exact(host) => self.exact.entry(host.clone()).or_default(),
            };
            prefixes.add(prefix, service);
        }
    }

    /// The service for an authority (with or without a port) and a normalised path.
    pub(crate) fn find(&self, authority: &str, path: &str) -> Option<Match<'_>> {
        if self.exact.is_empty() && self.under.is_empty() {
            return self.any.find(HostMatch::Any, path);
        }
        let host = host_of(authority);
        self.exact
            .get_key_value(&*host)
            .and_then(|(host, prefixes)| prefixes.find(HostMatch::Exact(host), path))
            .or_else(|| self.find_under(&host, path))
            .or_else(|| self.any.find(HostMatch::Any, path))
    }

    fn find_under(&self, host: &str, path: &str) -> Option<Match<'_>> {
        if self.under.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, domain)) = rest.split_once('.') {
            let under = self.under.get_key_value(domain);
            let found = under.and_then(|(d, prefixes)| prefixes.find(HostMatch::Under(d), path));
            if found.is_some() {
                return found;
            }
            rest = domain;
        }
        None
    }
}

/// The host alone, in lower case and without the root's dot.
pub(crate) fn host_of(authority: &str) -> Cow<'_, str> {
    let host = match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        _ => authority,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(services: &str) -> hither_config::Plan {
        let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\n";
        let source = hither_config::Source::new("t.toml", "/", format!("{listener}{services}"));
        let one = std::num::NonZeroUsize::MIN;
        let environment = hither_config::Environment::new("edge", one, |_| None);
        hither_config::load(&source, &environment).unwrap_or_else(|report| panic!("{report}"))
    }

    #[test]
    fn the_most_exact_host_and_the_longest_prefix_win() {
        let service = |name: &str, hosts: &str, prefix: &str| {
            format!(
                "[service.{name}]\n{hosts}\npath_prefix = \"{prefix}\"\n\
                 [[service.{name}.instance]]\nid = \"a\"\naddress = \"127.0.0.1:1\"\n"
            )
        };
        let text = [
            service("a-any", "", "/"),
            service("b-exact", "hosts = [\"example.com\"]", "/"),
            service("c-exact-api", "hosts = [\"example.com\"]", "/api"),
            service("d-under", "hosts = [\"*.example.com\"]", "/"),
            service("e-deeper", "hosts = [\"*.eu.example.com\"]", "/"),
            service("f-only-x", "hosts = [\"x.example.com\"]", "/x"),
        ]
        .concat();
        let plan = plan(&text);
        let names: Vec<&str> = plan.services.keys().map(|name| name.as_str()).collect();
        let mut routes = Routes::default();
        for (place, service) in plan.services.values().enumerate() {
            routes.add(&service.hosts, &service.path_prefix, place);
        }
        let find =
            |host: &str, path: &str| routes.find(host, path).map_or("-", |it| names[it.service]);
        assert_eq!(find("example.com", "/"), "b-exact");
        assert_eq!(find("EXAMPLE.com.:8080", "/"), "b-exact");
        assert_eq!(find("example.com", "/api"), "c-exact-api");
        assert_eq!(find("example.com", "/api/v1"), "c-exact-api");
        assert_eq!(find("example.com", "/apix"), "b-exact");
        assert_eq!(find("a.example.com", "/"), "d-under");
        assert_eq!(find("a.eu.example.com", "/"), "e-deeper");
        assert_eq!(find("x.example.com", "/x/1"), "f-only-x");
        assert_eq!(find("x.example.com", "/y"), "d-under");
        assert_eq!(find("[::1]:80", "/"), "a-any");
        assert_eq!(find("", "/"), "a-any");
        let how = |host: &str| routes.find(host, "/api").map(|it| (it.host, it.prefix.as_str()));
        assert_eq!(how("Example.com"), Some((HostMatch::Exact("example.com"), "/api")));
        assert_eq!(how("a.eu.example.com"), Some((HostMatch::Under("eu.example.com"), "/")));
        assert_eq!(how("elsewhere"), Some((HostMatch::Any, "/")));
    }
}
