//! Which requests a plugin is asked about, where its attachment says. The head is looked at as this
//! plugin would see it; what is found out holds for all its hooks of the exchange.

use super::RequestMessage;
use crate::route;
use hither_config::{PathPattern, WhenPlan};

/// A condition: all of it must hold.
#[derive(Debug)]
pub(crate) struct When(WhenPlan);

impl When {
    pub(crate) fn new(plan: WhenPlan) -> When {
        When(plan)
    }

    /// Why the plugin is not asked, in words for an explanation; nothing where it is.
    pub(super) fn misses(&self, head: &impl RequestMessage) -> Option<&'static str> {
        let When(WhenPlan { path, methods, header }) = self;
        let method = head.method().as_str();
        if !methods.is_empty() && !methods.iter().any(|one| one == method) {
            return Some("method");
        }
        if header.as_ref().is_some_and(|name| !head.headers().contains_key(name.as_str())) {
            return Some("header");
        }
        path.as_ref().filter(|pattern| !covers(pattern, head.path())).map(|_| "path")
    }
}

/// In one spelling, so that nobody walks around a plugin by writing a path differently. What is no path
/// at all is nothing that a plugin may be kept from.
fn covers(pattern: &PathPattern, target: &str) -> bool {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let Some(path) = route::normalise(path) else { return true };
    match pattern {
        PathPattern::Exact(exact) => path == exact.as_str(),
        PathPattern::Beginning(beginning) => path.starts_with(beginning.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn misses(plan: WhenPlan, method: &str, target: &str) -> Option<&'static str> {
        let request = Request::builder().method(method).uri(target).header("x-tenant", "acme");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        When::new(plan).misses(&parts)
    }

    fn path(pattern: PathPattern) -> WhenPlan {
        WhenPlan { path: Some(pattern), methods: Vec::new(), header: None }
    }

    #[test]
    fn no_spelling_of_a_path_walks_around_its_plugin() {
        let api = || path(PathPattern::Beginning("/api/".to_owned()));
        for there in ["/api/", "/api/x?y", "/%61pi/x", "/x/../api/y", "//api//x", "/./api/x"] {
            assert_eq!(misses(api(), "GET", there), None, "{there}");
        }
        for elsewhere in ["/", "/api", "/apix", "/x/api/", "/api/../x", "/x?/api/"] {
            assert_eq!(misses(api(), "GET", elsewhere), Some("path"), "{elsewhere}");
        }
        let one = || path(PathPattern::Exact("/health".to_owned()));
        assert_eq!(misses(one(), "GET", "/health?now"), None);
        assert_eq!(misses(one(), "GET", "/health/"), Some("path"));
    }

    #[test]
    fn everything_that_is_said_must_hold() {
        let plan = |header: &str| WhenPlan {
            path: Some(PathPattern::Beginning("/".to_owned())),
            methods: vec!["GET".to_owned(), "PUT".to_owned()],
            header: Some(header.to_owned()),
        };
        assert_eq!(misses(plan("x-tenant"), "PUT", "/"), None);
        assert_eq!(misses(plan("x-tenant"), "POST", "/"), Some("method"));
        assert_eq!(misses(plan("x-other"), "GET", "/"), Some("header"));
    }
}
