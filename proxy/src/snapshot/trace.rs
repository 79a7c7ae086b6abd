//! Who may have the trace of a decision with an answer: it tells of the inside.

use crate::secret::Secret;
use hither_config::TracePlan;
use http::{HeaderName, HeaderValue};
use std::net::IpAddr;
use std::sync::Arc;

/// The rule of `[admin.trace]`.
pub(crate) struct TraceRule {
    /// The field that asks for it.
    pub(crate) header: HeaderName,
    token: Option<Arc<Secret>>,
}

/// Where a request came from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// Whose connection it is.
    pub(crate) peer: IpAddr,
    pub(crate) peer_trusted: bool,
    /// Whose request it is, by what trusted proxies say.
    pub(crate) client: IpAddr,
    pub(crate) client_trusted: bool,
}

impl TraceRule {
    /// None where the header's name is none, which a checked plan cannot say.
    pub(super) fn new(plan: &TracePlan, token: Option<Arc<Secret>>) -> Option<TraceRule> {
        let header = HeaderName::from_bytes(plan.header.as_bytes()).ok()?;
        Some(TraceRule { header, token })
    }

    /// Whether a request with this value is told. The peer must be near in any case. Who shows the
    /// token is told whomever he speaks for; without a token the client itself must be near, or a
    /// trusted proxy would open the inside to the world.
    pub(crate) fn allows(&self, value: &HeaderValue, origin: Origin) -> bool {
        let near = |address: IpAddr, trusted: bool| trusted || address.is_loopback();
        near(origin.peer, origin.peer_trusted)
            && match &self.token {
                Some(token) => token.is(value.as_bytes()),
                None => near(origin.client, origin.client_trusted),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(peer: (&str, bool), client: (&str, bool)) -> Origin {
        let ip = |text: &str| text.parse().expect("an address");
        Origin {
            peer: ip(peer.0),
            peer_trusted: peer.1,
            client: ip(client.0),
            client_trusted: client.1,
        }
    }

    fn rule(token: Option<&str>) -> TraceRule {
        let plan = TracePlan { header: "x-trace".to_owned(), token_file: None };
        let token = token.map(|token| Arc::new(Secret::new(token).expect("not empty")));
        TraceRule::new(&plan, token).expect("a name")
    }

    #[test]
    fn strangers_are_told_nothing_and_proxies_only_for_those_they_may_speak_for() {
        let local = ("127.0.0.1", false);
        let proxy = ("10.0.0.1", true);
        let stranger = ("203.0.113.7", false);
        let any = HeaderValue::from_static("1");
        let allowed = |a, b| rule(None).allows(&any, origin(a, b));
        assert!(allowed(local, local) && allowed(proxy, proxy));
        assert!(!allowed(stranger, stranger), "from anywhere");
        assert!(!allowed(proxy, stranger), "a proxy speaks for a stranger");
        let right = HeaderValue::from_static("secret");
        let with = |value, a, b| rule(Some("secret")).allows(value, origin(a, b));
        assert!(with(&right, proxy, stranger) && with(&right, local, local));
        assert!(!with(&any, local, local) && !with(&any, proxy, proxy), "the token is asked for");
        assert!(!with(&right, stranger, stranger), "a token alone is not enough");
    }
}
